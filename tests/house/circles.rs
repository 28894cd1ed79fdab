//! Imports between a file and the files of its folder. Only one of a parent and its
//! child may use the other: a parent that names an item of the child, be it for a
//! re-export, must not be where the child gets an item from.
//!
//! Test modules may use all of their parent, and siblings may use each other's items
//! by `super::sibling::`.

use super::source::Source;

/// Whether `parent` uses an item of its module `child`, and `child` one of `parent`.
/// `path` is the parent's own, such as `crate::chat::rooms`.
pub(crate) fn is_circle(parent: &str, path: &str, name: &str, child: &str) -> bool {
    uses_child(&code(parent), name) && uses_parent(&code(child), path, &modules(parent))
}

/// The modules of `parent` in files of their own, without those for tests.
pub(crate) fn children(parent: &str) -> Vec<String> {
    let tests = Source::read(parent).test_modules();
    let mut children = modules(parent);
    children.retain(|name| !tests.contains(name));
    children
}

fn modules(parent: &str) -> Vec<String> {
    let lines = parent.lines().map(str::trim);
    let names = lines.filter_map(|line| {
        let (before, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
        let is_module = before.is_empty() || before.starts_with("pub");
        is_module.then(|| name.to_owned())
    });
    names.collect()
}

/// A file without comments and without the tests at its end.
fn code(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]\nmod tests {");
    let code = text[..end.unwrap_or(text.len())].lines();
    let code = code.filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// Whether a path begins with `name::`, or with `self::name::`.
fn uses_child(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = &code[..at];
        begins_path(before.strip_suffix("self::").unwrap_or(before))
    })
}

/// Whether a path begins with `super::` or the parent's own, and goes on with
/// something else than one of `siblings`.
fn uses_parent(code: &str, path: &str, siblings: &[String]) -> bool {
    let prefixes = ["super::".to_owned(), format!("{path}::")];
    prefixes.iter().any(|prefix| {
        let found = code.match_indices(prefix);
        let paths = found.filter(|(at, _)| begins_path(&code[..*at]));
        let mut used = paths.flat_map(|(at, _)| first_names(&code[at + prefix.len()..]));
        used.any(|name| name != "super" && siblings.iter().all(|sibling| *sibling != name))
    })
}

/// Whether a path can begin after this text.
fn begins_path(before: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$');
    !before.ends_with(inside)
}

/// The first name of a path, or of each path of a list in braces. `*` is a name.
fn first_names(rest: &str) -> Vec<&str> {
    match rest.strip_prefix('{') {
        Some(list) => items(list).into_iter().map(first_name).collect(),
        None => vec![first_name(rest)],
    }
}

fn first_name(path: &str) -> &str {
    let end = path.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '*'));
    &path[..end.unwrap_or(path.len())]
}

/// The items of a list, up to the brace that closes it; a nested list stays whole.
fn items(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        if depth == 0 && matches!(c, ',' | '}') {
            items.push(list[start..at].trim());
            start = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    // After the last comma there may be no item.
    items.retain(|item| !item.is_empty());
    items
}

#[test]
fn a_circle_needs_both_directions() {
    let circle = |parent: &str, child: &str| is_circle(parent, "crate::rooms", "publish", child);
    let modules = "mod publish;\nmod readers;\n";
    let importing = [
        "use publish::Published;",
        "pub use self::publish::{Published, Refused};",
        "fn f() { publish::all() }",
    ];
    let reaching = [
        "use super::Rooms;",
        "use super::*;",
        "use super::{readers::Reader, Rooms};",
        "use super::{\n    readers::{A, B},\n    Rooms,\n};",
        "use crate::rooms::Rooms;",
        "fn f() -> super::Rooms {}",
    ];
    let harmless_parents = [
        "",
        "use super::publish::Published;",
        "use crate::publish::Published;",
        "use self::readers::Reader;",
        "// publish::Published\n",
        "use republish::Published;",
        "\n#[cfg(test)]\nmod tests {\n    use super::publish::Published;\n    use publish::X;\n}\n",
    ];
    let harmless_children = [
        "",
        "use super::readers::Reader;",
        "use super::{readers, readers::{A, B}};",
        "use super::super::Hub;",
        "use crate::rooms::readers::Reader;",
        "use crate::Rooms;",
        "pub(super) struct Published;",
        "/// [`Rooms`](super::Rooms)\n",
        "\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n",
    ];
    for parent in importing.map(|line| format!("{modules}{line}")) {
        for child in reaching {
            assert!(circle(&parent, child), "{parent} and {child}");
        }
        for child in harmless_children {
            assert!(!circle(&parent, child), "{parent} and {child}");
        }
    }
    for parent in harmless_parents.map(|line| format!("{modules}{line}")) {
        for child in reaching {
            assert!(!circle(&parent, child), "{parent} and {child}");
        }
    }
}

#[test]
fn the_children_of_a_file_are_its_modules_but_those_for_tests() {
    let parent = "mod a;\npub(crate) mod b;\n#[cfg(test)]\nmod tests;\nmod c {\n}\n// mod d;\n";
    assert_eq!(children(parent), ["a", "b"]);
}
