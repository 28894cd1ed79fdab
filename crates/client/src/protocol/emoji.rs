//! One emoji, as a reaction to a message is.
//!
//! The sequences are Unicode's RGI_Emoji (UTS #51, ED-27), one on each line of
//! emoji/sequences.txt. A test writes that file.

use std::fmt;

use memchr::{memchr, memrchr};
use serde::Serialize;

use super::unicode;

/// In the order of their characters, U+FE0F ignored; a line feed behind each.
const SEQUENCES: &str = include_str!("emoji/sequences.txt");
/// VS16: the character before it is shown as an emoji.
const EMOJI_STYLE: char = '\u{FE0F}';
/// No sequence is as long, with U+FE0F wherever that may be.
const MOST_BYTES: usize = 64;

/// Exactly one emoji that is recommended for general interchange (RGI_Emoji of
/// UTS #51): a character such as 👍, also with a skin tone; a keycap; a flag; or
/// several that a zero width joiner makes one, such as 👩‍🚀.
///
/// It is in the fully-qualified form, so emoji that look the same are equal. Skin
/// tones are different emoji.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Emoji(&'static str);

/// The text is not one emoji. Its `Display` states the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidEmoji;

impl Emoji {
    /// Checks that a text is one emoji, and brings it into the fully-qualified form.
    ///
    /// U+FE0F, which asks for the coloured form, may be missing, as in U+2764 alone;
    /// and it may be where it changes nothing, as behind ⭐, where some keyboards
    /// write it. U+FE0E asks for the form of text, so with it a text is no emoji. A
    /// skin tone alone is a part of an emoji, not one.
    ///
    /// # Errors
    ///
    /// [`InvalidEmoji`] for any other text, also with white space around the emoji.
    pub fn parse(text: &str) -> Result<Self, InvalidEmoji> {
        if text.len() > MOST_BYTES || !styles_follow_emoji(text) {
            return Err(InvalidEmoji);
        }
        fully_qualified(text).map(Self).ok_or(InvalidEmoji)
    }

    /// The emoji in the fully-qualified form.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for InvalidEmoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an emoji is exactly one of those that Unicode recommends (RGI_Emoji)")
    }
}

impl std::error::Error for InvalidEmoji {}

/// Whether each U+FE0F is behind a character that has a coloured form.
fn styles_follow_emoji(text: &str) -> bool {
    let has_styles = |c| unicode::is_emoji(c) || matches!(c, '0'..='9' | '#' | '*');
    let mut pairs = text.chars().zip(text.chars().skip(1));
    !text.starts_with(EMOJI_STYLE) && pairs.all(|(base, c)| c != EMOJI_STYLE || has_styles(base))
}

/// The sequence that differs from the text in nothing but U+FE0F.
fn fully_qualified(text: &str) -> Option<&'static str> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let bytes = SEQUENCES.as_bytes();
    // Both are the first byte of a line, or the end.
    let (mut from, mut to) = (0, bytes.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = memrchr(b'\n', &bytes[from..middle]).map_or(from, |at| from + at + 1);
        let end = middle + memchr(b'\n', &bytes[middle..])?;
        let sequence = &SEQUENCES[start..end];
        match without_styles(sequence).cmp(without_styles(text)) {
            Less => from = end + 1,
            Equal => return Some(sequence),
            Greater => to = start,
        }
    }
    None
}

fn without_styles(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|&c| c != EMOJI_STYLE)
}

#[cfg(test)]
mod tests;
