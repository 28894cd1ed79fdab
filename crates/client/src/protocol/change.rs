//! Changes of messages: the `change` event, deleted entries, and the key that lets an
//! author without a token change its own messages.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::event_id::EventId;
use super::event_name::EventName;
use super::message::Message;
use crate::sse::{Encoded, Event};

/// The header that holds an [`EditKey`].
pub const EDIT_KEY: &str = "edit-key";

/// The secret with which an author without a token changes its own messages: 16 to
/// 64 of `[A-Za-z0-9_-]`.
#[derive(Clone, PartialEq, Eq)]
pub struct EditKey(String);

/// The text is not an edit key. Its `Display` states the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidEditKey;

impl EditKey {
    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`InvalidEditKey`] when it is too short or too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidEditKey> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match (16..=64).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidEditKey),
        }
    }

    /// The key as text. Never log it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EditKey(…)")
    }
}

impl fmt::Display for InvalidEditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an edit key is 16 to 64 of A to Z, a to z, 0 to 9, '_' and '-'")
    }
}

impl std::error::Error for InvalidEditKey {}

/// A deleted entry: what is left of a message or of a program's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedEntry<'a> {
    /// The id of the entry.
    pub id: EventId,
    /// The room's name.
    pub room: Cow<'a, str>,
    /// The number of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Always `true`.
    pub deleted: bool,
}

/// The data of a `change` event: the present state of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChangedEntry<'a> {
    /// It is deleted.
    Deleted(DeletedEntry<'a>),
    /// It was edited or reacted to.
    Message(Box<Message<'a>>),
}

impl ChangedEntry<'_> {
    /// The `change` event, and the place of the JSON in its text. `id` is the id of
    /// the change itself; a deleted entry is replayed under its own id.
    pub fn encode(&self, id: EventId) -> (Encoded, Range<usize>) {
        let size = match self {
            Self::Deleted(_) => 192,
            Self::Message(message) => message.message.len() + 320,
        };
        let event = Event::with_capacity(size)
            .id(id)
            .event(EventName::Change.as_str())
            .json(self);
        // The id and the event's name hold no brace, so the first is the JSON's.
        let start = event.text().iter().position(|&byte| byte == b'{');
        let json = start.unwrap_or_default()..event.text_len() - 2;
        (event, json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ReactionSummary, ServerEvent, decode_one};

    #[test]
    fn edit_keys_have_16_to_64_plain_characters_and_are_never_printed() {
        for key in ["0123456789abcdef", "-_AZaz09-_AZaz09", &"x".repeat(64)] {
            let key = EditKey::parse(key).unwrap();
            assert_eq!(format!("{key:?}"), "EditKey(…)");
        }
        for key in ["", "0123456789abcde", "0123456789abcde ", &"x".repeat(65)] {
            assert_eq!(EditKey::parse(key), Err(InvalidEditKey), "{key}");
        }
    }

    #[test]
    fn a_deletion_is_written_to_the_byte_and_decoded() {
        let deleted = ChangedEntry::Deleted(DeletedEntry {
            id: "e-7".parse().unwrap(),
            room: "a".into(),
            number: Some(3),
            deleted: true,
        });
        let (event, json) = deleted.encode("e-9".parse().unwrap());
        let text = r#"{"id":"e-7","room":"a","number":3,"deleted":true}"#;
        assert_eq!(
            event.text(),
            format!("id: e-9\nevent: change\ndata: {text}\n\n")
        );
        assert_eq!(event.slice(json), text);
        assert_eq!(decode_one(&event), Some(ServerEvent::Change(deleted)));
    }

    #[test]
    fn an_edit_is_decoded_as_it_was_encoded() {
        let message = Message {
            edited_at: Some("2026-11-28T01:02:04.000Z".into()),
            reactions: vec![ReactionSummary {
                emoji: "👍".into(),
                count: 2,
                names: vec!["Ada".into(), "Bob".into()],
            }],
            reply_to: Some("e-1".parse().unwrap()),
            verified: true,
            ..Message::new(
                "e-7".parse().unwrap(),
                "a",
                3,
                "Ada",
                "{}",
                "2026-11-28T01:02:03.004Z",
            )
        };
        let change = ChangedEntry::Message(Box::new(message));
        let (event, json) = change.encode("e-9".parse().unwrap());
        assert_eq!(
            event.slice(json),
            r#"{"id":"e-7","room":"a","number":3,"name":"Ada","message":"{}","created_at":"2026-11-28T01:02:03.004Z","reply_to":"e-1","edited_at":"2026-11-28T01:02:04.000Z","reactions":[{"emoji":"👍","count":2,"names":["Ada","Bob"]}],"verified":true}"#
                .as_bytes()
        );
        assert_eq!(decode_one(&event), Some(ServerEvent::Change(change)));
    }
}
