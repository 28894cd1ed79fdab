//! Each property is compared with that of `icu_properties`, for every character,
//! and the tables are written from there.

use std::path::Path;
use std::{env, fs};

use icu_properties::props::{
    BinaryProperty as _, CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiComponent,
    EmojiModifier, EnumeratedProperty as _, ExtendedPictographic, GeneralCategory,
    JoiningType as Joining, PrependedConcatenationMark, Script, UnifiedIdeograph,
    VariationSelector,
};

use super::*;

const FILE: &str = "src/protocol/unicode/tables.rs";
const UPDATE: &str = "UPDATE_UNICODE=1 cargo test -p sse-chat-client unicode";
const HEAD: &str = "\
//! Ranges of characters, from Unicode's database: first and last of each, in order.
//! unicode.rs says what each table is for. A test writes this file:
//! `UPDATE_UNICODE=1 cargo test -p sse-chat-client unicode`
";
/// The longest line of the file, in characters.
const WIDTH: usize = 100;

type Property = fn(char) -> bool;

/// The name of each table, the property that reads it, and the same by ICU.
const TABLES: [(&str, Property, Property); 9] = [
    ("EMOJI", is_emoji, |c| {
        Emoji::for_char(c) && !EmojiComponent::for_char(c)
    }),
    ("IGNORABLE", is_ignorable, |c| {
        let is_empty_format = GeneralCategory::for_char(c) == GeneralCategory::Format
            && !PrependedConcatenationMark::for_char(c)
            && Script::for_char(c) != Script::EgyptianHieroglyphs;
        is_empty_format || DefaultIgnorableCodePoint::for_char(c)
    }),
    ("JOINS_NEXT", joins_next, |c| {
        let joining = Joining::for_char(c);
        joining == Joining::LeftJoining || joining == Joining::DualJoining
    }),
    ("JOINS_PREVIOUS", joins_previous, |c| {
        let joining = Joining::for_char(c);
        joining == Joining::RightJoining || joining == Joining::DualJoining
    }),
    ("MONGOLIAN", is_mongolian, |c| {
        Script::for_char(c) == Script::Mongolian
    }),
    ("PICTOGRAPHIC", is_pictographic, |c| {
        ExtendedPictographic::for_char(c)
    }),
    ("TRANSPARENT", is_transparent, |c| {
        Joining::for_char(c) == Joining::Transparent
    }),
    ("UNIFIED_IDEOGRAPH", is_unified_ideograph, |c| {
        UnifiedIdeograph::for_char(c)
    }),
    ("VARIED_SCRIPT", is_in_varied_script, |c| {
        [Script::Myanmar, Script::PhagsPa, Script::Manichaean].contains(&Script::for_char(c))
    }),
];

/// The properties without a table of their own.
const OTHERS: [(&str, Property, Property); 3] = [
    ("is_skin_tone", is_skin_tone, |c| EmojiModifier::for_char(c)),
    ("is_variation_selector", is_variation_selector, |c| {
        VariationSelector::for_char(c)
    }),
    ("is_virama", is_virama, |c| {
        CanonicalCombiningClass::for_char(c) == CanonicalCombiningClass::Virama
    }),
];

/// With UPDATE_UNICODE set it writes the tables instead.
#[test]
fn each_property_is_that_of_unicode_for_every_character() {
    let tables = TABLES.map(|(name, property, by_icu)| (name, property, characters(by_icu)));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let written = tables
        .iter()
        .fold(HEAD.to_owned(), |written, (name, _, by_icu)| {
            written + &table(name, by_icu)
        });
    if env::var_os("UPDATE_UNICODE").is_some() {
        fs::write(&file, written).unwrap();
        return;
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept == written, "{FILE} is out of date: run `{UPDATE}`");
    let others = OTHERS.map(|(name, property, by_icu)| (name, property, characters(by_icu)));
    for (name, property, by_icu) in tables.into_iter().chain(others) {
        assert!(
            characters(property) == by_icu,
            "{name} differs from Unicode's"
        );
    }
}

/// The characters that have the property, in order.
fn characters(property: Property) -> Vec<char> {
    ('\0'..=char::MAX).filter(|&c| property(c)).collect()
}

fn table(name: &str, characters: &[char]) -> String {
    let mut table = format!("\npub(super) const {name}: &[(char, char)] = &[\n");
    let mut line = String::from("   ");
    let is_next = |a: &char, b: &char| u32::from(*a) + 1 == u32::from(*b);
    for range in characters.chunk_by(is_next) {
        let [first, last] = [range[0], range[range.len() - 1]].map(u32::from);
        let range = format!(" ('\\u{{{first:X}}}', '\\u{{{last:X}}}'),");
        if line.len() + range.len() > WIDTH {
            table += &format!("{line}\n");
            line.truncate(3);
        }
        line += &range;
    }
    table + &format!("{line}\n];\n")
}
