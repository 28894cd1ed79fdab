//! What a store keeps of an entry, and the entry that is made of it again. How it is
//! laid out in a file is not decided here.

use std::borrow::Cow;
use std::sync::Arc;

use super::{EncodedEntry, Entry, EntryEncoding, Provenance};
use crate::chat::author::Author;
use crate::chat::custom_encoding::CustomEncoding;
use crate::chat::draft::RetryKey;
use crate::chat::place::{EntryKind, Place};
use crate::chat::reactions::Reactions;
use crate::protocol::{EventId, EventName, PublishedEvent, RoomName};
use crate::sse;

/// The end of the JSON of a deleted entry, and of no other: in a text a quotation mark
/// has a backslash before it.
const DELETED_END: &[u8] = b",\"deleted\":true}";

/// All of an entry but its id and its room.
#[derive(Debug, Clone)]
pub(in crate::chat) struct EntryParts<'a> {
    pub(in crate::chat) kind: EntryKind,
    /// The place before it.
    pub(in crate::chat) place: Place,
    /// When it was assigned, in milliseconds since 1970.
    pub(in crate::chat) at: u64,
    pub(in crate::chat) state: StoredState<'a>,
    pub(in crate::chat) retry_key: Option<RetryKey>,
    pub(in crate::chat) author: Author,
    pub(in crate::chat) reactions: Option<Arc<Reactions>>,
}

/// The present state of an entry.
#[derive(Debug, Clone)]
pub(in crate::chat) enum StoredState<'a> {
    /// The JSON of a message.
    Message(Cow<'a, [u8]>),
    /// The JSON of what is left of a message or of an event of a program.
    Deleted(Cow<'a, [u8]>),
    /// An event of a program.
    Event {
        name: Cow<'a, str>,
        payload: Cow<'a, str>,
        created_at: Cow<'a, str>,
    },
}

impl Entry {
    /// What a store keeps of it.
    pub(in crate::chat) fn parts(&self) -> EntryParts<'_> {
        let state = match &self.0.encoded {
            EntryEncoding::Json(event, json) => state_of_json(event.text_part(json.clone())),
            EntryEncoding::Custom(custom) => StoredState::Event {
                name: Cow::Borrowed(&custom.head().event),
                payload: custom.payload().into(),
                created_at: Cow::Borrowed(&custom.head().created_at),
            },
        };
        EntryParts {
            kind: self.0.kind,
            place: self.0.place,
            at: self.0.at,
            state,
            retry_key: self.retry_key().cloned(),
            author: self.author(),
            reactions: self.0.reactions.clone(),
        }
    }

    /// Whether nothing of its content is left.
    pub(in crate::chat) fn is_deleted(&self) -> bool {
        match &self.0.encoded {
            EntryEncoding::Json(event, json) => {
                event.text_part(json.clone()).ends_with(DELETED_END)
            }
            EntryEncoding::Custom(_) => false,
        }
    }

    /// This message or event in its own place, with the state after `change`.
    #[cfg(feature = "redis")]
    pub(in crate::chat) fn with_state_of(&self, room: &RoomName, change: &Self) -> Self {
        let parts = EntryParts {
            kind: self.0.kind,
            place: self.0.place,
            at: self.0.at,
            ..change.parts()
        };
        Self::restore(self.0.id, room, parts)
    }

    /// What is left of a message or event in its own place, by its deletion. `behind` is the
    /// place behind it.
    #[cfg(feature = "redis")]
    pub(in crate::chat) fn tombstone(&self, id: EventId, room: &RoomName, behind: Place) -> Self {
        let kind = match self.is_of_message() {
            true => EntryKind::Message,
            false => EntryKind::Event,
        };
        let parts = EntryParts {
            kind,
            place: behind.before(kind),
            ..self.parts()
        };
        Self::restore(id, room, parts)
    }

    /// The entry of these parts.
    pub(in crate::chat) fn restore(id: EventId, room: &RoomName, parts: EntryParts<'_>) -> Self {
        let encoded = match parts.state {
            StoredState::Message(json) if parts.kind == EntryKind::Message => {
                encoded_json(id, EventName::Update, &json)
            }
            // A change, and an entry that is deleted in its own place.
            StoredState::Message(json) | StoredState::Deleted(json) => {
                encoded_json(id, EventName::Change, &json)
            }
            StoredState::Event {
                name,
                payload,
                created_at,
            } => EntryEncoding::Custom(Box::new(CustomEncoding::new(&PublishedEvent {
                id,
                room: room.as_str().into(),
                event: name,
                data: payload,
                created_at,
            }))),
        };
        Self(Arc::new(EncodedEntry {
            id,
            kind: parts.kind,
            place: parts.place,
            at: parts.at,
            provenance: Provenance::new(parts.retry_key, parts.author),
            reactions: parts.reactions,
            encoded,
        }))
    }
}

fn state_of_json(json: &[u8]) -> StoredState<'_> {
    match json.ends_with(DELETED_END) {
        true => StoredState::Deleted(json.into()),
        false => StoredState::Message(json.into()),
    }
}

/// The event of this name with `json`, which is one line.
fn encoded_json(id: EventId, name: EventName, json: &[u8]) -> EntryEncoding {
    let json = String::from_utf8_lossy(json);
    let event = sse::Event::with_capacity(json.len() + 128)
        .id(id)
        .event(name.as_str())
        .text(&json);
    let end = event.text_len() - 2;
    EntryEncoding::Json(event, end - json.len()..end)
}
