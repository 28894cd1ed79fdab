//! The joiner, with small sources, and with those of the page.

use std::fs;
use std::path::Path;

use super::*;

const SERVED: &[ServedScript] = &[
    ServedScript::Joined {
        path: "start.js",
        on: &[],
    },
    ServedScript::Joined {
        path: "main.js",
        on: &["start.js"],
    },
    ServedScript::Folder {
        path: "later.js",
        folder: "later/",
        on: &["start.js", "main.js"],
    },
    ServedScript::Joined {
        path: "stream/worker.js",
        on: &[],
    },
    ServedScript::Alone("words.js"),
];

fn joined(changed: &[(&str, &str)]) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::from([
        ("a.css", "@import \"b/c.css\";"),
        ("b/c.css", "c {}"),
        ("icon.svg", "  <svg/>"),
        (
            "later/more.js",
            "import { a as b } from '../view/a.js';\nimport { c } from './c.js';\nimport { e } from '../e.js';\nexport const more = b + c + e;",
        ),
        ("later/c.js", "export const c = 2;"),
        (
            "start.js",
            "// x\nimport { a } from './view/a.js';\nimport { d } from './shared.js';\nimport('./main.js');\nimport('./words.js');\nimport('./view/a.js');\nimport('./stream/worker.js');",
        ),
        ("shared.js", "export function d() {}"),
        (
            "main.js",
            "import { a } from './view/a.js';\nimport { e } from './e.js';\nimport('./later/more.js');\nimport('./shared.js');\nexport const main = a + e;",
        ),
        ("e.js", "export const e = 3;"),
        (
            "stream/worker.js",
            "import { d } from '../shared.js';\nexport class Worker {}",
        ),
        (
            "view/a.js",
            "import { d } from '../shared.js';\nexport const a = d;\nimport.meta.url;",
        ),
        ("words.js", "export const words = 1;"),
    ]);
    files.extend(changed.iter().copied());
    let files = files.into_iter().map(|(path, text)| PageFile {
        path: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
    });
    let joined = join_as(SERVED, &["a.css"], files.collect())?;
    let text = |file: PageFile| (file.path, String::from_utf8(file.bytes).unwrap());
    Ok(joined.into_iter().map(text).collect())
}

#[test]
fn each_module_is_a_function_after_those_that_it_imports_from() {
    let files = joined(&[]).unwrap();
    let paths: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "a.css",
            "icon.svg",
            "later.js",
            "main.js",
            "start.js",
            "stream/worker.js",
            "words.js"
        ]
    );
    assert_eq!(files["icon.svg"], "  <svg/>");
    assert_eq!(files["a.css"], "c {}\n");
    assert_eq!(files["words.js"], "export const words = 1;\n");
    assert_eq!(
        files["start.js"],
        "const $0 = (() => {\nfunction d() {}\nreturn { d };\n})();\n\
         const $1 = (() => {\nconst { d } = $0;\nconst a = d;\nnew URL('./view/a.js', import.meta.url).href;\nreturn { a };\n})();\n\
         (() => {\nconst { a } = $1;\nconst { d } = $0;\n\
         import('./main.js').then(({ modules }) => modules['main.js']);\n\
         import('./words.js');\n\
         Promise.resolve().then(() => $1);\n\
         import('./stream/worker.js').then(({ modules }) => modules['stream/worker.js']);\n})();\n\
         export const modules = { 'shared.js': $0, 'view/a.js': $1, };\n"
    );
}

#[test]
fn a_later_bundle_takes_the_instances_of_those_before() {
    let files = joined(&[]).unwrap();
    assert_eq!(
        files["main.js"],
        "import { modules as $base0 } from './start.js';\n\
         const $0 = (() => {\nconst e = 3;\nreturn { e };\n})();\n\
         const $1 = (() => {\nconst { a } = $base0['view/a.js'];\nconst { e } = $0;\n\
         import('./later.js').then(({ modules }) => modules['later/more.js']);\n\
         Promise.resolve($base0['shared.js']);\nconst main = a + e;\nreturn { main };\n})();\n\
         export const modules = { 'e.js': $0, 'main.js': $1, };\n"
    );
    assert_eq!(
        files["later.js"],
        "import { modules as $base0 } from './start.js';\n\
         import { modules as $base1 } from './main.js';\n\
         const $0 = (() => {\nconst c = 2;\nreturn { c };\n})();\n\
         const $1 = (() => {\nconst { a: b } = $base0['view/a.js'];\nconst { c } = $0;\nconst { e } = $base1['e.js'];\nconst more = b + c + e;\nreturn { more };\n})();\n\
         export const modules = { 'later/c.js': $0, 'later/more.js': $1, };\n"
    );
}

#[test]
fn the_worker_has_all_that_it_needs() {
    assert_eq!(
        joined(&[]).unwrap()["stream/worker.js"],
        "const $0 = (() => {\nfunction d() {}\nreturn { d };\n})();\n\
         const $1 = (() => {\nconst { d } = $0;\nclass Worker {}\nreturn { Worker };\n})();\n\
         export const modules = { 'shared.js': $0, 'stream/worker.js': $1, };\n"
    );
}

#[test]
fn the_page_is_a_few_files() {
    let joined = join(page_files(Path::new("assets"), "")).unwrap();
    let text = |path: &str| {
        let file = joined.iter().find(|file| file.path == path).unwrap();
        std::str::from_utf8(&file.bytes).unwrap()
    };
    assert!(joined.len() < 20, "{joined:?}");
    // A tab loads the worker's script if there is no SharedWorker.
    assert!(text("stream/worker.js").contains("'stream/connection.js': $"));
    assert!(!text("chat.js").contains("'stream/connection.js': $"));
    assert!(!text("start.js").contains("'chat.js': $"));
    for path in ["start.js", "chat.js", "stream/worker.js"] {
        assert!(!text(path).contains("'later/help.js': $"), "{path}");
    }
    assert!(!text("chat.css").contains("@import"));
}

fn page_files(folder: &Path, below: &str) -> Vec<PageFile> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.flat_map(|entry| {
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => page_files(&entry.path(), &format!("{path}/")),
            false => vec![PageFile {
                bytes: fs::read(entry.path()).unwrap(),
                path,
            }],
        }
    });
    files.collect()
}

#[test]
fn other_forms_are_refused_with_their_place() {
    for (path, text, refused) in [
        (
            "view/a.js",
            "\nimport { x } from './x.js';\nexport const a = 1;",
            "assets/view/a.js:2: there is no view/x.js",
        ),
        (
            "view/a.js",
            "import { x } from '../shared.js';\nexport const a = 1;",
            "assets/view/a.js:1: shared.js does not export x",
        ),
        (
            "view/a.js",
            "import { a } from './a.js';\nexport const a = 1;",
            "assets/view/a.js:1: modules import each other: view/a.js -> view/a.js",
        ),
        (
            "shared.js",
            "import { a } from './view/a.js';\nexport const d = 1;",
            "assets/shared.js:1: modules import each other: view/a.js -> shared.js -> view/a.js",
        ),
        (
            "shared.js",
            "import { c } from './later/c.js';\nexport const d = 1;",
            "assets/shared.js:1: later/ is loaded later: use import()",
        ),
        (
            "shared.js",
            "import('./x.js');\nexport const d = 1;",
            "assets/shared.js:1: there is no ./x.js",
        ),
        (
            "shared.js",
            "export let d = 1;",
            "assets/shared.js:1: only const",
        ),
        ("view/b.js", "", "assets/view/b.js is not used"),
        ("b/d.css", "", "assets/b/d.css is not used"),
        (
            "words.js",
            "import { d } from './shared.js';",
            "assets/words.js is served as it is",
        ),
    ] {
        let found = joined(&[(path, text)]).unwrap_err();
        assert!(found.starts_with(refused), "{found}");
    }
}
