//! A published entry: a message, an event of a program, or a change. It is encoded
//! once and shared by all readers.

#[cfg(any(feature = "data", feature = "redis"))]
pub(super) mod parts;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;

use super::author::Author;
use super::custom_encoding::CustomEncoding;
use super::draft::{DraftMessage, RetryKey};
use super::place::{EntryKind, Place};
use super::reactions::Reactions;
use super::subscribe_options::EventForm;
use crate::protocol::{
    ChangedEntry, ClientId, DeletedEntry, EventId, Message, PublishedEvent, RoomName,
};
use crate::sse;

/// The memory of an entry beside its event: its fields, its places in history and
/// in the indexes of client ids and of changes. A high estimate.
const ENTRY_OVERHEAD_BYTES: usize = 240;

/// A published entry, encoded once for all readers. Cloning copies a reference.
#[derive(Clone)]
pub struct Entry(Arc<EncodedEntry>);

struct EncodedEntry {
    id: EventId,
    kind: EntryKind,
    place: Place,
    /// When it was assigned, in milliseconds since 1970.
    at: u64,
    provenance: Provenance,
    reactions: Option<Arc<Reactions>>,
    encoded: EntryEncoding,
}

/// The request that published a message or an event. Changes keep it.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenance {
    /// The client id and the hash of the request.
    retry_key: Option<RetryKey>,
    /// `None` if nothing is known of the author, as of most on an open server.
    author: Option<Box<Author>>,
}

impl Provenance {
    pub(super) fn new(retry_key: Option<RetryKey>, author: Author) -> Self {
        let is_known = author != Author::default();
        Self {
            retry_key,
            author: is_known.then(|| Box::new(author)),
        }
    }

    fn cost(&self) -> usize {
        let retry_key = self.retry_key.as_ref().map_or(0, RetryKey::cost);
        let author = self.author.as_ref().map_or(0, |_| size_of::<Author>());
        retry_key + author
    }
}

/// The forms of an entry on the wire.
enum EntryEncoding {
    /// The same in every stream: the event, and the place of its JSON in its text.
    Json(sse::Encoded, Range<usize>),
    /// An event of a program.
    Custom(Box<CustomEncoding>),
}

impl Entry {
    /// Encodes a message.
    pub(super) fn message(
        id: EventId,
        room: &RoomName,
        place: Place,
        draft: &DraftMessage,
        provenance: Provenance,
        created_at: &str,
    ) -> Self {
        let (name, text) = (draft.name.as_str(), draft.text.as_str());
        let (event, json) = Message {
            reply_to: draft.reply_to,
            verified: draft.is_verified,
            // Readers could use the client id against its sender.
            ..Message::new(id, room.as_str(), place.number, name, text, created_at)
        }
        .encode();
        Self(Arc::new(EncodedEntry {
            id,
            kind: EntryKind::Message,
            place,
            at: 0,
            provenance,
            reactions: None,
            encoded: EntryEncoding::Json(event, json),
        }))
    }

    /// Encodes an event of a program.
    pub(super) fn event_of_program(
        event: &PublishedEvent<'_>,
        place: Place,
        provenance: Provenance,
    ) -> Self {
        Self(Arc::new(EncodedEntry {
            id: event.id,
            kind: EntryKind::Event,
            place,
            at: 0,
            provenance,
            reactions: None,
            encoded: EntryEncoding::Custom(Box::new(CustomEncoding::new(event))),
        }))
    }

    /// A message with another state, in its own place. `message` has the same id.
    pub(super) fn with_state(
        &self,
        message: &Message<'_>,
        reactions: Option<Arc<Reactions>>,
    ) -> Self {
        let (event, json) = message.encode();
        self.replaced(self.0.id, self.0.kind, self.0.place, reactions, event, json)
    }

    /// What is left of a deleted message or event, in its own place.
    pub(super) fn deleted(&self, deleted: &DeletedEntry<'_>) -> Self {
        let deleted = ChangedEntry::Deleted(deleted.clone());
        let (event, json) = deleted.encode(self.0.id);
        self.replaced(self.0.id, self.0.kind, self.0.place, None, event, json)
    }

    /// The change that announces a state of this message or event, or of the one
    /// that this is a change of.
    pub(super) fn change(
        &self,
        id: EventId,
        place: Place,
        state: &ChangedEntry<'_>,
        reactions: Option<Arc<Reactions>>,
    ) -> Self {
        let (event, json) = state.encode(id);
        let kind = EntryKind::Change {
            of: self.item_seq(),
        };
        self.replaced(id, kind, place, reactions, event, json)
    }

    fn replaced(
        &self,
        id: EventId,
        kind: EntryKind,
        place: Place,
        reactions: Option<Arc<Reactions>>,
        event: sse::Encoded,
        json: Range<usize>,
    ) -> Self {
        Self(Arc::new(EncodedEntry {
            id,
            kind,
            place,
            at: self.0.at,
            provenance: self.0.provenance.clone(),
            reactions,
            encoded: EntryEncoding::Json(event, json),
        }))
    }

    /// A new entry that was assigned at this time, in milliseconds since 1970.
    pub(super) fn assigned_at(mut self, at: u64) -> Self {
        match Arc::get_mut(&mut self.0) {
            Some(entry) => entry.at = at,
            None => debug_assert!(false, "it is shared already"),
        }
        self
    }

    /// When it was assigned, in milliseconds since 1970.
    pub(super) fn at(&self) -> u64 {
        self.0.at
    }

    /// The entry's id.
    pub fn id(&self) -> EventId {
        self.0.id
    }

    /// The entry's place among all entries of the history, from 1 on.
    pub fn seq(&self) -> u64 {
        self.0.id.seq
    }

    /// What it is.
    pub fn kind(&self) -> EntryKind {
        self.0.kind
    }

    /// The number of a message: its place in its room, from 1 on.
    pub fn number(&self) -> Option<u64> {
        (self.0.kind == EntryKind::Message).then_some(self.0.place.number)
    }

    /// The seq of the message or event itself.
    pub(super) fn item_seq(&self) -> u64 {
        match self.0.kind {
            EntryKind::Change { of } => of,
            _ => self.seq(),
        }
    }

    /// The place before it in its room.
    pub(super) fn place(&self) -> Place {
        self.0.place
    }

    /// The place behind it in its room.
    pub(super) fn place_after(&self) -> Place {
        self.0.place.after(self.0.kind)
    }

    /// The event, ready for the wire, in streams that write events of programs
    /// in this form.
    pub fn event(&self, form: EventForm) -> &sse::Encoded {
        match (&self.0.encoded, form) {
            (EntryEncoding::Json(event, _), _) => event,
            (EntryEncoding::Custom(custom), EventForm::Raw) => custom.raw(),
            (EntryEncoding::Custom(custom), EventForm::Json) => &custom.as_json().0,
        }
    }

    /// The present state as JSON: a slice of the event, not a copy.
    pub fn json(&self) -> Bytes {
        let (event, json) = match &self.0.encoded {
            EntryEncoding::Json(event, json) => (event, json),
            EntryEncoding::Custom(custom) => {
                let (event, json) = custom.as_json();
                (event, json)
            }
        };
        event.slice(json.clone())
    }

    /// The response to the sender: the JSON of a message with the `client_id` of its
    /// request, or the id of an event.
    pub fn json_for_sender(&self) -> Bytes {
        if let EntryEncoding::Custom(custom) = &self.0.encoded {
            return custom.receipt().into();
        }
        match self.client_id() {
            Some(client_id) if self.is_of_message() => {
                Message::json_for_sender(&self.json(), client_id).into()
            }
            _ => self.json(),
        }
    }

    /// Whether it is a message or a change of one. Only a message has a number, also
    /// when it is deleted.
    fn is_of_message(&self) -> bool {
        match self.0.kind {
            EntryKind::Message => true,
            EntryKind::Event => false,
            EntryKind::Change { .. } => memmem::find(&self.json(), b",\"number\":").is_some(),
        }
    }

    /// An event of a program that is not deleted, without its payload.
    pub(super) fn event_of_program_head(&self) -> Option<&PublishedEvent<'static>> {
        match &self.0.encoded {
            EntryEncoding::Custom(custom) => Some(custom.head()),
            EntryEncoding::Json(..) => None,
        }
    }

    /// The client id of the request.
    pub(super) fn client_id(&self) -> Option<&ClientId> {
        self.retry_key().map(|retry_key| &retry_key.client_id)
    }

    /// The client id and the hash of the request.
    pub(super) fn retry_key(&self) -> Option<&RetryKey> {
        self.0.provenance.retry_key.as_ref()
    }

    /// The author of the message or event.
    pub(super) fn author(&self) -> Author {
        let author = self.0.provenance.author.as_deref();
        author.copied().unwrap_or_default()
    }

    pub(super) fn reactions(&self) -> Option<&Arc<Reactions>> {
        self.0.reactions.as_ref()
    }

    /// The bytes that count against the history's limits.
    pub(super) fn cost(&self) -> usize {
        self.content_bytes() + self.0.provenance.cost() + ENTRY_OVERHEAD_BYTES
    }

    /// The bytes of its content: both forms of an event of a program, and the
    /// owners of reactions.
    pub(super) fn content_bytes(&self) -> usize {
        let event = match &self.0.encoded {
            EntryEncoding::Json(event, _) => event.chunk().len(),
            EntryEncoding::Custom(custom) => custom.cost(),
        };
        event + self.reactions().map_or(0, |reactions| reactions.cost())
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({:?}, {:?})", self.0.id, self.0.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::author::FINGERPRINT_BYTES;
    use crate::chat::draft::{Draft, DraftContent};
    use crate::protocol::{MessageText, UserName};

    const AT: &str = "2026-11-23T01:02:03.004Z";

    fn entry(client_id: Option<&str>) -> Entry {
        let mut draft = Draft {
            client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
            ..Draft::new(
                UserName::parse("Alice").unwrap(),
                MessageText::parse("{\n\"hi\"}", 100).unwrap(),
            )
        };
        let (id, room) = ("e-7".parse().unwrap(), RoomName::parse("lobby").unwrap());
        let provenance = Provenance::new(RetryKey::take(&mut draft), Author::default());
        let place = Place {
            number: 3,
            counted: 5,
        };
        let DraftContent::Message(message) = &draft.content else {
            unreachable!("it is a message");
        };
        Entry::message(id, &room, place, message, provenance, AT)
    }

    fn event(payload: &'static str) -> Entry {
        let published = PublishedEvent {
            id: "e-8".parse().unwrap(),
            room: "lobby".into(),
            event: "news".into(),
            data: payload.into(),
            created_at: AT.into(),
        };
        Entry::event_of_program(&published, Place::FIRST, Provenance::default())
    }

    #[test]
    fn an_entry_is_the_exact_event_and_its_json_is_a_slice_of_it() {
        let entry = entry(Some("c1"));
        let json = r#"{"id":"e-7","room":"lobby","number":3,"name":"Alice","message":"{\n\"hi\"}","created_at":"2026-11-23T01:02:03.004Z"}"#;
        assert_eq!(entry.json(), json);
        for form in [EventForm::Raw, EventForm::Json] {
            assert_eq!(
                entry.event(form).text(),
                format!("id: e-7\nevent: update\ndata: {json}\n\n")
            );
        }
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
    fn an_entry_takes_less_than_it_counts() {
        // Two reference counts, and three entries of eight bytes in history's indexes.
        let bytes = size_of::<EncodedEntry>() + 16 + 3 * 8;
        assert!(bytes <= ENTRY_OVERHEAD_BYTES, "{bytes} bytes");
    }

    #[test]
    fn history_counts_the_client_id_and_the_hash() {
        let (with, without) = (entry(Some("c1")), entry(None));
        assert_eq!(with.cost() - without.cost(), 2 + FINGERPRINT_BYTES);
    }

    #[test]
    fn an_event_of_a_program_has_two_forms_that_count_from_the_beginning() {
        let event = event("<b>\n\"{x}\"</b>");
        let cost = event.cost();
        assert_eq!(
            event.event(EventForm::Raw).text(),
            "id: e-8\nevent: news\ndata: <b>\ndata: \"{x}\"</b>\n\n"
        );
        let json = r#"{"id":"e-8","room":"lobby","event":"news","data":"<b>\n\"{x}\"</b>","created_at":"2026-11-23T01:02:03.004Z"}"#;
        assert_eq!(event.json(), json);
        assert_eq!(
            event.event(EventForm::Json).text(),
            format!("id: e-8\nevent: news\ndata: {json}\n\n")
        );
        assert_eq!(event.cost(), cost);
        assert_eq!(
            event.json_for_sender(),
            r#"{"id":"e-8","room":"lobby","event":"news"}"#
        );
    }
}
