//! A style sheet with the sheets that it imports, as one.

use std::collections::BTreeMap;

use super::lines::{lines, refusal};

/// The joined sheet, and the paths of the sheets in it.
///
/// # Errors
///
/// If a sheet is missing, or would mean something else in another folder.
pub(super) fn join_style(
    path: &str,
    sheets: &BTreeMap<String, String>,
) -> Result<(String, Vec<String>), String> {
    let (mut joined, mut parts) = (String::new(), vec![path.to_owned()]);
    for line in lines(path, &sheets[path])? {
        let Some(import) = line.text.strip_prefix("@import") else {
            joined.push_str(&line.text);
            joined.push('\n');
            continue;
        };
        let refuse = |what: &str| refusal(path, line.number, what);
        let part = import
            .strip_prefix(" \"")
            .and_then(|part| part.strip_suffix("\";"))
            .ok_or_else(|| refuse("write imports as: @import \"folder/file.css\";"))?;
        let source = sheets
            .get(part)
            .ok_or_else(|| refuse(&format!("there is no {part}")))?;
        for line in lines(part, source)? {
            let refuse = |what: &str| refusal(part, line.number, what);
            if line.text.starts_with("@import") {
                return Err(refuse("an imported sheet can't import"));
            }
            if line.text.contains("url(") && !line.text.contains("url(\"data:") {
                return Err(refuse(
                    "a path in an imported sheet would start at another folder",
                ));
            }
            joined.push_str(&line.text);
            joined.push('\n');
        }
        parts.push(part.to_owned());
    }
    Ok((joined, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(sheets: &[(&str, &str)]) -> Result<(String, Vec<String>), String> {
        let sheets = sheets
            .iter()
            .map(|&(path, text)| (path.to_owned(), text.to_owned()));
        join_style("a.css", &sheets.collect())
    }

    #[test]
    fn imported_sheets_stand_in_their_order() {
        let (joined, parts) = join(&[
            (
                "a.css",
                "/* a */\n@import \"x/b.css\";\n@import \"c.css\";\na {}\n",
            ),
            ("x/b.css", "b {\n  d: url(\"data:,\");\n}\n"),
            ("c.css", "c {}\n"),
        ])
        .unwrap();
        assert_eq!(joined, "b {\nd: url(\"data:,\");\n}\nc {}\na {}\n");
        assert_eq!(parts, ["a.css", "x/b.css", "c.css"]);
    }

    #[test]
    fn other_imports_are_refused_with_their_line() {
        for (sheets, place) in [
            (
                &[("a.css", "\n@import \"b.css\";")][..],
                "assets/a.css:2: there is no b.css",
            ),
            (&[("a.css", "@import url(b.css);")], "assets/a.css:1: "),
            (
                &[
                    ("a.css", "@import \"b.css\";"),
                    ("b.css", "\n@import \"a.css\";"),
                ],
                "assets/b.css:2: ",
            ),
            (
                &[
                    ("a.css", "@import \"b.css\";"),
                    ("b.css", "b { c: url(d.svg) }"),
                ],
                "assets/b.css:1: ",
            ),
        ] {
            let refused = join(sheets).unwrap_err();
            assert!(refused.starts_with(place), "{refused}");
        }
    }
}
