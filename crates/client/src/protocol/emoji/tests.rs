//! The sequences are compared with those of the crate `emojis` and, as far as it
//! has them, of `icu_properties`; they are written from the former.

use std::collections::HashSet;
use std::path::Path;
use std::{env, fs};

use icu_properties::EmojiSetData;
use icu_properties::props::BasicEmoji;
use proptest::prelude::*;

use super::*;

const FILE: &str = "src/protocol/emoji/sequences.txt";
const UPDATE: &str = "UPDATE_UNICODE=1 cargo test -p sse-chat-client unicode";

/// With UPDATE_UNICODE set it writes the file instead.
#[test]
fn the_sequences_are_those_of_unicode() {
    let mut sequences: Vec<&str> = emojis::iter().flat_map(with_skin_tones).collect();
    sequences.sort_by(|a, b| without_styles(a).cmp(without_styles(b)));
    let written: String = sequences.iter().map(|one| format!("{one}\n")).collect();
    if env::var_os("UPDATE_UNICODE").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        fs::write(file, written).unwrap();
    } else {
        assert!(
            SEQUENCES == written,
            "{FILE} is out of date: run `{UPDATE}`"
        );
    }
}

/// The emoji, and the same in all skin tones and pairs of them.
fn with_skin_tones(emoji: &'static emojis::Emoji) -> Vec<&'static str> {
    match emoji.skin_tones() {
        Some(all) => all.map(emojis::Emoji::as_str).collect(),
        None => vec![emoji.as_str()],
    }
}

#[test]
fn each_emoji_of_one_character_is_accepted() {
    let basic = EmojiSetData::new::<BasicEmoji>();
    let is_part = |c: char| unicode::is_skin_tone(c) || ('\u{1F9B0}'..='\u{1F9B3}').contains(&c);
    assert!(('\u{20000}'..=char::MAX).all(|c| !basic.contains(c)));
    let mut seen = 0;
    for c in '\0'..'\u{20000}' {
        let styled = format!("{c}{EMOJI_STYLE}");
        let is_emoji = basic.contains_str(&styled) || basic.contains(c) && !is_part(c);
        assert_eq!(Emoji::parse(&c.to_string()).is_ok(), is_emoji, "{c:?}");
        seen += usize::from(is_emoji);
    }
    assert!(seen > 1_000, "{seen}");
}

#[test]
fn each_sequence_is_found_in_any_form() {
    let distinct: HashSet<String> = SEQUENCES.lines().map(bare).collect();
    assert_eq!(distinct.len(), SEQUENCES.lines().count());
    for sequence in SEQUENCES.lines() {
        for form in [sequence.to_owned(), bare(sequence), styled(sequence)] {
            assert!(form.len() <= MOST_BYTES, "{form:?}");
            let emoji = Emoji::parse(&form);
            assert_eq!(emoji, Ok(Emoji(sequence)), "{form:?}");
        }
    }
}

fn bare(sequence: &str) -> String {
    without_styles(sequence).collect()
}

/// The sequence with U+FE0F wherever it is allowed.
fn styled(sequence: &str) -> String {
    let is_styled = |c| unicode::is_emoji(c) || c.is_ascii();
    let style = |c| [Some(c), is_styled(c).then_some(EMOJI_STYLE)];
    without_styles(sequence).flat_map(style).flatten().collect()
}

#[test]
fn forms_of_one_emoji_are_equal_and_skin_tones_are_not() {
    let emoji = |text| Emoji::parse(text).unwrap().as_str();
    assert_eq!(emoji("\u{2764}"), "\u{2764}\u{FE0F}");
    assert_eq!(emoji("\u{2B50}\u{FE0F}"), "\u{2B50}");
    assert_eq!(emoji("1\u{20E3}"), "1\u{FE0F}\u{20E3}");
    assert_eq!(emoji("\u{261D}\u{FE0F}\u{1F3FD}"), "\u{261D}\u{1F3FD}");
    assert_eq!(
        emoji("\u{1F3F3}\u{200D}\u{1F308}"),
        "\u{1F3F3}\u{FE0F}\u{200D}\u{1F308}"
    );
    assert_ne!(emoji("👍"), emoji("👍🏽"));
    assert_ne!(
        emoji("🏴"),
        emoji("🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}")
    );
    let json = serde_json::to_string(&Emoji::parse("\u{2764}").unwrap()).unwrap();
    assert_eq!(json, "\"\u{2764}\u{FE0F}\"");
}

#[test]
fn a_text_that_is_not_one_emoji_is_refused() {
    for (text, case) in [
        ("", "empty"),
        ("a", "a letter"),
        (":+1:", "a short name"),
        ("1", "the base of a keycap"),
        ("#\u{FE0F}", "the base of a keycap with a style"),
        ("\u{20E3}", "a keycap alone"),
        ("1\u{20E3}\u{FE0F}", "a style behind a keycap"),
        ("👍👍", "two"),
        ("👍 ", "white space behind it"),
        ("\n👍", "a line break before it"),
        ("👍\n👎", "two lines"),
        ("👍\0", "NUL"),
        ("\u{1F3FD}", "a skin tone"),
        ("🚀\u{1F3FD}", "a skin tone behind what has none"),
        ("👍\u{1F3FD}\u{1F3FD}", "two skin tones"),
        ("👍\u{1F3FD}\u{FE0F}", "a style behind a skin tone"),
        ("\u{1F9B0}", "hair"),
        ("\u{1F1E9}", "half a flag"),
        ("\u{1F1FD}\u{1F1FD}", "the flag of an unknown country"),
        ("\u{1F1E9}\u{1F1EA}\u{1F1E9}", "a flag and a half"),
        ("🏴\u{E0067}\u{E007F}", "the flag of an unknown region"),
        (
            "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}",
            "a flag without its end",
        ),
        ("\u{200D}", "a joiner"),
        ("👩\u{200D}", "a joiner behind it"),
        ("👩\u{200D}🌵", "a pair that is not recommended"),
        ("\u{FE0F}", "a style"),
        ("\u{FE0F}\u{2764}", "a style before it"),
        ("\u{2764}\u{FE0F}\u{FE0F}", "two styles"),
        ("\u{2764}\u{FE0E}", "the form of text"),
        ("\u{A9}\u{301}", "a combining mark"),
        ("\u{2605}", "a sign that is no emoji"),
    ] {
        assert_eq!(Emoji::parse(text), Err(InvalidEmoji), "{case}: {text:?}");
    }
    for part in ["a", "👍", "\u{FE0F}", "\u{2764}\u{FE0F}", "\n"] {
        let long = part.repeat((1 << 20) / part.len());
        assert_eq!(Emoji::parse(&long), Err(InvalidEmoji), "1 MiB of {part:?}");
    }
}

proptest! {
    #[test]
    fn only_a_form_of_a_sequence_is_accepted(
        parts in prop::collection::vec(prop::sample::select(PARTS), 0..8)
    ) {
        let text: String = parts.into_iter().collect();
        let is_one = SEQUENCES.lines().any(|line| bare(line) == bare(&text));
        if let Ok(emoji) = Emoji::parse(&text) {
            prop_assert!(is_one, "{:?}", text);
            prop_assert_eq!(Emoji::parse(emoji.as_str()), Ok(emoji));
        } else {
            let is_plain = !text.contains(EMOJI_STYLE);
            prop_assert!(!(is_plain && is_one), "{:?}", text);
        }
    }
}

/// Characters of which many sequences consist.
const PARTS: &[char] = &[
    '👩',
    '👨',
    '\u{1F3FB}',
    '\u{1F3FF}',
    '\u{200D}',
    '\u{FE0F}',
    '❤',
    '💋',
    '🚀',
    '🤝',
    '\u{1F1E9}',
    '\u{1F1EA}',
    '1',
    '\u{20E3}',
    '\n',
    'a',
];
