//! Cases of names, each with its reason, and properties of all characters.

use icu_properties::props::{
    BinaryProperty as _, DefaultIgnorableCodePoint, EnumeratedProperty as _, GeneralCategory,
    GeneralCategoryGroup as Group,
};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// Names, each with the purpose of the invisible character in it. The page is
/// tested with the same file (tests/real/names.mjs), so the two stay in step.
#[derive(Deserialize)]
struct Names {
    needed: Vec<(String, String)>,
    needless: Vec<(String, String)>,
    /// The page does not know which letters join, so only the server refuses these.
    needless_to_the_server_alone: Vec<(String, String)>,
}

fn names() -> Names {
    serde_json::from_str(include_str!("names.json")).unwrap()
}

#[test]
fn characters_that_a_script_or_an_emoji_needs_are_allowed() {
    for (name, case) in names().needed {
        assert!(!hides_something(&name), "{case}: {name:?}");
    }
}

#[test]
fn characters_without_a_visible_effect_are_hiding() {
    let names = names();
    let needless = names.needless.into_iter();
    for (name, case) in needless.chain(names.needless_to_the_server_alone) {
        assert!(hides_something(&name), "{case}: {name:?}");
    }
}

#[test]
fn in_a_latin_name_every_invisible_character_is_hiding() {
    let invisible: Vec<char> = all().filter(|&c| is_invisible(c)).collect();
    assert!(invisible.len() > 4_000, "{}", invisible.len());
    for c in invisible {
        assert!(!is_visible(c), "{c:?}");
        for name in [format!("{c}"), format!("Ali{c}ce"), format!("Alice{c}")] {
            assert!(hides_something(&name), "{name:?}");
        }
    }
}

#[test]
fn letters_digits_marks_and_signs_are_visible() {
    let groups = Group::Number.union(Group::Punctuation).union(Group::Symbol);
    let groups = groups.union(Group::Letter).union(Group::Mark);
    let hidden: Vec<char> = all()
        .filter(|&c| groups.contains(GeneralCategory::for_char(c)))
        .filter(|&c| !is_visible(c) && !DefaultIgnorableCodePoint::for_char(c))
        .collect();
    let blanks = [
        '\u{2800}',
        '\u{FFFC}',
        '\u{13441}',
        '\u{13442}',
        '\u{16FE4}',
        '\u{1D159}',
    ];
    assert_eq!(hidden, blanks);
    for c in [
        '\u{600}',
        '\u{6DD}',
        '\u{70F}',
        '\u{110BD}',
        '\u{13430}',
        '\u{E000}',
    ] {
        assert!(is_visible(c), "{c:?}");
    }
}

fn all() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

/// Characters that combine to many contexts.
const ALPHABET: [char; 24] = [
    'a',
    '1',
    '#',
    ' ',
    'د',
    'ی',
    'ن',
    '\u{64E}',
    'क',
    '\u{94D}',
    'র',
    '👩',
    '🏽',
    '❤',
    '🏴',
    '字',
    'ᠠ',
    ZWNJ,
    ZWJ,
    EMOJI_STYLE,
    KEYCAP,
    '\u{E0061}',
    CANCEL_TAG,
    '\u{E0100}',
];

proptest! {
    #[test]
    fn a_name_without_hidden_characters_begins_with_a_visible_one(
        chars in prop::collection::vec(prop::sample::select(&ALPHABET[..]), 1..12)
    ) {
        let name: String = chars.iter().collect();
        if !hides_something(&name) {
            prop_assert!(!is_invisible(chars[0]), "{:?}", name);
            let doubled = |two: &[char]| two[0] == two[1] && is_invisible(two[0]);
            let twice = chars.windows(2).any(|two| doubled(two) && two[0] != '\u{E0061}');
            prop_assert!(!twice, "{:?}", name);
        }
    }

    #[test]
    fn latin_letters_around_a_name_do_not_make_hidden_characters_needed(
        chars in prop::collection::vec(prop::sample::select(&ALPHABET[..]), 1..12)
    ) {
        let name: String = chars.iter().collect();
        // A character without an effect has none between Latin letters either.
        if hides_something(&name) {
            let around = format!("Alice {name} Bob");
            prop_assert!(hides_something(&around), "{:?}", name);
        }
    }
}
