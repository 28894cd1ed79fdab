//! What documents say of the repository: the files and tests that they name are
//! there, and their links lead somewhere.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders with documents.
const FOLDERS: [&str; 8] = [
    ".",
    "docs",
    "tests",
    "benches/peers",
    "fuzz",
    "crates/client",
    "crates/load",
    "crates/redis",
];

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_heading() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        for target in links(&text) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => document.clone(),
                file => folder.join(file),
            };
            if !path.exists() || !has_heading(&path, heading) {
                wrong.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere: {wrong:#?}");
}

#[test]
fn every_file_that_the_guides_to_the_code_name_exists() {
    let mut wrong = Vec::new();
    for guide in ["ARCHITECTURE.md", "CONTRIBUTING.md", "tests/README.md"] {
        let text = fs::read_to_string(guide).unwrap();
        let named: Vec<&str> = in_ticks(&text).filter(|name| is_path(name)).collect();
        assert!(!named.is_empty(), "{guide}");
        let missing = named.into_iter().filter(|path| !Path::new(path).exists());
        wrong.extend(missing.map(|path| format!("{guide}: {path}")));
    }
    assert!(wrong.is_empty(), "files that are not there: {wrong:#?}");
}

/// A test is named as in tests/cases.md, by its file and its function.
#[test]
fn every_test_that_holds_a_promise_exists() {
    let text = fs::read_to_string("tests/README.md").unwrap();
    let tests = in_ticks(&text).filter_map(|name| name.split_once(".rs::"));
    let mut seen = 0;
    for (file, test) in tests {
        let code = fs::read_to_string(place(&format!("{file}.rs"))).unwrap();
        assert!(code.contains(&format!("fn {test}(")), "{file}.rs: {test}");
        seen += 1;
    }
    assert!(seen > 0);
}

fn place(file: &str) -> PathBuf {
    match file.starts_with("src/") || file.starts_with("crates/") {
        true => PathBuf::from(file),
        false => Path::new("tests").join(file),
    }
}

fn documents() -> Vec<PathBuf> {
    let entries = FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let paths = entries.flatten().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect()
}

/// The targets of all links and pictures that stay in the repository, but for
/// those in code.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split('`').step_by(2);
    let markdown = |part: &'static str, end: char| {
        prose.clone().flat_map(move |prose| {
            let rest = prose.split(part).skip(1);
            rest.filter_map(move |rest| Some(rest.split_once(end)?.0))
        })
    };
    let all = markdown("](", ')')
        .chain(markdown("src=\"", '"'))
        .chain(markdown("srcset=\"", '"'));
    all.filter(|target| !target.contains("://"))
}

/// Whether the document has this heading, named as GitHub names it.
fn has_heading(path: &Path, wanted: &str) -> bool {
    let text = || fs::read_to_string(path).unwrap();
    wanted.is_empty() || text().lines().filter_map(heading).any(|is| is == wanted)
}

fn heading(line: &str) -> Option<String> {
    let title = line
        .starts_with('#')
        .then(|| line.trim_start_matches('#').trim())?;
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

fn in_ticks(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// Whether this is a path below the repository's root.
fn is_path(name: &str) -> bool {
    let root = ["src/", "crates/", "tests/", "assets/", "docs/", "benches/"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    root.iter().any(|root| name.starts_with(root)) && name.chars().all(plain)
}
