//! Which characters are safe to print in a terminal or a log.
//!
//! Untrusted text could otherwise move the cursor, forge a line, or reorder the
//! text beside it. The caller decides how to show an unsafe character.

use super::unicode::{is_ignorable, is_variation_selector};

/// Whether the character is shown as itself and changes nothing around it.
///
/// Not printable are controls (C0, DEL, C1; line breaks and tabs among them), the
/// line and paragraph separators, annotations, and characters with the Unicode
/// property Default_Ignorable_Code_Point: direction controls (Unicode Standard
/// Annex #9), fillers, tags and others that are invisible. The joiners U+200C and
/// U+200D and the variation selectors are printable, since scripts and emoji are
/// written with them.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !(c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || is_ignorable(c) && !is_joiner_or_selector(c))
}

fn is_joiner_or_selector(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}') || is_variation_selector(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_direction_and_invisible_characters_are_not_printable() {
        let controls = "\0\t\n\r\u{1b}\u{7f}\u{85}\u{9b}\u{200e}\u{202e}\u{2028}\u{2029}\u{2066}";
        let shows_nothing = "\u{ad}\u{61c}\u{180e}\u{200b}\u{feff}\u{115f}\u{3164}\u{ffa0}\u{e0001}\u{e0041}\u{fff9}\u{fffb}";
        for c in controls.chars().chain(shows_nothing.chars()) {
            assert!(!is_printable(c), "{c:?}");
        }
        let texts = "Ada É 日本語\u{3000}عربي می\u{200c}خواهم 👩\u{200d}💻 e\u{301} ❤\u{fe0f}";
        assert!(texts.chars().all(is_printable));
    }
}
