//! Messages: the rules of their parts, the request that publishes one, and the
//! `update` event.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event_id::EventId;
use super::event_name::EventName;
use super::reaction::ReactionSummary;
use super::visible::is_visible;
use crate::sse::{Encoded, Event};

/// A message's text: UTF-8 with LF as its only line end, no white space at its
/// end, with something visible in it, no C0 control but LF and TAB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageText(String);

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidText {
    /// It has only white space.
    Empty,
    /// It has no visible character.
    Invisible,
    /// It has a C0 control other than LF and TAB.
    Control,
    /// It has more bytes than the server accepts.
    TooLarge {
        /// The most bytes that the server accepts.
        most: usize,
    },
}

impl MessageText {
    /// Normalizes and checks a text of at most `most` bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] says which rule does not hold.
    pub fn parse(text: &str, most: usize) -> Result<Self, InvalidText> {
        let text = text.trim_end();
        let text = match text.contains('\r') {
            true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
            false => Cow::Borrowed(text),
        };
        if text.is_empty() {
            return Err(InvalidText::Empty);
        }
        if text.len() > most {
            return Err(InvalidText::TooLarge { most });
        }
        if text.chars().any(|c| c < ' ' && c != '\n' && c != '\t') {
            return Err(InvalidText::Control);
        }
        if !text.chars().any(is_visible) {
            return Err(InvalidText::Invisible);
        }
        Ok(Self(text.into_owned()))
    }

    /// The normalized text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a message is not empty"),
            Self::Invisible => f.write_str("a message has something visible in it"),
            Self::Control => {
                f.write_str("a message has no control characters but line feed and tab")
            }
            Self::TooLarge { most } => write!(f, "a message is at most {most} bytes"),
        }
    }
}

impl std::error::Error for InvalidText {}

/// The sender's own id for a message, 1 to 64 of `[A-Za-z0-9_-]`. Retries with
/// the same id are deduplicated. Readers never see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientId(Arc<str>);

/// The text is not a client id. Its `Display` states the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidClientId;

impl ClientId {
    /// Checks an id.
    ///
    /// # Errors
    ///
    /// [`InvalidClientId`] when it is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.into())),
            false => Err(InvalidClientId),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a client_id is 1 to 64 of A to Z, a to z, 0 to 9, '_' and '-'")
    }
}

impl std::error::Error for InvalidClientId {}

/// A published message: the JSON of `update` events, of history pages and, with
/// its `client_id`, of the response to its sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<'a> {
    /// Its id, which is the event's id too.
    pub id: EventId,
    /// The room's name.
    pub room: Cow<'a, str>,
    /// Its place in the room: 1, 2, 3, … with no hole.
    pub number: u64,
    /// The sender's name.
    pub name: Cow<'a, str>,
    /// The text.
    pub message: Cow<'a, str>,
    /// When it was published: RFC 3339, UTC, milliseconds.
    pub created_at: Cow<'a, str>,
    /// The message that it answers, which history may no longer hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<EventId>,
    /// When it was last edited, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Cow<'a, str>>,
    /// The reactions to it, by emoji, in the order of the first of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<ReactionSummary<'a>>,
    /// Whether a token fixed the sender's name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// The sender's own id for it. Only the response to the sender has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Cow<'a, str>>,
}

impl<'a> Message<'a> {
    /// A message with the fields that every message has.
    pub fn new(
        id: EventId,
        room: impl Into<Cow<'a, str>>,
        number: u64,
        name: impl Into<Cow<'a, str>>,
        message: impl Into<Cow<'a, str>>,
        created_at: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            id,
            room: room.into(),
            number,
            name: name.into(),
            message: message.into(),
            created_at: created_at.into(),
            reply_to: None,
            edited_at: None,
            reactions: Vec::new(),
            verified: false,
            client_id: None,
        }
    }

    /// The `update` event, and the place of the message's JSON in its text.
    pub fn encode(&self) -> (Encoded, Range<usize>) {
        let event = Event::with_capacity(self.message.len() + 256)
            .id(self.id)
            .event(EventName::Update.as_str())
            .json(self);
        // The id and the event's name hold no brace, so the first is the JSON's.
        let start = event.text().iter().position(|&byte| byte == b'{');
        let json = start.unwrap_or_default()..event.text_len() - 2;
        (event, json)
    }

    /// Adds `client_id` to the JSON of a message: the response to its sender.
    pub fn json_for_sender(json: &[u8], client_id: &ClientId) -> Vec<u8> {
        let open = json.strip_suffix(b"}").unwrap_or(json);
        // A client id has no character that JSON escapes.
        let client_id = client_id.as_str().as_bytes();
        [open, b",\"client_id\":\"", client_id, b"\"}"].concat()
    }
}

/// The body of a request that publishes a message:
/// `POST /rooms/{room}/messages`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PublishRequest<'a> {
    /// The sender's name.
    pub name: &'a str,
    /// The text.
    pub message: &'a str,
    /// The sender's own id for the message. Retries with the same id are
    /// deduplicated; the same id with another name or text is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
    /// The id of the message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<&'a str>,
    /// The key to change the message later: an [`EditKey`](super::EditKey).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_key: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ServerEvent, decode_one};

    fn text(text: &str) -> Result<String, InvalidText> {
        MessageText::parse(text, 16).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn line_ends_become_lf_and_trailing_white_space_is_cut() {
        assert_eq!(text("a\r\nb\rc\nd \t\r\n"), Ok("a\nb\nc\nd".into()));
        assert_eq!(text("  a"), Ok("  a".into()));
        assert_eq!(text("0"), Ok("0".into()));
        assert_eq!(text("\ta\u{7F}\u{85}b"), Ok("\ta\u{7F}\u{85}b".into()));
    }

    #[test]
    fn an_invalid_text_is_refused_with_its_reason() {
        assert_eq!(text(""), Err(InvalidText::Empty));
        assert_eq!(text(" \r\n\u{3000}"), Err(InvalidText::Empty));
        assert_eq!(text("a\0b"), Err(InvalidText::Control));
        assert_eq!(text("a\u{1B}[1m"), Err(InvalidText::Control));
        assert_eq!(
            text("12345678901234567"),
            Err(InvalidText::TooLarge { most: 16 })
        );
        assert_eq!(text("1234567890123456 \n"), Ok("1234567890123456".into()));
        assert_eq!(text("1234567\r\n12345678"), Ok("1234567\n12345678".into()));
    }

    #[test]
    fn a_text_without_a_visible_character_is_refused() {
        for nothing in [
            "\u{3164}",
            "\u{2800}",
            "\u{200B}\n\u{FEFF}",
            "\u{AD}",
            "\u{7F}\u{85}",
        ] {
            assert_eq!(text(nothing), Err(InvalidText::Invisible), "{nothing:?}");
        }
        for something in ["\u{3164}a", "a\u{AD}b", "\u{200B}.", "\u{301}", "👍"] {
            assert_eq!(text(something), Ok(something.into()));
        }
    }

    #[test]
    fn a_message_is_decoded_as_it_was_encoded() {
        let id = "e-7".parse().unwrap();
        let at = "2026-11-23T01:02:03.004Z";
        let message = Message::new(id, "größe", 3, "{Ada}", "a\n{}\r\"", at);
        let (event, json) = message.encode();
        assert_eq!(
            decode_one(&event),
            Some(ServerEvent::Update(message.clone()))
        );
        let json = event.slice(json);
        assert_eq!(json, serde_json::to_vec(&message).unwrap());
        let client_id = ClientId::parse("c-1").unwrap();
        let for_sender = Message::json_for_sender(&json, &client_id);
        let with_client_id = Message {
            client_id: Some("c-1".into()),
            ..message
        };
        assert_eq!(for_sender, serde_json::to_vec(&with_client_id).unwrap());
        let decoded: Message<'_> = serde_json::from_slice(&for_sender).unwrap();
        assert_eq!(decoded, with_client_id);
    }

    #[test]
    fn client_ids_have_1_to_64_plain_characters() {
        for id in ["a", "A-z_0", &"x".repeat(64)] {
            assert!(ClientId::parse(id).is_ok(), "{id}");
        }
        for id in ["", "a b", "é", "a.b", &"x".repeat(65)] {
            assert_eq!(ClientId::parse(id), Err(InvalidClientId), "{id}");
        }
    }
}
