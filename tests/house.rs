//! The rules of the house: which module may import which, what every file has,
//! and what documents and code must agree on.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

#[path = "house/circles.rs"]
mod circles;
#[path = "house/source.rs"]
mod source;
#[path = "house/words.rs"]
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// The source folders and their modules, from the top: each may use those below
/// it. `client`, `protocol` and `sse` of src are those of crates/client. The load
/// generator has its own, and knows nothing of the server.
const LAYERS: [(&str, &[&str]); 3] = [
    (
        "src",
        &[
            "main", "cli", "client", "server", "http", "tokens", "chat", "protocol", "sse",
            "config",
        ],
    ),
    (
        "crates/load/src",
        &[
            "modes",
            "driver",
            "assemble",
            "handshakes",
            "readers",
            "publisher",
            "progress",
            "run_data",
            "timeline",
            "tally",
            "shared",
            "schedule",
            "limits",
            "report",
            "plan",
            "target",
            "request_head",
            "address",
            "socket",
            "trust",
            "http2",
            "http_version",
            "payload",
            "room_numbers",
            "ledger",
            "outstanding",
            "pace",
            "response",
            "usage",
            "quantity",
            "error",
        ],
    ),
    (
        "crates/client/src",
        &["client", "certificate", "protocol", "sse"],
    ),
];
/// Modules that use no other, and that every other may use.
const LEAVES: [&str; 2] = ["sse", "config"];
/// Modules outside the layers: the crate's page, and what several layers are
/// tested against.
const OUTSIDE: [&str; 5] = [
    "lib",
    "counting_waker",
    "promises",
    "properties",
    "test_folder",
];

/// Holes that were known when this list was last read through, and the first
/// version without them.
const CLOSED_HOLES: [(&str, &str, &str); 12] = [
    ("bytes", "1.11.1", "RUSTSEC-2026-0007"),
    ("h2", "0.4.20", "RUSTSEC-2026-0258"),
    ("hyper", "1.12.0", "hyper #4143: the end of an answer stays"),
    ("mimalloc", "0.1.39", "RUSTSEC-2022-0094"),
    ("mio", "0.8.11", "RUSTSEC-2024-0019"),
    ("rand", "0.10.1", "RUSTSEC-2026-0097"),
    ("ring", "0.17.12", "RUSTSEC-2025-0009"),
    ("rustls", "0.23.46", "RUSTSEC-2026-0346"),
    ("rustls-webpki", "0.103.13", "RUSTSEC-2026-0104"),
    ("slab", "0.4.11", "RUSTSEC-2025-0047"),
    ("tokio", "1.54.1", "1.54.0: timers"),
    ("tracing-subscriber", "0.3.20", "RUSTSEC-2025-0055"),
];

#[test]
fn nothing_imports_upward() {
    let mut wrong = Vec::new();
    for (folder, layers) in LAYERS {
        for file in sources(Path::new(folder)) {
            wrong.extend(upward_imports(folder, layers, &file));
        }
    }
    assert!(wrong.is_empty(), "imports that point upward: {wrong:#?}");
}

fn upward_imports(folder: &str, layers: &[&str], file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let module = module_of(folder, file);
    if OUTSIDE.contains(&module.as_str()) {
        return Vec::new();
    }
    let layer = |name: &str| {
        let layer = layers.iter().position(|known| *known == name);
        layer.unwrap_or_else(|| panic!("{}: {name} is no known layer", file.display()))
    };
    let own = layer(&module);
    // From a folder's own files `super` reaches the folder, not another layer.
    let depth = file.strip_prefix(folder).unwrap().components().count() - 1;
    let upward = format!("use {}", "super::".repeat(depth + 1));
    assert!(
        depth == 0 || !text.contains(&upward),
        "{} reaches another layer by super",
        file.display()
    );
    let used = imports(&text).into_iter();
    used.filter(|used| !OUTSIDE.contains(&used.as_str()))
        .filter(|used| {
            let used = layer(used);
            used < own || (used > own && LEAVES.contains(&layers[own]))
        })
        .map(|used| format!("{} uses {used}", file.display()))
        .collect()
}

#[test]
fn no_child_module_imports_from_a_parent_that_imports_from_it() {
    let files = LAYERS.iter().flat_map(|(folder, _)| {
        let files = sources(Path::new(folder)).into_iter();
        files.map(move |file| (Path::new(folder), file))
    });
    let (mut pairs, mut circles) = (0, Vec::new());
    for (root, parent) in files {
        let Some(folder) = folder_of_children(root, &parent) else {
            continue;
        };
        let text = fs::read_to_string(&parent).unwrap();
        let below = folder.strip_prefix(root).unwrap();
        let path = format!("crate::{}", below.display()).replace('/', "::");
        for name in circles::children(&text) {
            let file = folder.join(&name).with_extension("rs");
            let child = fs::read_to_string(file)
                .or_else(|_| fs::read_to_string(folder.join(&name).join("mod.rs")))
                .unwrap();
            pairs += 1;
            if circles::is_circle(&text, &path, &name, &child) {
                circles.push(format!("{} and its {name}", parent.display()));
            }
        }
    }
    assert!(pairs > 100, "{pairs}");
    assert!(circles.is_empty(), "each imports the other: {circles:#?}");
}

/// The folder of a file's modules, if it has one; none for the root of a crate.
fn folder_of_children(root: &Path, parent: &Path) -> Option<PathBuf> {
    let folder = match parent.ends_with("mod.rs") {
        true => parent.parent()?.to_owned(),
        false => parent.with_extension(""),
    };
    (folder.is_dir() && folder != root).then_some(folder)
}

#[test]
fn the_load_generator_knows_no_server() {
    for file in sources(Path::new("crates/load/src")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("sse_chat::"), "{}", file.display());
    }
}

#[test]
fn the_product_knows_no_transport() {
    let folders = [
        "src/chat",
        "crates/client/src/protocol",
        "crates/client/src/sse",
    ];
    for file in folders.map(Path::new).into_iter().flat_map(sources) {
        let text = fs::read_to_string(&file).unwrap();
        for word in [
            "hyper",
            "http_body",
            "clap",
            "tokio::net",
            "TcpStream",
            "tracing",
            "prometheus_client",
        ] {
            assert!(
                !text.contains(&format!("use {word}")) && !text.contains(&format!("{word}::")),
                "{} names {word}",
                file.display()
            );
        }
    }
}

#[test]
fn tasks_are_started_only_where_sockets_or_the_command_line_are() {
    let folders = [
        "src/http",
        "src/chat",
        "crates/client/src/protocol",
        "crates/client/src/sse",
    ];
    for file in folders.map(Path::new).into_iter().flat_map(sources) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("::spawn(") && !text.contains("spawn_blocking"),
            "{}",
            file.display()
        );
    }
}

/// The newest run of all works, which has a plot, is the one that the README shows, to
/// the digit.
#[test]
fn the_figures_of_the_readme_are_those_that_were_measured() {
    let runs = fs::read_dir("benches/runs").unwrap();
    let runs = runs.map(|run| run.unwrap().path());
    let newest = runs.filter(|run| run.join("plot.svg").exists());
    let newest = newest.max().unwrap();
    let table = fs::read_to_string(newest.join("table.md")).unwrap();
    let readme = fs::read_to_string("README.md").unwrap();
    let mut rows = table
        .lines()
        .skip_while(|line| !line.starts_with("| server"))
        .take_while(|line| line.starts_with('|'));
    assert!(rows.clone().count() > 3, "{table}");
    let ours = rows.clone().find(|row| row.starts_with("| sse-chat "));
    let figures = ours.unwrap().split('|');
    let figures: Vec<_> = figures.filter_map(|cell| cell.split(" (").next()).collect();
    let (delivery, reader) = (figures[2].trim(), figures[7].trim());
    let cost = format!("{delivery} µs of CPU time per delivery, {reader} KiB per idle reader");
    assert!(readme.contains(&cost), "{cost}");
    assert!(rows.all(|row| readme.contains(&format!("\n{row}\n"))));
    assert!(readme.contains(&format!("({}/plot.svg)", newest.display())));
}

#[test]
fn no_dependency_has_a_hole_that_was_known() {
    let lock = fs::read_to_string("Cargo.lock").unwrap();
    let mut seen = 0;
    for (name, version) in packages(&lock) {
        for (_, first, hole) in CLOSED_HOLES
            .iter()
            .filter(|(dependency, ..)| *dependency == name)
        {
            seen += 1;
            let closed = numbers(version) >= numbers(first);
            assert!(closed, "{name} {version} is older than {first}: {hole}");
        }
    }
    // Not all of them are used, and a lock that can't be read has none.
    assert!(seen > CLOSED_HOLES.len() / 2, "{seen}");
}

#[test]
fn every_limit_is_explained_to_the_operator() {
    let guide = fs::read_to_string("docs/operating.md").unwrap();
    let rows = guide.lines().filter(|line| line.starts_with("| `--"));
    let rows = rows.collect::<String>();
    let flags = fs::read_to_string("src/cli/serve/limits.rs").unwrap();
    let variables = flags.split("env = \"SSE_CHAT_").skip(1);
    let mut explained = 0;
    for variable in variables.map(|rest| rest.split('"').next().unwrap()) {
        let flag = format!("`--{}`", variable.to_lowercase().replace('_', "-"));
        assert!(
            rows.contains(&flag),
            "{flag} has no row in docs/operating.md"
        );
        explained += 1;
    }
    assert!(explained > 0);
}

#[test]
fn every_test_that_a_document_names_exists() {
    let folders = LAYERS.iter();
    let code = folders
        .flat_map(|(folder, _)| sources(Path::new(folder)))
        .chain(sources(Path::new("tests")))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect::<String>();
    let security = fs::read_to_string("docs/security.md").unwrap();
    let in_code = security.split('`').skip(1).step_by(2);
    let is_test = |name: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.chars().all(plain) && name.matches('_').count() > 2
    };
    let tests: Vec<_> = in_code.filter(is_test).collect();
    assert!(!tests.is_empty());
    for test in tests {
        assert!(code.contains(&format!("fn {test}(")), "there is no {test}");
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    for file in LAYERS
        .iter()
        .flat_map(|(folder, _)| sources(Path::new(folder)))
        .filter(|file| !file.ends_with("tests.rs"))
    {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{}", file.display());
    }
}

/// The name and version of each package in a lock file.
fn packages(lock: &str) -> impl Iterator<Item = (&str, &str)> {
    lock.split("[[package]]").skip(1).map(|package| {
        let value = |key: &str| {
            let mut lines = package.lines();
            lines.find_map(|line| {
                line.strip_prefix(key)?
                    .strip_prefix(" = \"")?
                    .strip_suffix('"')
            })
        };
        (value("name").unwrap(), value("version").unwrap())
    })
}

/// `1.12.0` in an order in which 12 comes after 9.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit()).take(3);
    parts.map(|part| part.parse().unwrap()).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    files
        .chain(folders.iter().flat_map(|folder| sources(folder)))
        .collect()
}

/// The module directly below `folder` that a file belongs to.
fn module_of(folder: &str, file: &Path) -> String {
    let path = file.strip_prefix(folder).unwrap();
    let first = Path::new(path.components().next().unwrap().as_os_str());
    first.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Every `crate::module` and `sse_chat::module` of a file.
fn imports(text: &str) -> Vec<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| {
        ["crate::", "sse_chat::"]
            .iter()
            .flat_map(move |root| line.split(root).skip(1))
    })
    .map(|rest| {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    })
    .collect()
}
