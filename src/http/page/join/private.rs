//! Shorter private names of classes (`#name`), which are a good part of the
//! compressed scripts.
//!
//! A name is replaced only if each of its occurrences in the module is one of a
//! member: after a dot, or where a member is declared. Others may be in a text,
//! such as a selector.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::SourceLine;

/// Before a declared name, at the beginning of a line.
const DECLARED: [&str; 7] = [
    "",
    "static ",
    "async ",
    "get ",
    "set ",
    "static async ",
    "async *",
];

/// Replaces the private names of a module.
pub(super) fn shorten(lines: &mut [SourceLine]) {
    let mut found = BTreeMap::new();
    for line in lines.iter() {
        for (before, name) in names(&line.text) {
            let is_member = before.ends_with('.') || DECLARED.contains(&before);
            *found.entry(name.to_owned()).or_insert(true) &= is_member;
        }
    }
    let kept: BTreeSet<String> = found.keys().cloned().collect();
    let mut short = (0..).map(short_name).filter(|name| !kept.contains(name));
    let members = found.into_iter().filter(|(_, is_member)| *is_member);
    let new: BTreeMap<String, String> = members
        .map(|(name, _)| name)
        .zip(&mut short)
        .filter(|(name, short)| short.len() < name.len())
        .collect();
    for line in lines {
        let mut text = String::with_capacity(line.text.len());
        let mut end = 0;
        for (before, name) in names(&line.text) {
            if let Some(short) = new.get(name) {
                text.push_str(&line.text[end..=before.len()]);
                text.push_str(short);
                end = before.len() + 1 + name.len();
            }
        }
        text.push_str(&line.text[end..]);
        line.text = text;
    }
}

/// The words after `#` in a line, each with the text before the `#`.
fn names(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices('#').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        (end > 0).then(|| (&text[..at], &rest[..end]))
    })
}

/// `a` to `z`, then `a1`, `b1` and so on.
fn short_name(number: usize) -> String {
    let letter = char::from(b"abcdefghijklmnopqrstuvwxyz"[number % 26]);
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;

    #[test]
    fn private_names_become_short() {
        let mut lines = lines(
            "a.js",
            "class A {\n#first = 1;\nstatic #second() {}\nget #log() { return b?.#first + this.#second(); }\n#a;\n}\nf('#log', '#fff');\n",
        )
        .unwrap();
        shorten(&mut lines);
        let texts: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
        assert_eq!(
            texts,
            [
                "class A {",
                "#c = 1;",
                "static #d() {}",
                "get #log() { return b?.#c + this.#d(); }",
                "#a;",
                "}",
                "f('#log', '#fff');"
            ]
        );
    }
}
