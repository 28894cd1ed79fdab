//! The names of rooms and of people. A value is valid by construction: input is
//! parsed once, at the edge. Names are in Unicode's NFC, so that a name that is
//! typed in two ways is one name.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::visible::hides_something;

const MAX_ROOM_CHARS: usize = 64;
const MAX_USER_NAME_CHARS: usize = 32;
const MAX_COMBINING_MARKS: usize = 4;

/// A room's name: after NFC 1 to 64 characters, each XID_Continue of Unicode's
/// UAX #31, `-` or `.`; not `.` or `..`. Case matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RoomName(#[serde(serialize_with = "as_str")] Arc<str>);

/// The text is not a room's name. Its `Display` states the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidRoom;

impl RoomName {
    /// Normalizes and checks a room's name.
    ///
    /// # Errors
    ///
    /// [`InvalidRoom`] if a rule of [`RoomName`] does not hold.
    pub fn parse(text: &str) -> Result<Self, InvalidRoom> {
        let name = nfc(text, MAX_ROOM_CHARS).ok_or(InvalidRoom)?;
        let allowed = |c: char| unicode_ident::is_xid_continue(c) || matches!(c, '-' | '.');
        if name.is_empty() || matches!(&*name, "." | "..") || !name.chars().all(allowed) {
            return Err(InvalidRoom);
        }
        Ok(Self(name.into()))
    }

    /// The name in NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a room's name is 1 to {MAX_ROOM_CHARS} letters, digits, '_', '-' or '.', and not '.' or '..'"
        )
    }
}

impl std::error::Error for InvalidRoom {}

/// A person's name: trimmed, inner white space folded to one space, NFC; 1 to
/// 32 characters; at most 4 combining marks in a row; no controls, and invisible
/// characters only where a script or an emoji needs them, so that two different
/// names do not look the same because of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct UserName(#[serde(serialize_with = "as_str")] Arc<str>);

/// The text is not a person's name: the rule that it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidUserName {
    /// It is empty after trimming, or has more than 32 characters.
    Length,
    /// It has a control character, or an invisible one that is not needed.
    Character,
    /// It has more than 4 combining marks in a row.
    CombiningMarks,
}

impl UserName {
    /// Normalizes and checks a person's name.
    ///
    /// # Errors
    ///
    /// [`InvalidUserName`] says which rule does not hold.
    pub fn parse(text: &str) -> Result<Self, InvalidUserName> {
        let name = nfc(&fold(text), MAX_USER_NAME_CHARS).ok_or(InvalidUserName::Length)?;
        if name.is_empty() {
            return Err(InvalidUserName::Length);
        }
        if name.chars().any(char::is_control) || hides_something(&name) {
            return Err(InvalidUserName::Character);
        }
        if longest_run_of_marks(&name) > MAX_COMBINING_MARKS {
            return Err(InvalidUserName::CombiningMarks);
        }
        Ok(Self(name.into()))
    }

    /// The name in NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidUserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "a name is 1 to {MAX_USER_NAME_CHARS} characters"),
            Self::Character => {
                f.write_str("a name has no control, invisible or direction characters")
            }
            Self::CombiningMarks => {
                write!(
                    f,
                    "a name has at most {MAX_COMBINING_MARKS} combining marks in a row"
                )
            }
        }
    }
}

impl std::error::Error for InvalidUserName {}

fn as_str<S: serde::Serializer>(name: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

/// `text` trimmed, and each white space in it folded to one space.
fn fold(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    match text.contains(char::is_whitespace) {
        true => Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        false => Cow::Borrowed(text),
    }
}

/// `text` in NFC, or `None` if that has more than `most` characters. It stops
/// there, so a long text costs no more than a long name.
fn nfc(text: &str, most: usize) -> Option<String> {
    if text.is_ascii() {
        // The common case: ASCII is in NFC already.
        return (text.len() <= most).then(|| text.to_owned());
    }
    let mut chars = text.nfc();
    let name: String = chars.by_ref().take(most).collect();
    chars.next().is_none().then_some(name)
}

fn longest_run_of_marks(name: &str) -> usize {
    name.chars()
        .scan(0, |run, c| {
            *run = if is_combining_mark(c) { *run + 1 } else { 0 };
            Some(*run)
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn valid_rooms_are_accepted() {
        let long = "a".repeat(64);
        for name in [
            "lobby",
            "a",
            "_",
            "-",
            "...",
            "a.b",
            "Größe",
            "聊天室",
            "комната_1",
            "ก็",
            "٣",
            &long,
        ] {
            assert_eq!(
                RoomName::parse(name).map(|room| room.as_str().to_owned()),
                Ok(name.into())
            );
        }
    }

    #[test]
    fn invalid_rooms_are_refused() {
        let long = "a".repeat(65);
        for name in [
            "",
            ".",
            "..",
            "a b",
            "../x",
            "a/b",
            "a\0",
            "a\r\n",
            "<b>",
            "😀",
            "a%b",
            "a+b",
            "\u{202E}a",
            &long,
        ] {
            assert_eq!(RoomName::parse(name), Err(InvalidRoom), "{name:?}");
        }
    }

    #[test]
    fn rooms_are_compared_in_nfc_and_case_matters() {
        assert_eq!(RoomName::parse("e\u{301}"), RoomName::parse("é"));
        assert_ne!(RoomName::parse("Lobby"), RoomName::parse("lobby"));
        assert!(
            RoomName::parse(&"e\u{301}".repeat(64)).is_ok(),
            "64 characters after NFC"
        );
    }

    #[test]
    fn names_are_trimmed_folded_and_composed() {
        let name = |text| UserName::parse(text).map(|name| name.as_str().to_owned());
        assert_eq!(name("  Alice \t\n Bob\u{3000}C "), Ok("Alice Bob C".into()));
        assert_eq!(name("Ame\u{301}lie"), Ok("Amélie".into()));
        assert_eq!(name("0"), Ok("0".into()));
        assert_eq!(name("<script>"), Ok("<script>".into()));
        assert_eq!(name("小明😀"), Ok("小明😀".into()));
        assert_eq!(name("👩\u{200D}🚀"), Ok("👩\u{200D}🚀".into()));
        assert_eq!(name(&"字".repeat(32)), Ok("字".repeat(32)));
    }

    #[test]
    fn invalid_names_are_refused_with_their_reason() {
        for (text, why) in [
            ("", InvalidUserName::Length),
            (" \t\u{3000}", InvalidUserName::Length),
            (&*"a".repeat(33), InvalidUserName::Length),
            ("a\0b", InvalidUserName::Character),
            ("a\u{7F}", InvalidUserName::Character),
            ("a\u{61C}", InvalidUserName::Character),
            ("a\u{200B}b", InvalidUserName::Character),
            ("a\u{200F}b", InvalidUserName::Character),
            ("\u{202E}a", InvalidUserName::Character),
            ("a\u{2069}", InvalidUserName::Character),
            ("a\u{2060}b", InvalidUserName::Character),
            ("\u{FEFF}a", InvalidUserName::Character),
            ("\u{3164}", InvalidUserName::Character),
            ("Ali\u{AD}ce", InvalidUserName::Character),
            ("\u{2800}", InvalidUserName::Character),
            (
                "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
                InvalidUserName::CombiningMarks,
            ),
        ] {
            assert_eq!(UserName::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn at_most_four_combining_marks_are_in_a_row() {
        assert!(UserName::parse("q\u{301}\u{302}\u{303}\u{304}q\u{301}").is_ok());
        assert!(UserName::parse("q\u{301}\u{302}\u{303}\u{304}\u{305}").is_err());
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(text in any::<String>()) {
            if let Ok(name) = UserName::parse(&text) {
                prop_assert_eq!(UserName::parse(name.as_str()), Ok(name));
            }
            if let Ok(room) = RoomName::parse(&text) {
                prop_assert_eq!(RoomName::parse(room.as_str()), Ok(room));
            }
        }
    }
}
