//! The lines of a script or style without comments and indentation, which are a
//! fifth of these files compressed.
//!
//! Only lines of nothing but a comment and casts such as
//! `/** @type {string} */ (x)` are removed, so that no parser is needed.

/// A line that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceLine {
    /// In the source, from 1.
    pub(super) number: usize,
    pub(super) is_indented: bool,
    pub(super) text: String,
}

/// # Errors
///
/// If a template literal of a script ends on another line: its text may look like
/// a comment.
pub(super) fn lines(path: &str, source: &str) -> Result<Vec<SourceLine>, String> {
    let is_script = path.ends_with(".js");
    let mut kept = Vec::new();
    let mut is_comment = false;
    for (at, line) in source.lines().enumerate() {
        let text = line.trim();
        if is_comment {
            is_comment = !text.ends_with("*/");
        } else if text.is_empty() || is_script && text.starts_with("//") {
        } else if text.starts_with("/*") && text.find("*/").is_none_or(|end| end + 2 == text.len())
        {
            is_comment = !text.ends_with("*/");
        } else if is_script && text.replace("\\`", "").matches('`').count() % 2 == 1 {
            return Err(refusal(
                path,
                at + 1,
                "a template literal must end on its line",
            ));
        } else {
            kept.push(SourceLine {
                number: at + 1,
                is_indented: line.starts_with([' ', '\t']),
                text: without_casts(text),
            });
        }
    }
    Ok(kept)
}

/// A line without the types of its casts.
fn without_casts(line: &str) -> String {
    const CAST: &str = "/** @type {";
    const END: &str = "} */ ";
    let mut kept = String::new();
    let mut rest = line;
    while let Some((before, cast)) = rest.split_once(CAST) {
        let after = match cast.split_once(END) {
            Some((kind, after)) if !kind.contains("*/") => after,
            _ => break,
        };
        kept.push_str(before);
        rest = after;
    }
    kept + rest
}

/// What is wrong, and where.
pub(super) fn refusal(path: &str, line: usize, what: &str) -> String {
    format!("assets/{path}:{line}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, source: &str) -> Vec<String> {
        let lines = lines(path, source).unwrap().into_iter();
        lines.map(|line| line.text).collect()
    }

    #[test]
    fn comments_and_indentation_are_removed() {
        let script = "// a\n\n/** b */\n/**\n * c\n */\nlet d; // e\n  f();\n";
        assert_eq!(texts("a.js", script), ["let d; // e", "f();"]);
        let style = "/* a */\n/* b\n   c */\nd { e: f }\n// g\n";
        assert_eq!(texts("a.css", style), ["d { e: f }", "// g"]);
    }

    #[test]
    fn casts_are_removed() {
        let script =
            "a(/** @type {Record<string, {b: 1}>} */ (c), /** @type {d} */ (e)); /** f */ g();";
        assert_eq!(texts("a.js", script), ["a((c), (e)); /** f */ g();"]);
    }

    #[test]
    fn lines_keep_their_numbers() {
        let lines = lines("a.js", "// a\nb {\n  // c\n  d\n}").unwrap();
        let places: Vec<_> = lines
            .iter()
            .map(|line| (line.number, line.is_indented))
            .collect();
        assert_eq!(places, [(2, false), (4, true), (5, false)]);
    }

    #[test]
    fn a_template_over_several_lines_is_refused() {
        assert_eq!(texts("a.js", "b(`\\``);"), ["b(`\\``);"]);
        let refused = lines("x/a.js", "b();\nc(`\nd`);").unwrap_err();
        assert_eq!(
            refused,
            "assets/x/a.js:2: a template literal must end on its line"
        );
    }
}
