//! Properties of characters that the rules for names and printing need, from
//! Unicode's database. A test writes the ranges of tables.rs and compares each
//! property, for every character, with `icu_properties`. The rules themselves are
//! in visible.rs and printable.rs.

#[rustfmt::skip]
mod tables;

use tables::{
    EMOJI, IGNORABLE, JOINS_NEXT, JOINS_PREVIOUS, MONGOLIAN, PICTOGRAPHIC, TRANSPARENT,
    UNIFIED_IDEOGRAPH, VARIED_SCRIPT,
};
use unicode_normalization::char::canonical_combining_class;

/// Canonical_Combining_Class=Virama.
const VIRAMA: u8 = 9;

/// Whether `c` has no glyph: Default_Ignorable_Code_Point; and General_Category
/// Format without a sign of its own (those with one are
/// Prepended_Concatenation_Mark; Egyptian ones arrange the signs around them).
pub(super) fn is_ignorable(c: char) -> bool {
    contains(IGNORABLE, c)
}

/// Variation_Selector.
pub(super) fn is_variation_selector(c: char) -> bool {
    matches!(
        c,
        '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}'
    )
}

/// Whether a letter joins the next one: Joining_Type Left_Joining or Dual_Joining.
pub(super) fn joins_next(c: char) -> bool {
    contains(JOINS_NEXT, c)
}

/// Whether a letter joins the one before it: Joining_Type Right_Joining or
/// Dual_Joining.
pub(super) fn joins_previous(c: char) -> bool {
    contains(JOINS_PREVIOUS, c)
}

/// Whether letters join across `c`: Joining_Type Transparent.
pub(super) fn is_transparent(c: char) -> bool {
    contains(TRANSPARENT, c)
}

/// Whether `c` is a virama: it silences the vowel of the letter before it.
pub(super) fn is_virama(c: char) -> bool {
    canonical_combining_class(c) == VIRAMA
}

/// Emoji, but not Emoji_Component, which digits and skin tones are.
pub(super) fn is_emoji(c: char) -> bool {
    contains(EMOJI, c)
}

/// Extended_Pictographic.
pub(super) fn is_pictographic(c: char) -> bool {
    contains(PICTOGRAPHIC, c)
}

/// Emoji_Modifier.
pub(super) fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// Script=Mongolian.
pub(super) fn is_mongolian(c: char) -> bool {
    contains(MONGOLIAN, c)
}

/// Whether `c` is in a script whose letters have variants with VS1: Myanmar,
/// Phags-pa, Manichaean.
pub(super) fn is_in_varied_script(c: char) -> bool {
    contains(VARIED_SCRIPT, c)
}

/// Unified_Ideograph.
pub(super) fn is_unified_ideograph(c: char) -> bool {
    contains(UNIFIED_IDEOGRAPH, c)
}

/// Whether one of the ranges, first to last character and in order, has `c`.
fn contains(ranges: &[(char, char)], c: char) -> bool {
    let at = ranges.partition_point(|&(_, last)| last < c);
    ranges.get(at).is_some_and(|&(first, _)| first <= c)
}

#[cfg(test)]
mod tests;
