//! JSON for a terminal or a log: the same value, in which nothing can drive a
//! terminal, forge a line or turn the direction of text.

use std::fmt::Write as _;

use crate::protocol::is_printable;

/// The JSON with every character escaped that is not printable. Outside strings
/// JSON has none but line breaks and tabs, so they must not be in it.
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

/// RFC 8259, section 7: UTF-16 units, so two of them beyond U+FFFF.
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
