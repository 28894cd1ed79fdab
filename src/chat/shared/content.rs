//! What Redis keeps of an entry that only nodes read, as JSON. A field that is not known
//! is one of a later version, and is ignored.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sse_chat_redis as redis;

use crate::chat::author::{Author, Fingerprint};
use crate::chat::draft::{Draft, DraftContent, DraftMessage, RequestHash, RetryKey};
use crate::chat::entry::parts::{EntryParts, StoredState};
use crate::chat::entry::{Entry, Provenance};
use crate::chat::log::{hex, reaction_list};
use crate::chat::place::{EntryKind, Place};
use crate::chat::timestamp;
use crate::protocol::{
    ClientId, CustomEventName, DeletedEntry, EventId, EventPayload, MessageText, PublishedEvent,
    RoomName, UserName,
};

/// The content of an entry.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct EntryContent {
    /// Of the sender of a message, or of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The text of a message, the payload of an event, or the JSON of the state after a
    /// change.
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<EventId>,
    /// Whether a token fixed the sender's name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reactions: Option<String>,
    /// The request's hash, in hexadecimal; with a client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// The hash of the author's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The hash of the author's edit key.
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

impl EntryContent {
    fn of(author: &Author, retry_key: Option<&RetryKey>) -> Self {
        let hash = |hash: &Fingerprint| hex::to_text(hash.as_bytes());
        Self {
            request: retry_key.map(|key| hash(key.request.fingerprint())),
            subject: author.subject.as_ref().map(hash),
            edit_key: author.edit_key.as_ref().map(hash),
            address: author.address,
            ..Self::default()
        }
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts have a JSON form")
    }

    fn author(&self) -> Option<Author> {
        Some(Author {
            subject: fingerprint(self.subject.as_deref())?,
            edit_key: fingerprint(self.edit_key.as_deref())?,
            address: self.address,
        })
    }

    fn retry_key(&self, client_id: Option<&str>) -> Option<Option<RetryKey>> {
        let Some(request) = fingerprint(self.request.as_deref())? else {
            return Some(None);
        };
        let Some(client_id) = client_id else {
            return Some(None);
        };
        Some(Some(RetryKey {
            client_id: ClientId::parse(client_id).ok()?,
            request: RequestHash::from_fingerprint(request),
        }))
    }
}

fn fingerprint(text: Option<&str>) -> Option<Option<Fingerprint>> {
    let Some(text) = text else {
        return Some(None);
    };
    Fingerprint::from_slice(&hex::from_text(text)?).map(Some)
}

/// The content of what is to be published.
pub(super) fn of_draft(draft: &Draft, retry_key: Option<&RetryKey>) -> Vec<u8> {
    let content = EntryContent::of(&draft.author, retry_key);
    let content = match &draft.content {
        DraftContent::Message(message) => EntryContent {
            name: Some(message.name.as_str().to_owned()),
            text: message.text.as_str().to_owned(),
            reply_to: message.reply_to,
            verified: message.is_verified,
            ..content
        },
        DraftContent::Event { name, payload } => EntryContent {
            name: Some(name.as_str().to_owned()),
            text: payload.as_str().to_owned(),
            ..content
        },
    };
    content.to_json()
}

/// The content of a change.
pub(super) fn of_change(change: &Entry) -> Vec<u8> {
    let parts = change.parts();
    let state = match &parts.state {
        StoredState::Message(json) | StoredState::Deleted(json) => json,
        StoredState::Event { payload, .. } => {
            debug_assert!(
                false,
                "a change has the state of a message, or of what is left"
            );
            payload.as_bytes()
        }
    };
    let reactions = parts.reactions.as_deref();
    let content = EntryContent {
        text: String::from_utf8_lossy(state).into_owned(),
        reactions: reactions.map(reaction_list::to_json),
        ..EntryContent::of(&parts.author, parts.retry_key.as_ref())
    };
    content.to_json()
}

/// An entry of Redis, in the room `room`. `item` is the id of the message or event itself:
/// with a change another one than `id`.
///
/// What can't be read is shown as deleted: the numbers of its room go on.
pub(super) fn read(id: EventId, item: EventId, room: &RoomName, stored: &redis::Entry) -> Entry {
    parse(id, room, stored).unwrap_or_else(|| unreadable(id, item, room, stored))
}

fn parse(id: EventId, room: &RoomName, stored: &redis::Entry) -> Option<Entry> {
    let content: EntryContent = serde_json::from_slice(&stored.content).ok()?;
    let (author, place) = (content.author()?, place(stored.place));
    let retry_key = content.retry_key(stored.client_id.as_deref())?;
    let created_at = timestamp::of_millis(stored.at);
    let entry = match stored.kind {
        redis::EntryKind::Message => {
            let message = DraftMessage {
                name: UserName::parse(&content.name?).ok()?,
                text: MessageText::parse(&content.text, usize::MAX).ok()?,
                reply_to: content.reply_to,
                is_verified: content.verified,
            };
            let provenance = Provenance::new(retry_key, author);
            Entry::message(id, room, place, &message, provenance, &created_at)
                .assigned_at(stored.at)
        }
        redis::EntryKind::Event => {
            let name = CustomEventName::parse(&content.name?).ok()?;
            let payload = EventPayload::parse(content.text, usize::MAX).ok()?;
            let event = PublishedEvent {
                id,
                room: room.as_str().into(),
                event: name.as_str().into(),
                data: payload.as_str().into(),
                created_at: created_at.into(),
            };
            let provenance = Provenance::new(retry_key, author);
            Entry::event_of_program(&event, place, provenance).assigned_at(stored.at)
        }
        redis::EntryKind::Change { of } | redis::EntryKind::Deletion { of } => {
            let reactions = content.reactions.as_deref().map(reaction_list::from_json);
            let json = content.text.into_bytes();
            Entry::restore(
                id,
                room,
                EntryParts {
                    kind: EntryKind::Change { of },
                    place,
                    at: stored.at,
                    state: match stored.kind {
                        redis::EntryKind::Deletion { .. } => StoredState::Deleted(json.into()),
                        _ => StoredState::Message(json.into()),
                    },
                    retry_key,
                    author,
                    reactions: match reactions {
                        Some(reactions) => Some(reactions?.into()),
                        None => None,
                    },
                },
            )
        }
    };
    Some(entry)
}

fn unreadable(id: EventId, item: EventId, room: &RoomName, stored: &redis::Entry) -> Entry {
    let kind = match stored.kind {
        redis::EntryKind::Message => EntryKind::Message,
        redis::EntryKind::Event => EntryKind::Event,
        redis::EntryKind::Change { of } | redis::EntryKind::Deletion { of } => {
            EntryKind::Change { of }
        }
    };
    let place = place(stored.place);
    let left = DeletedEntry {
        id: item,
        room: room.as_str().into(),
        number: (kind == EntryKind::Message).then_some(place.number),
        deleted: true,
    };
    let json = serde_json::to_vec(&left).expect("texts have a JSON form");
    Entry::restore(
        id,
        room,
        EntryParts {
            kind,
            place,
            at: stored.at,
            state: StoredState::Deleted(json.into()),
            retry_key: None,
            author: Author::default(),
            reactions: None,
        },
    )
}

pub(super) fn place(place: redis::Place) -> Place {
    Place {
        number: place.number,
        counted: place.counted,
    }
}
