//! Which characters are visible, and where an invisible one is needed.
//!
//! Unicode's properties decide (unicode.rs), so that a new version of Unicode needs
//! no change here. Only the blank characters at the end of this file are listed,
//! since no property tells an empty glyph.

use unicode_normalization::char::is_combining_mark;

use super::unicode::{
    is_emoji, is_ignorable, is_in_varied_script, is_mongolian, is_pictographic, is_skin_tone,
    is_transparent, is_unified_ideograph, is_virama, joins_next, joins_previous,
};

const ZWNJ: char = '\u{200C}';
const ZWJ: char = '\u{200D}';
const TEXT_STYLE: char = '\u{FE0E}';
const EMOJI_STYLE: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';
const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';

/// Whether `c` is visible, alone and in any font that has it.
pub(super) fn is_visible(c: char) -> bool {
    c.is_ascii_graphic() || !(c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// Whether a name has an invisible character that neither its script nor an
/// emoji needs: two names that differ only in it look the same.
pub(super) fn hides_something(name: &str) -> bool {
    if name.is_ascii() {
        return false;
    }
    let name: Vec<char> = name.chars().collect();
    let hides = |(at, &c): (usize, &char)| is_invisible(c) && !is_needed(&name, at);
    name.iter().enumerate().any(hides)
}

/// Whether `c` is invisible, though it is neither white space nor a control.
fn is_invisible(c: char) -> bool {
    is_ignorable(c) || is_blank(c)
}

/// Whether the invisible character at `at` has a visible effect on the
/// characters around it.
fn is_needed(name: &[char], at: usize) -> bool {
    let (before, after) = (&name[..at], &name[at + 1..]);
    match name[at] {
        ZWNJ => parts_cursive_letters(before, after) || shows_a_virama(before, after),
        ZWJ => shapes_a_conjunct(before, after) || joins_emoji(before, after),
        TEXT_STYLE | EMOJI_STYLE => styles_an_emoji(before, after),
        '\u{E0020}'..='\u{E007F}' => is_part_of_a_flag(name, at),
        c => before.last().is_some_and(|&base| varies(base, c, after)),
    }
}

/// ZWNJ between letters that would join (RFC 5892, appendix A.1), as in Persian.
fn parts_cursive_letters(before: &[char], after: &[char]) -> bool {
    let is_base = |&&c: &&char| !is_transparent(c);
    let left = before.iter().rev().find(is_base);
    let right = after.iter().find(is_base);
    left.is_some_and(|&c| joins_next(c)) && right.is_some_and(|&c| joins_previous(c))
}

/// ZWNJ that keeps a virama visible (RFC 5892, appendix A.1); only before a
/// letter, since at the end a virama is visible anyway (UAX #31, section 2.3.1).
fn shows_a_virama(before: &[char], after: &[char]) -> bool {
    ends_in_a_virama(before) && after.first().is_some_and(|c| c.is_alphabetic())
}

/// ZWJ behind a virama (RFC 5892, appendix A.2), as in Hindi and Sinhala; or
/// between a letter and a virama, as in Bengali's ya-phalaa behind RA (Unicode
/// core specification, section 12.2).
fn shapes_a_conjunct(before: &[char], after: &[char]) -> bool {
    let splits_a_letter = || match (before.last(), after) {
        (Some(letter), [virama, next, ..]) => {
            letter.is_alphabetic() && is_virama(*virama) && next.is_alphabetic()
        }
        _ => false,
    };
    ends_in_a_virama(before) || splits_a_letter()
}

/// Whether the text ends in a virama that belongs to a letter.
fn ends_in_a_virama(text: &[char]) -> bool {
    let Some((&last, letter)) = text.split_last() else {
        return false;
    };
    let base = letter.iter().rfind(|&&c| !is_combining_mark(c));
    is_virama(last) && base.is_some_and(|c| c.is_alphabetic())
}

/// ZWJ between two pictures, each perhaps with a skin tone or a style (UTS #51,
/// section 1.4.5).
fn joins_emoji(before: &[char], after: &[char]) -> bool {
    let is_base = |&&c: &&char| c != EMOJI_STYLE && !is_skin_tone(c);
    let is_picture = |c: Option<&char>| c.is_some_and(|&c| is_pictographic(c));
    is_picture(before.iter().rev().find(is_base)) && is_picture(after.first())
}

/// VS15 or VS16 behind an emoji; behind a digit, `#` or `*` only in a keycap.
fn styles_an_emoji(before: &[char], after: &[char]) -> bool {
    match before.last() {
        Some('0'..='9' | '#' | '*') => after.first() == Some(&KEYCAP),
        Some(&c) => is_emoji(c),
        None => false,
    }
}

/// A tag in the flag of a region, such as Scotland's: the black flag, 3 to 6
/// letters or digits, the end (UTS #51, section 1.4.6).
fn is_part_of_a_flag(name: &[char], at: usize) -> bool {
    let is_tag = |c: &char| ('\u{E0020}'..=CANCEL_TAG).contains(c);
    let Some(base) = name[..at].iter().rposition(|c| !is_tag(c)) else {
        return false;
    };
    let tags = name[base + 1..].iter().take_while(|c| is_tag(c));
    let tags: Vec<char> = tags.copied().collect();
    let Some((&CANCEL_TAG, region)) = tags.split_last() else {
        return false;
    };
    let is_letter_or_digit =
        |c: &char| matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}');
    name[base] == BLACK_FLAG
        && (3..=6).contains(&region.len())
        && region.iter().all(is_letter_or_digit)
}

/// Whether `selector` behind `base` chooses another form of it: ideographic
/// variation sequences (UTS #37), Mongolian's free variation selectors and vowel
/// separator, and the scripts that have standardized variation sequences.
fn varies(base: char, selector: char, after: &[char]) -> bool {
    match selector {
        '\u{180B}'..='\u{180D}' | '\u{180F}' => is_mongolian(base) && base.is_alphabetic(),
        '\u{180E}' => {
            let next = after.first().filter(|c| c.is_alphabetic());
            is_mongolian(base) && base != selector && next.is_some_and(|&c| is_mongolian(c))
        }
        '\u{FE00}'..='\u{FE02}' if is_unified_ideograph(base) => true,
        '\u{E0100}'..='\u{E01EF}' => is_unified_ideograph(base),
        '\u{FE00}' => is_in_varied_script(base) && base.is_alphabetic(),
        _ => false,
    }
}

/// Whether `c` is blank by design without being ignorable: its chart shows an
/// empty glyph.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{2800}'                  // BRAILLE PATTERN BLANK
            | '\u{FFFC}'            // OBJECT REPLACEMENT CHARACTER
            | '\u{13441}'
            ..='\u{13442}' // EGYPTIAN HIEROGLYPH FULL BLANK, HALF BLANK
            | '\u{16FE4}'           // KHITAN SMALL SCRIPT FILLER
            | '\u{1D159}' // MUSICAL SYMBOL NULL NOTEHEAD
    )
}

#[cfg(test)]
mod tests;
