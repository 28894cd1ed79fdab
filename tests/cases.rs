//! The table of bad input, faults and attacks, tests/cases.md: every case is
//! there once, and every test that it names exists.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands in the place of a test that can't be written yet.
const WAITS: &str = "waits for ";

/// A row of the table: its number, and what stands under "tests".
struct Case {
    number: u32,
    answer: String,
    tests: String,
}

fn cases() -> Vec<Case> {
    let table = fs::read_to_string("tests/cases.md").unwrap();
    table.lines().filter_map(case).collect()
}

fn case(line: &str) -> Option<Case> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let ["", number, _, answer, tests, ""] = cells[..] else {
        return None;
    };
    Some(Case {
        number: number.parse().ok()?,
        answer: answer.to_owned(),
        tests: tests.to_owned(),
    })
}

/// The tests that a case names, each as its file and its name in that file.
fn named(case: &Case) -> Vec<(PathBuf, &str)> {
    let in_ticks = case.tests.split('`').skip(1).step_by(2);
    let parts = in_ticks.map(|test| test.split_once("::").unwrap());
    parts.map(|(file, name)| (place(file), name)).collect()
}

fn place(file: &str) -> PathBuf {
    match file.starts_with("src/") || file.starts_with("crates/") {
        true => PathBuf::from(file),
        false => Path::new("tests").join(file),
    }
}

/// Whether the file has a test of this name.
fn has_test(file: &Path, name: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let says = |how: &str| {
        let mut lines = text.lines().map(str::trim_start);
        lines.any(|line| line.starts_with(how) && line.contains(name))
    };
    match file.extension().and_then(|kind| kind.to_str()) {
        Some("rs") => is_test(&text, name),
        // A scene of engine_scenes.mjs is a test in each engine.
        Some("mjs") => says("test(") || says("scene("),
        Some("sh") => says("echo "),
        Some("py") => says("def "),
        _ => panic!("{file:?} is no file of tests"),
    }
}

/// Whether the function is there, and what stands right above it makes it a
/// test, or its name in a list of tests that run over each transport.
fn is_test(text: &str, name: &str) -> bool {
    let list = |name: &str| text.split_once(&format!("\n{name}! {{\n"));
    let over_each = list("over_each").or_else(|| list("over_transports"));
    let over_each = over_each.map(|(_, list)| list);
    if over_each.is_some_and(|list| list.lines().any(|line| line.trim() == name)) {
        return ["http: Http", "transport: Transport"]
            .iter()
            .flat_map(|parameter| [format!("({parameter})"), format!("(\n    {parameter},\n)")])
            .any(|parameters| text.contains(&format!("async fn {name}{parameters}")));
    }
    let Some((above, _)) = text.split_once(&format!("fn {name}(")) else {
        return false;
    };
    let paragraph = above.rsplit("\n\n").next().unwrap_or_default();
    paragraph.contains("#[test]") || paragraph.contains("#[tokio::test")
}

#[test]
fn every_case_is_there_once() {
    let numbers: Vec<u32> = cases().iter().map(|case| case.number).collect();
    assert_eq!(numbers, (1..=311).collect::<Vec<_>>());
}

#[test]
fn every_case_has_tests_that_exist_or_says_what_it_waits_for() {
    for case in cases() {
        let (number, tests) = (case.number, named(&case));
        let waits = case.tests.starts_with(WAITS);
        assert_eq!(tests.is_empty(), waits, "case {number}");
        assert_eq!(case.answer.is_empty(), waits, "case {number}");
        for (file, name) in tests {
            assert!(has_test(&file, name), "case {number}: {file:?} {name:?}");
        }
    }
}

#[test]
fn only_what_is_not_built_yet_is_waited_for() {
    let mut waiting: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for case in cases() {
        if let Some(what) = case.tests.strip_prefix(WAITS) {
            waiting
                .entry(what.to_owned())
                .or_default()
                .push(case.number);
        }
    }
    let expected = [("Redis", vec![83]), ("several nodes", vec![84])];
    let expected = expected.map(|(what, numbers)| (what.to_owned(), numbers));
    assert_eq!(waiting, BTreeMap::from(expected));
}
