//! A message on its way: a [`Draft`] whose parts are valid, then a [`Frame`]
//! that is encoded once and shared by every reader, and a [`Message`] as it is
//! read back from the frame's JSON.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::event_id::EventId;
use super::name::{RoomName, UserName};
use super::request_hash::{HASH_BYTES, RequestHash};
use super::visible::is_visible;
use crate::sse;

/// What a frame costs beside its event: its own fields, its places in the
/// history and in the index of client ids. An estimate on the high side.
const FRAME_OVERHEAD_BYTES: usize = 200;

/// A message's text: UTF-8 with LF as its only line end, no white space at its
/// end, with something visible in it, no C0 control but LF and TAB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageText(String);

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidText {
    /// Nothing but white space.
    Empty,
    /// Nothing that can be seen.
    Invisible,
    /// A C0 control other than LF and TAB.
    Control,
    /// More bytes than the server takes.
    TooLarge {
        /// How many it takes.
        most: usize,
    },
}

impl MessageText {
    /// Takes a text as somebody wrote it, of at most `most` bytes.
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

    /// The text as it will be shown.
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

/// The text is no client id. Its `Display` says what one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidClientId;

impl ClientId {
    /// Takes an id as a client sent it.
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

    /// The id as it was sent.
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

/// What somebody wants to say.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who says it.
    pub name: UserName,
    /// What is said.
    pub text: MessageText,
    /// The sender's own id for it.
    pub client_id: Option<ClientId>,
}

/// A published message: the JSON of `update` events, of history pages and,
/// with its `client_id`, of the answer to its sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<'a> {
    /// Its place among all messages of this life of the server.
    pub id: EventId,
    /// Where it was said.
    pub room: Cow<'a, str>,
    /// Its place in the room: 1, 2, 3, … with no hole.
    pub number: u64,
    /// Who said it.
    pub name: Cow<'a, str>,
    /// What was said.
    pub message: Cow<'a, str>,
    /// When the server took it: RFC 3339, UTC, milliseconds.
    pub created_at: Cow<'a, str>,
    /// The sender's own id for it. Only the answer to the sender has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Cow<'a, str>>,
}

/// A message encoded for the wire, once. A clone is a reference count.
#[derive(Clone)]
pub struct Frame(Arc<Encoded>);

struct Encoded {
    seq: u64,
    number: u64,
    sent_as: Option<SentAs>,
    event: sse::Encoded,
    /// Where in the event's text the message is.
    json: Range<usize>,
}

/// What identifies a retry: the sender's id and the hash of its request.
#[derive(Debug, Clone)]
pub(super) struct SentAs {
    pub(super) client_id: ClientId,
    pub(super) request: RequestHash,
}

impl SentAs {
    /// Takes the client id out of `draft`; `None` if it has none.
    pub(super) fn take(draft: &mut Draft) -> Option<Self> {
        let client_id = draft.client_id.take()?;
        Some(Self {
            client_id,
            request: RequestHash::of(draft),
        })
    }

    /// The bytes that history counts for it.
    fn cost(&self) -> usize {
        self.client_id.as_str().len() + HASH_BYTES
    }
}

impl Frame {
    /// Encodes what `draft` says as message `number` of `room`. `sent_as` is
    /// made of the same draft, before the hub is locked.
    pub(super) fn encode(
        id: EventId,
        room: &RoomName,
        number: u64,
        draft: &Draft,
        sent_as: Option<SentAs>,
        created_at: &str,
    ) -> Self {
        let head = sse::Event::with_capacity(draft.text.as_str().len() + 256);
        let event = head.id(id).event("update").json(&Message {
            id,
            room: room.as_str().into(),
            number,
            name: draft.name.as_str().into(),
            message: draft.text.as_str().into(),
            created_at: created_at.into(),
            // An id that readers saw could be used against its sender.
            client_id: None,
        });
        // The id and the event's name hold no brace, so the first is the JSON's.
        let start = event
            .text()
            .iter()
            .position(|&byte| byte == b'{')
            .unwrap_or_default();
        Self(Arc::new(Encoded {
            seq: id.seq,
            number,
            sent_as,
            json: start..event.text_len() - 2,
            event,
        }))
    }

    /// The message's place among all messages of this life of the server.
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// The message's place in its room.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// The whole event as it goes over the wire.
    pub fn event(&self) -> &sse::Encoded {
        &self.0.event
    }

    /// The message alone, as JSON: a slice of the event, not a copy.
    pub fn json(&self) -> Bytes {
        self.0.event.slice(self.0.json.clone())
    }

    /// The message for its sender alone: the same JSON, with the `client_id`
    /// that it was sent with.
    pub fn json_for_sender(&self) -> Bytes {
        let Some(client_id) = self.client_id() else {
            return self.json();
        };
        let json = self.json();
        let Some(open) = json.strip_suffix(b"}") else {
            return json;
        };
        // A client id has no character that JSON escapes.
        [
            open,
            b",\"client_id\":\"",
            client_id.as_str().as_bytes(),
            b"\"}",
        ]
        .concat()
        .into()
    }

    /// The sender's own id for the message.
    pub(super) fn client_id(&self) -> Option<&ClientId> {
        self.sent_as().map(|sent_as| &sent_as.client_id)
    }

    /// The sender's own id and the hash of its request.
    pub(super) fn sent_as(&self) -> Option<&SentAs> {
        self.0.sent_as.as_ref()
    }

    /// What history counts for it.
    pub(super) fn cost(&self) -> usize {
        let sent_as = self.sent_as().map_or(0, SentAs::cost);
        self.0.event.chunk().len() + sent_as + FRAME_OVERHEAD_BYTES
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame(seq {}, number {})", self.0.seq, self.0.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<String, InvalidText> {
        MessageText::parse(text, 16).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn line_ends_become_lf_and_white_space_at_the_end_goes() {
        assert_eq!(text("a\r\nb\rc\nd \t\r\n"), Ok("a\nb\nc\nd".into()));
        assert_eq!(text("  a"), Ok("  a".into()));
        assert_eq!(text("0"), Ok("0".into()));
        assert_eq!(text("\ta\u{7F}\u{85}b"), Ok("\ta\u{7F}\u{85}b".into()));
    }

    #[test]
    fn a_text_that_can_t_be_said_says_why() {
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
    fn a_text_of_which_nothing_is_visible_is_none() {
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
    fn client_ids() {
        for id in ["a", "A-z_0", &"x".repeat(64)] {
            assert!(ClientId::parse(id).is_ok(), "{id}");
        }
        for id in ["", "a b", "é", "a.b", &"x".repeat(65)] {
            assert_eq!(ClientId::parse(id), Err(InvalidClientId), "{id}");
        }
    }

    fn frame(client_id: Option<&str>) -> Frame {
        let mut draft = Draft {
            name: UserName::parse("Alice").unwrap(),
            text: MessageText::parse("{\n\"hi\"}", 100).unwrap(),
            client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
        };
        let (id, room) = ("e-7".parse().unwrap(), RoomName::parse("lobby").unwrap());
        let sent_as = SentAs::take(&mut draft);
        Frame::encode(id, &room, 3, &draft, sent_as, "2026-11-23T01:02:03.004Z")
    }

    #[test]
    fn a_frame_is_the_event_to_the_byte_and_its_json_a_part_of_it() {
        let frame = frame(Some("c1"));
        let json = r#"{"id":"e-7","room":"lobby","number":3,"name":"Alice","message":"{\n\"hi\"}","created_at":"2026-11-23T01:02:03.004Z"}"#;
        assert_eq!(frame.json(), json);
        assert_eq!(
            frame.event().text(),
            format!("id: e-7\nevent: update\ndata: {json}\n\n")
        );
        let message: Message<'_> = serde_json::from_slice(&frame.json()).unwrap();
        assert_eq!((message.number, &*message.message), (3, "{\n\"hi\"}"));
    }

    #[test]
    fn only_the_sender_s_json_has_the_client_id() {
        let (with, without) = (frame(Some("c1")), frame(None));
        assert_eq!(with.json(), without.json());
        assert_eq!(without.json_for_sender(), without.json());
        let json = with.json_for_sender();
        let message: Message<'_> = serde_json::from_slice(&json).unwrap();
        assert_eq!(message.client_id.as_deref(), Some("c1"));
        assert!(json.ends_with(br#"Z","client_id":"c1"}"#), "{json:?}");
    }

    #[test]
    fn history_counts_the_client_id_and_the_hash() {
        let (with, without) = (frame(Some("c1")), frame(None));
        assert_eq!(with.cost() - without.cost(), 2 + HASH_BYTES);
    }
}
