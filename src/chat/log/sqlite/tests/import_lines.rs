//! Lines that are no whole export are refused, each with its number.

use std::io::{BufReader, Read as _};

use super::super::{export, import};
use super::transfer::full_store;
use super::{SqliteStore, TestFolder, options};

/// The lines of an export of a store with everything in it.
fn full_export() -> String {
    let folder = TestFolder::new();
    drop(full_store(&folder));
    let mut lines = Vec::new();
    export(folder.path(), &mut lines).unwrap();
    String::from_utf8(lines).unwrap()
}

/// Why lines are refused. They make no store.
fn refusal(lines: &str) -> String {
    let copy = TestFolder::new();
    let made = import(copy.path(), &mut lines.as_bytes());
    let error = made.expect_err(lines).to_string();
    assert!(!error.contains('\n'), "{error}");
    assert!(!copy.path().exists(), "{error}");
    error
}

#[test]
fn an_export_that_was_cut_off_at_any_line_is_refused() {
    let text = full_export();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (last, rest) = lines.split_last().unwrap();
    assert_eq!(*last, format!("{{\"end\":{{\"lines\":{}}}}}\n", rest.len()));
    for count in 1..lines.len() {
        let error = refusal(&lines[..count].concat());
        let expected = format!("line {}: the export was cut off; export again", count + 1);
        assert_eq!(error, expected);
    }
    let error = refusal(&format!("{text}{last}"));
    assert!(error.contains("after the last line"), "{error}");
    let fewer = text.replace(last, "{\"end\":{\"lines\":7}}");
    assert!(refusal(&fewer).contains("more lines than were exported"));
}

#[test]
fn a_room_can_be_left_out_of_an_import() {
    let text = full_export();
    let is_of_room = |line: &&str| line.contains("\"name\":\"r1\"") || line.contains("\"room\":2");
    let (left_out, kept): (Vec<_>, Vec<_>) = text.split_inclusive('\n').partition(is_of_room);
    assert!(left_out.len() > 5, "{left_out:?}");
    let copy = TestFolder::new();
    let count = import(copy.path(), &mut kept.concat().as_bytes()).unwrap();
    assert_eq!(count, kept.len() as u64);
    let restored = copy.peek().unwrap();
    let mut rooms = restored.rooms.iter().map(|room| room.name.as_str());
    assert!(rooms.all(|name| name != "r1"));
}

/// Replaces the first number of a field in the first line that has it.
fn with_number(text: &str, line: &str, field: &str, number: &str) -> (u64, String) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let field = format!("\"{field}\":");
    let has_field = |text: &String| text.starts_with(line) && text.contains(&field);
    let at = lines.iter().position(has_field).expect(&field);
    let begin = lines[at].find(&field).unwrap() + field.len();
    let rest = &lines[at][begin..];
    let end = begin + rest.find(|sign: char| !sign.is_ascii_digit()).unwrap();
    lines[at].replace_range(begin..end, number);
    (at as u64 + 1, lines.join("\n"))
}

/// An export of all kinds of lines, of two generations.
fn two_generations() -> String {
    let folder = TestFolder::new();
    drop(full_store(&folder));
    let mut options = options();
    options.new_generation = true;
    drop(SqliteStore::open(folder.path(), &options).unwrap());
    let mut lines = Vec::new();
    export(folder.path(), &mut lines).unwrap();
    String::from_utf8(lines).unwrap()
}

#[test]
fn numbers_that_would_overflow_are_refused_with_their_line() {
    let text = two_generations();
    for (line, fields) in [
        ("{\"store\"", &["seq", "dropped_through", "ended"][..]),
        (
            "{\"room\"",
            &[
                "id",
                "evicted_through",
                "number",
                "counted",
                "last_used",
                "forgotten",
            ],
        ),
        (
            "{\"entry\"",
            &[
                "seq",
                "room",
                "change_of",
                "cost",
                "assigned_at",
                "number",
                "counted",
            ],
        ),
        ("{\"ban\"", &["room", "until"]),
    ] {
        for field in fields {
            for number in [u64::MAX.to_string(), i64::MAX.to_string(), "-1".to_owned()] {
                let (at, text) = with_number(&text, line, field, &number);
                let error = refusal(&text);
                assert!(
                    error.starts_with(&format!("line {at}: ")),
                    "{field}: {error}"
                );
                assert!(
                    error.contains("a number ") || error.contains("invalid value"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn the_largest_numbers_are_taken_where_they_fit() {
    let text = two_generations();
    let beyond = (i64::MAX / 2).to_string();
    for (line, field, why) in [
        ("{\"store\"", "ended", "its seq is too low"),
        ("{\"store\"", "dropped_through", "its seq is too low"),
        ("{\"room\"", "evicted_through", "it is no room"),
    ] {
        let (at, text) = with_number(&text, line, field, &beyond);
        assert_eq!(refusal(&text), format!("line {at}: {why}"));
    }
    let (_, largest) = with_number(&text, "{\"store\"", "seq", &beyond);
    let copy = TestFolder::new();
    import(copy.path(), &mut largest.as_bytes()).unwrap();
    let (store, restored) = copy.open();
    assert_eq!(restored.seq, u64::MAX / 4);
    let (_, of_another) = with_number(&text, "{\"store\"", "format", "2");
    let expected = "line 1: its format is 2, and this version reads format 1";
    assert_eq!(refusal(&of_another), expected);
    drop(store);
}

#[test]
fn an_error_of_the_input_names_the_line_once() {
    let text = full_export();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let third = |line: &[u8]| [lines[..2].concat().as_bytes(), line].concat();
    let copy = TestFolder::new();
    let refused = |lines: &mut dyn std::io::BufRead| {
        let error = import(copy.path(), lines).unwrap_err().to_string();
        assert!(!copy.path().exists(), "{error}");
        error
    };
    for (line, why) in [
        (&b"x\n"[..], "expected value (column 1)"),
        (b"{\"a\\nb\":1}\n", "unknown variant `a b`"),
        (
            b"{\"room\":{\"id\":",
            "the export was cut off; export again",
        ),
        (b"\xFF\n", "it is not UTF-8"),
    ] {
        let error = refused(&mut &*third(line));
        assert!(error.starts_with(&format!("line 3: {why}")), "{error}");
        assert_eq!(error.matches("line ").count(), 1, "{error}");
    }
    let endless = std::io::repeat(b'x').take((64 << 20) + 1);
    let error = refused(&mut BufReader::new(endless));
    assert_eq!(error, "line 1: it is longer than 64 MiB");
    // What is noticed at the end.
    let last_of_room = lines
        .iter()
        .rposition(|line| line.contains("\"room\":2,"))
        .unwrap();
    let before = lines[..last_of_room]
        .iter()
        .rposition(|line| line.contains("\"room\":2,"));
    let without: Vec<&str> = (0..lines.len())
        .filter(|at| Some(*at) != before)
        .map(|at| lines[at])
        .collect();
    let error = refused(&mut without.concat().as_bytes());
    let last = without.len();
    assert!(
        error.starts_with(&format!("line {last}: an entry ")),
        "{error}"
    );
    assert!(!error.contains("damaged"), "{error}");
}

#[test]
fn lines_of_another_form_are_refused_and_make_no_store() {
    let text = full_export();
    let lines: Vec<&str> = text.lines().collect();
    let find = |words: &str| lines.iter().position(|line| line.contains(words)).unwrap();
    let (first, room) = (find("{\"entry\":"), find("\"name\":\"r1\""));
    // The second room that was made, of which nothing is evicted.
    let mut of_room = lines.iter().enumerate().filter(|(_, line)| {
        line.contains("\"room\":2,\"kind\":0") && line.starts_with("{\"entry\":")
    });
    let (middle, _) = of_room.nth(2).unwrap();
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat();
    let with = |at: usize, line| [&lines[..at], &[line], &lines[at..]].concat();
    for lines in [
        vec![],
        without(0),
        without(room),
        without(first),
        without(middle),
        with(1, "x"),
        with(1, "{}"),
        with(1, "{\"room\":{}}"),
        with(1, lines[0]),
        with(room, lines[room]),
        with(first, lines[first]),
        [&lines[first..], &lines[..first]].concat(),
    ] {
        refusal(&lines.join("\n"));
    }
}
