//! The words of comments and names: plain technical English, by a list of habits
//! that are refused, and one name for each type of a crate. Strings are not
//! looked at: tests send them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Source, Token};
use crate::sources;

/// The folders and files whose words are checked.
const CHECKED: [&str; 7] = [
    "src", "crates", "tests", "benches", "examples", "fuzz", "build.rs",
];

/// Words without a plain meaning in a comment or a name, in lower case. In names
/// an underscore stands for a space.
const REFUSED_WORDS: [&str; 11] = [
    "whoever",
    "somebody",
    "nobody",
    "told",
    "so many",
    "hand out",
    "hands out",
    "handed out",
    "one too many",
    "one too much",
    "is let",
];
/// Words that no sentence begins with.
const REFUSED_BEGINNINGS: [&str; 3] = ["Who", "Whoever", "Whom"];
/// Beginnings of names that no function has.
const REFUSED_FUNCTIONS: [&str; 2] = ["what_", "who_"];

#[test]
fn comments_and_names_are_in_plain_words() {
    let mut found = Vec::new();
    for file in checked_files() {
        let habits = habits_of(&fs::read_to_string(&file).unwrap());
        if !habits.is_empty() {
            found.push((file, habits));
        }
    }
    assert!(found.is_empty(), "write it in plain words: {found:#?}");
}

#[test]
fn no_two_types_of_a_crate_have_the_same_name() {
    let mut shared = Vec::new();
    for folder in crates() {
        for (name, places) in types_of(&folder) {
            if places.len() > 1 {
                shared.push((folder.display().to_string(), name, places));
            }
        }
    }
    assert!(shared.is_empty(), "rename one of each: {shared:#?}");
}

fn checked_files() -> Vec<PathBuf> {
    let checked = CHECKED.iter().map(Path::new);
    let mut files: Vec<PathBuf> = checked
        .flat_map(|path| match path.is_dir() {
            true => sources(path),
            false => vec![path.to_owned()],
        })
        .filter(|file| !file.components().any(|part| part.as_os_str() == "target"))
        .collect();
    files.sort();
    files
}

/// The refused habits of a file, each with its line.
fn habits_of(text: &str) -> Vec<String> {
    let source = Source::read(text);
    let mut habits = Vec::new();
    for (line, paragraph) in source.paragraphs() {
        let text = without_code(&paragraph);
        let begins = sentences(&text).filter_map(|sentence| sentence.split_whitespace().next());
        for beginning in begins.filter(|word| REFUSED_BEGINNINGS.contains(word)) {
            habits.push(format!("{line}: a sentence begins with {beginning}"));
        }
        let words = words_of(&text);
        habits.extend(refused_in(&words).map(|word| format!("{line}: {word:?} in a comment")));
    }
    let mut before = "";
    for Token { line, text } in source.tokens() {
        let words = words_of(&text.replace('_', " "));
        habits.extend(refused_in(&words).map(|word| format!("{line}: {word:?} in {text}")));
        if before == "fn"
            && REFUSED_FUNCTIONS
                .iter()
                .any(|start| text.starts_with(start))
        {
            habits.push(format!("{line}: fn {text}"));
        }
        before = text;
    }
    habits
}

/// Text without what stands in backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let is_decoration = |c: char| !c.is_alphanumeric();
    [". ", "? ", "! "]
        .iter()
        .fold(vec![text], |parts, end| {
            parts.iter().flat_map(|part| part.split(end)).collect()
        })
        .into_iter()
        .map(move |sentence| sentence.trim_start_matches(is_decoration))
}

/// The words of a text in lower case, with a space around each. `CamelCase` is two.
fn words_of(text: &str) -> String {
    let mut words = String::from(" ");
    let mut was_lower = false;
    for c in text.chars() {
        if c.is_uppercase() && was_lower {
            words.push(' ');
        }
        was_lower = c.is_lowercase();
        match c.is_alphanumeric() {
            true => words.extend(c.to_lowercase()),
            false if !words.ends_with(' ') => words.push(' '),
            false => {}
        }
    }
    words.push(' ');
    words
}

fn refused_in(words: &str) -> impl Iterator<Item = &'static str> {
    let has = |word: &&&str| words.contains(&format!(" {word} "));
    let refused: Vec<&str> = REFUSED_WORDS.iter().filter(has).copied().collect();
    refused.into_iter()
}

/// The source folders of the workspace's packages.
fn crates() -> Vec<PathBuf> {
    let members = fs::read_dir("crates").unwrap();
    let members = members.map(|member| member.unwrap().path().join("src"));
    let mut folders: Vec<PathBuf> = members.filter(|folder| folder.is_dir()).collect();
    folders.push("src".into());
    folders.sort();
    folders
}

/// The types of a crate, each with the files that declare it. Types of test modules
/// and associated types do not count.
fn types_of(folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let files: Vec<(PathBuf, Source)> = sources(folder)
        .into_iter()
        .map(|file| {
            let source = Source::read(&fs::read_to_string(&file).unwrap());
            (file, source)
        })
        .collect();
    let test_modules: Vec<PathBuf> = files
        .iter()
        .flat_map(|(file, source)| {
            let folder = folder_of_submodules(file);
            source
                .test_modules()
                .into_iter()
                .map(move |name| folder.join(name))
        })
        .collect();
    let is_test = |file: &Path| {
        let module = file.with_extension("");
        test_modules.iter().any(|tests| module.starts_with(tests))
    };
    let mut types: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (file, source) in files.iter().filter(|(file, _)| !is_test(file)) {
        for name in source.types() {
            types.entry(name).or_default().push(file.clone());
        }
    }
    types
}

fn folder_of_submodules(file: &Path) -> PathBuf {
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    }
}

#[test]
fn every_habit_is_noticed_in_comments_and_names_but_not_in_strings() {
    for (text, count) in [
        ("/// Who asks is refused.\n", 1),
        ("//! It is refused.\n//! Whoever asks, too.\n", 2),
        ("/// Asks `Whom. Who` it may.\n", 0),
        ("/* The room was\n told. */", 1),
        ("fn what_is() { is_told(); }", 2),
        ("struct NobodyHere;", 1),
        (
            "let s = \"// whoever\"; let r = r#\"nobody \" somebody\"#; let c = '\"'; // told",
            1,
        ),
        ("let so_many = 'a'; fn f<'a>(is_let: &'a str) {}", 2),
        ("// One\n// too many.\nlet x = 1; // so\n// many", 2),
        ("/// Retold in a hand outside.\nfn whatever() {}", 0),
    ] {
        let habits = habits_of(text);
        assert_eq!(habits.len(), count, "{text}: {habits:?}");
    }
}

#[test]
fn types_are_found_but_not_associated_or_test_types() {
    let text = "
        pub struct A<T>(T);
        impl<T> Iterator for A<T> { type Item = T; fn next() { enum B {} } }
        trait C { type D; }
        type E = fn() -> struct_like;
        #[cfg(test)] mod tests { struct F; mod g { struct H; } }
        #[cfg(test)] mod other;
        mod plain { struct I { r#type: u8 } }
        // struct J;
        macro_rules! m { ($name:ident) => { pub enum $name { $($variant,)+ } } }
        const TEXT: &str = \"struct K\";
    ";
    let source = Source::read(text);
    assert_eq!(source.types(), ["A", "B", "C", "E", "I"]);
    assert_eq!(source.test_modules(), ["other"]);
}
