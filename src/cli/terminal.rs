//! Output for a terminal: colours, and JSON without characters that could
//! control the terminal, forge a line or change the direction of text.

use std::fmt::Write as _;

use crate::protocol::is_printable;

/// Whether colours are allowed: NO_COLOR (no-color.org) is unset or empty. The
/// caller checks that the output is a terminal.
pub(super) fn is_colour_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The same JSON value with all unprintable characters escaped. `json` must have
/// no line breaks or tabs between its tokens.
pub(super) fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match is_printable(c) {
            true => escaped.push(c),
            false => push_json_escape(&mut escaped, c),
        }
    }
    escaped
}

/// Escapes each UTF-16 unit (RFC 8259, section 7); characters beyond U+FFFF have
/// two.
fn push_json_escape(text: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a `String` does not fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_is_the_same_value() {
        let text = "/\u{9b}31m\u{7f}\u{85}\u{202e}\u{2028}é👩\u{200d}💻\u{e0001}";
        let json = serde_json::to_string(text).unwrap();
        let escaped = escape_json(&json);
        assert_eq!(
            escaped,
            "\"/\\u009b31m\\u007f\\u0085\\u202e\\u2028é👩\u{200d}💻\\udb40\\udc01\""
        );
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }
}
