//! Which characters of a text may stand in a terminal or a log as they are.
//!
//! A text that somebody else chose could otherwise move the cursor, forge a
//! line, or reorder what stands beside it. How such a character is shown
//! instead is decided where it is shown.

/// Whether the character is shown as itself and changes nothing around it.
///
/// Not so are controls (C0, DEL, C1; line breaks and tabs among them), the line
/// and paragraph separators, the controls of direction (Unicode Standard Annex
/// #9), annotations, and characters that are invisible on purpose. The joiners
/// U+200C and U+200D are printable, since scripts and emoji are written with
/// them.
pub fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(
            c,
            '\u{00AD}'
                | '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0001}'
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_turns_or_hides_is_not_printable() {
        for c in "\0\t\n\r\u{1b}\u{7f}\u{85}\u{9b}\u{200e}\u{202e}\u{2028}\u{2029}\u{2066}".chars()
        {
            assert!(!is_printable(c), "{c:?}");
        }
        let texts = "Ada É 日本語\u{3000}عربي می\u{200c}خواهم 👩\u{200d}💻 e\u{301} ❤\u{fe0f}";
        assert!(texts.chars().all(is_printable));
    }
}
