//! A message before and after publishing: a [`Draft`], then a [`Frame`] that is
//! encoded once and shared by all readers. Its JSON is a [`Message`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::request_hash::{HASH_BYTES, RequestHash};
use crate::protocol::{ClientId, EventId, Message, MessageText, RoomName, UserName};
use crate::sse;

/// The memory of a frame beside its event: its fields, its entries in history and
/// in the index of client ids. A high estimate.
const FRAME_OVERHEAD_BYTES: usize = 200;

/// A message to be published. Its parts are valid by type.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The sender's name.
    pub name: UserName,
    /// The message's text.
    pub text: MessageText,
    /// The sender's id for the request. Retries with the same id are
    /// deduplicated while the room's history holds the message.
    pub client_id: Option<ClientId>,
}

/// A published message, encoded once for all readers. Cloning copies a
/// reference.
#[derive(Clone)]
pub struct Frame(Arc<EncodedMessage>);

struct EncodedMessage {
    seq: u64,
    number: u64,
    sent_as: Option<SentAs>,
    event: sse::Encoded,
    /// The message's place in the event's text.
    json: Range<usize>,
}

/// Identifies a retry: the sender's client id and the hash of its request.
#[derive(Debug, Clone)]
pub(super) struct SentAs {
    pub(super) client_id: ClientId,
    pub(super) request: RequestHash,
}

impl SentAs {
    /// Takes the client id out of `draft`. `None` if it has no client id.
    pub(super) fn take(draft: &mut Draft) -> Option<Self> {
        let client_id = draft.client_id.take()?;
        Some(Self {
            client_id,
            request: RequestHash::of(draft),
        })
    }

    /// The bytes that count against the history's limit.
    fn cost(&self) -> usize {
        self.client_id.as_str().len() + HASH_BYTES
    }
}

impl Frame {
    /// Encodes `draft` as message `number` of `room`. `sent_as` belongs to the
    /// same draft and is computed before the hub is locked.
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
            // Readers could use the id against its sender.
            client_id: None,
        });
        // The id and the event's name contain no brace, so the first one begins
        // the JSON.
        let start = event
            .text()
            .iter()
            .position(|&byte| byte == b'{')
            .unwrap_or_default();
        Self(Arc::new(EncodedMessage {
            seq: id.seq,
            number,
            sent_as,
            json: start..event.text_len() - 2,
            event,
        }))
    }

    /// The message's place among all messages of the epoch, from 1 on.
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// The message's place in its room, from 1 on.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// The `update` event, ready for the wire.
    pub fn event(&self) -> &sse::Encoded {
        &self.0.event
    }

    /// The message as JSON: a slice of the event, not a copy.
    pub fn json(&self) -> Bytes {
        self.0.event.slice(self.0.json.clone())
    }

    /// The same JSON with the `client_id` of the request. For the sender only.
    pub fn json_for_sender(&self) -> Bytes {
        let Some(client_id) = self.client_id() else {
            return self.json();
        };
        let json = self.json();
        let Some(open) = json.strip_suffix(b"}") else {
            return json;
        };
        // A client id contains no character that JSON escapes.
        [
            open,
            b",\"client_id\":\"",
            client_id.as_str().as_bytes(),
            b"\"}",
        ]
        .concat()
        .into()
    }

    /// The client id of the request.
    pub(super) fn client_id(&self) -> Option<&ClientId> {
        self.sent_as().map(|sent_as| &sent_as.client_id)
    }

    /// The client id and the hash of the request.
    pub(super) fn sent_as(&self) -> Option<&SentAs> {
        self.0.sent_as.as_ref()
    }

    /// The bytes that count against the history's limits.
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
    fn a_frame_is_the_exact_event_and_its_json_is_a_slice_of_it() {
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
