//! What is to be published, before it is, and what identifies its request. A
//! repeated `client_id` with the same request hash is a retry; with another hash it
//! is an error.
//!
//! Fields are hashed with a tag and a length, in the order of their tags, and
//! absent fields are left out. So a new optional field gets the next tag, and
//! the hash of a request without it stays as it is.

use sha2::{Digest, Sha256};

use super::author::{Author, FINGERPRINT_BYTES, Fingerprint};
use crate::protocol::{ClientId, CustomEventName, EventId, EventPayload, MessageText, UserName};

/// A message or an event to be published. Its parts are valid by type.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What is published.
    pub content: DraftContent,
    /// The sender's id for the request. Retries with the same id are
    /// deduplicated while the room's history holds the entry.
    pub client_id: Option<ClientId>,
    /// The author.
    pub author: Author,
}

/// The content of a draft.
#[derive(Debug, Clone)]
pub enum DraftContent {
    /// A message of a person.
    Message(DraftMessage),
    /// An event of a program.
    Event {
        /// The event's name.
        name: CustomEventName,
        /// Its payload.
        payload: EventPayload,
    },
}

/// A message to be published.
#[derive(Debug, Clone)]
pub struct DraftMessage {
    /// The sender's name.
    pub name: UserName,
    /// The text.
    pub text: MessageText,
    /// The message that it answers.
    pub reply_to: Option<EventId>,
    /// Whether a token fixed the sender's name.
    pub is_verified: bool,
}

impl Draft {
    /// A message with a name and a text, and nothing else.
    pub fn new(name: UserName, text: MessageText) -> Self {
        Self::of(DraftContent::Message(DraftMessage {
            name,
            text,
            reply_to: None,
            is_verified: false,
        }))
    }

    /// An event with a name and a payload.
    pub fn event(name: CustomEventName, payload: EventPayload) -> Self {
        Self::of(DraftContent::Event { name, payload })
    }

    fn of(content: DraftContent) -> Self {
        Self {
            content,
            client_id: None,
            author: Author::default(),
        }
    }

    /// The bytes of the text or of the payload.
    pub(super) fn content_bytes(&self) -> usize {
        match &self.content {
            DraftContent::Message(message) => message.text.as_str().len(),
            DraftContent::Event { payload, .. } => payload.as_str().len(),
        }
    }
}

/// Identifies a retry: the sender's client id and the hash of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RetryKey {
    pub(super) client_id: ClientId,
    pub(super) request: RequestHash,
}

impl RetryKey {
    /// Takes the client id out of `draft`. `None` if it has no client id.
    pub(super) fn take(draft: &mut Draft) -> Option<Self> {
        let client_id = draft.client_id.take()?;
        Some(Self {
            client_id,
            request: RequestHash::of(draft),
        })
    }

    /// The bytes that count against the history's limit.
    pub(super) fn cost(&self) -> usize {
        self.client_id.as_str().len() + FINGERPRINT_BYTES
    }
}

/// The first bytes of the SHA-256 of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestHash(Fingerprint);

/// The kind of the request. The value is hashed: never change it.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum RequestKind {
    Message = 1,
    Event = 2,
}

/// A hashed field. The value is its tag: never change it.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum HashedField {
    Kind = 1,
    Name = 2,
    /// A message's text, or an event's payload.
    Text = 3,
    EventName = 4,
    ReplyTo = 5,
    EditKey = 6,
    Author = 7,
}

impl RequestHash {
    /// The hash of `draft` without its `client_id`. The room is not hashed, since
    /// a `client_id` is valid in one room.
    pub(super) fn of(draft: &Draft) -> Self {
        let mut hash = Sha256::new();
        let mut add = |field: HashedField, value: &[u8]| {
            hash.update([field as u8]);
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(value);
        };
        match &draft.content {
            DraftContent::Message(message) => {
                add(HashedField::Kind, &[RequestKind::Message as u8]);
                add(HashedField::Name, message.name.as_str().as_bytes());
                add(HashedField::Text, message.text.as_str().as_bytes());
                if let Some(id) = message.reply_to {
                    add(HashedField::ReplyTo, id.to_string().as_bytes());
                }
            }
            DraftContent::Event { name, payload } => {
                add(HashedField::Kind, &[RequestKind::Event as u8]);
                add(HashedField::Text, payload.as_str().as_bytes());
                add(HashedField::EventName, name.as_str().as_bytes());
            }
        }
        let Author {
            subject, edit_key, ..
        } = &draft.author;
        if let Some(edit_key) = edit_key {
            add(HashedField::EditKey, edit_key.as_bytes());
        }
        if let Some(subject) = subject {
            add(HashedField::Author, subject.as_bytes());
        }
        Self(Fingerprint::truncate(hash))
    }

    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn fingerprint(&self) -> &Fingerprint {
        &self.0
    }

    /// A hash that was stored.
    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn from_fingerprint(fingerprint: Fingerprint) -> Self {
        Self(fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::EditKey;

    fn draft(name: &str, text: &str) -> Draft {
        Draft::new(
            UserName::parse(name).unwrap(),
            MessageText::parse(text, 100).unwrap(),
        )
    }

    fn event(name: &str, payload: &str) -> Draft {
        Draft::event(
            CustomEventName::parse(name).unwrap(),
            EventPayload::parse(payload.to_owned(), 100).unwrap(),
        )
    }

    fn with_author(draft: Draft, change: impl FnOnce(&mut Author)) -> Draft {
        let mut draft = draft;
        change(&mut draft.author);
        draft
    }

    #[test]
    fn requests_that_are_equal_once_validated_have_the_same_hash() {
        let first = RequestHash::of(&draft("Alice", "a\nb"));
        let with_id = Draft {
            client_id: Some(ClientId::parse("c1").unwrap()),
            ..draft(" Alice ", "a\r\nb \n")
        };
        assert_eq!(RequestHash::of(&with_id), first);
        let elsewhere = with_author(draft("Alice", "a\nb"), |author| {
            author.address = Some("192.0.2.1".parse().unwrap());
        });
        assert_eq!(RequestHash::of(&elsewhere), first);
    }

    #[test]
    fn any_other_field_or_boundary_between_two_changes_the_hash() {
        let key = Fingerprint::of_edit_key(&EditKey::parse("0123456789abcdef").unwrap());
        let reply = |id: &str| {
            let mut draft = draft("Alice", "hi");
            if let DraftContent::Message(message) = &mut draft.content {
                message.reply_to = Some(id.parse().unwrap());
            }
            draft
        };
        let all = [
            draft("Alice", "hi"),
            draft("Bob", "hi"),
            draft("Alice", "ho"),
            draft("Alic", "ehi"),
            event("Alice", "hi"),
            event("message", "hi"),
            event("message", "hi "),
            reply("e-1"),
            reply("e-2"),
            with_author(draft("Alice", "hi"), |author| author.edit_key = Some(key)),
            with_author(draft("Alice", "hi"), |author| author.subject = Some(key)),
        ];
        let all = all.map(|draft| RequestHash::of(&draft));
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "{place}");
        }
    }

    // Later versions will store hashes and compare them.
    #[test]
    fn the_layout_of_the_hash_is_fixed() {
        let layout = |bytes: &[u8]| {
            let hash = Sha256::new().chain_update(bytes);
            RequestHash(Fingerprint::truncate(hash))
        };
        let message =
            b"\x01\x01\0\0\0\0\0\0\0\x01\x02\x05\0\0\0\0\0\0\0Alice\x03\x02\0\0\0\0\0\0\0hi";
        assert_eq!(RequestHash::of(&draft("Alice", "hi")), layout(message));
        let news = b"\x01\x01\0\0\0\0\0\0\0\x02\x03\x02\0\0\0\0\0\0\0hi\x04\x01\0\0\0\0\0\0\0n";
        assert_eq!(RequestHash::of(&event("n", "hi")), layout(news));
    }
}
