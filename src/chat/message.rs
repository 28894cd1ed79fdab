//! A message on its way: a [`Draft`] whose parts are valid, then a [`Frame`]
//! that is encoded once and shared by every reader, and a [`Message`] as it is
//! read back from the frame's JSON.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::request_hash::{HASH_BYTES, RequestHash};
use crate::protocol::{ClientId, EventId, Message, MessageText, RoomName, UserName};
use crate::sse;

/// What a frame costs beside its event: its own fields, its places in the
/// history and in the index of client ids. An estimate on the high side.
const FRAME_OVERHEAD_BYTES: usize = 200;

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
        let message = Message {
            id,
            room: room.as_str().into(),
            number,
            name: draft.name.as_str().into(),
            message: draft.text.as_str().into(),
            created_at: created_at.into(),
            // An id that readers saw could be used against its sender.
            client_id: None,
        };
        let (event, json) = message.encode();
        Self(Arc::new(Encoded {
            seq: id.seq,
            number,
            sent_as,
            event,
            json,
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
        Message::json_for_sender(&self.json(), client_id).into()
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
