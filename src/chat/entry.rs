//! A published entry: encoded once and shared by all readers.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::draft::{Draft, RetryKey};
use crate::protocol::{ClientId, EventId, Message, RoomName};
use crate::sse;

/// The memory of an entry beside its event: its fields, its entries in history and
/// in the index of client ids. A high estimate.
const ENTRY_OVERHEAD_BYTES: usize = 200;

/// A published message, encoded once for all readers. Cloning copies a
/// reference.
#[derive(Clone)]
pub struct Entry(Arc<EncodedEntry>);

struct EncodedEntry {
    seq: u64,
    number: u64,
    retry_key: Option<RetryKey>,
    event: sse::Encoded,
    /// The message's place in the event's text.
    json: Range<usize>,
}

impl Entry {
    /// Encodes `draft` as message `number` of `room`. `retry_key` belongs to the
    /// same draft and is computed before the hub is locked.
    pub(super) fn encode(
        id: EventId,
        room: &RoomName,
        number: u64,
        draft: &Draft,
        retry_key: Option<RetryKey>,
        created_at: &str,
    ) -> Self {
        // Readers could use the client id against its sender.
        let (name, text) = (draft.name.as_str(), draft.text.as_str());
        let message = Message::new(id, room.as_str(), number, name, text, created_at);
        let (event, json) = message.encode();
        Self(Arc::new(EncodedEntry {
            seq: id.seq,
            number,
            retry_key,
            event,
            json,
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
        Message::json_for_sender(&self.json(), client_id).into()
    }

    /// The client id of the request.
    pub(super) fn client_id(&self) -> Option<&ClientId> {
        self.retry_key().map(|retry_key| &retry_key.client_id)
    }

    /// The client id and the hash of the request.
    pub(super) fn retry_key(&self) -> Option<&RetryKey> {
        self.0.retry_key.as_ref()
    }

    /// The bytes that count against the history's limits.
    pub(super) fn cost(&self) -> usize {
        let retry_key = self.retry_key().map_or(0, RetryKey::cost);
        self.0.event.chunk().len() + retry_key + ENTRY_OVERHEAD_BYTES
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry(seq {}, number {})", self.0.seq, self.0.number)
    }
}

/// The result of publishing a draft.
#[derive(Debug, Clone)]
pub enum Published {
    /// A new message.
    New(Entry),
    /// The draft repeats a request of the room's history, with the same client
    /// id. This is the message of the first request.
    Duplicate(Entry),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::draft::HASH_BYTES;
    use crate::protocol::{MessageText, UserName};

    fn entry(client_id: Option<&str>) -> Entry {
        let mut draft = Draft {
            client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
            ..Draft::new(
                UserName::parse("Alice").unwrap(),
                MessageText::parse("{\n\"hi\"}", 100).unwrap(),
            )
        };
        let (id, room) = ("e-7".parse().unwrap(), RoomName::parse("lobby").unwrap());
        let retry_key = RetryKey::take(&mut draft);
        Entry::encode(id, &room, 3, &draft, retry_key, "2026-11-23T01:02:03.004Z")
    }

    #[test]
    fn an_entry_is_the_exact_event_and_its_json_is_a_slice_of_it() {
        let entry = entry(Some("c1"));
        let json = r#"{"id":"e-7","room":"lobby","number":3,"name":"Alice","message":"{\n\"hi\"}","created_at":"2026-11-23T01:02:03.004Z"}"#;
        assert_eq!(entry.json(), json);
        assert_eq!(
            entry.event().text(),
            format!("id: e-7\nevent: update\ndata: {json}\n\n")
        );
        let message: Message<'_> = serde_json::from_slice(&entry.json()).unwrap();
        assert_eq!((message.number, &*message.message), (3, "{\n\"hi\"}"));
    }

    #[test]
    fn only_the_sender_s_json_has_the_client_id() {
        let (with, without) = (entry(Some("c1")), entry(None));
        assert_eq!(with.json(), without.json());
        assert_eq!(without.json_for_sender(), without.json());
        let json = with.json_for_sender();
        let message: Message<'_> = serde_json::from_slice(&json).unwrap();
        assert_eq!(message.client_id.as_deref(), Some("c1"));
        assert!(json.ends_with(br#"Z","client_id":"c1"}"#), "{json:?}");
    }

    #[test]
    fn history_counts_the_client_id_and_the_hash() {
        let (with, without) = (entry(Some("c1")), entry(None));
        assert_eq!(with.cost() - without.cost(), 2 + HASH_BYTES);
    }
}
