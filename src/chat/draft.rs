//! A message before publishing, and what identifies its request. A repeated
//! `client_id` with the same request hash is a retry; with another hash it is an
//! error.
//!
//! Fields are hashed with a tag and a length, in the order of their tags, and
//! absent fields are left out. So a new optional field gets the next tag, and
//! the hash of a request without it stays as it is.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::protocol::{ClientId, MessageText, UserName};

/// Bytes of the truncated SHA-256: enough to make a deliberate collision
/// infeasible.
pub(super) const HASH_BYTES: usize = 16;

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

impl Draft {
    /// A message with a name and a text, and nothing else.
    pub fn new(name: UserName, text: MessageText) -> Self {
        Self {
            name,
            text,
            client_id: None,
        }
    }
}

/// Identifies a retry: the sender's client id and the hash of its request.
#[derive(Debug, Clone)]
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
        self.client_id.as_str().len() + HASH_BYTES
    }
}

/// The first bytes of the SHA-256 of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestHash([u8; HASH_BYTES]);

/// The kind of the request. The value is hashed: never change it.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum RequestKind {
    Message = 1,
}

/// A hashed field. The value is its tag: never change it. Event name,
/// `reply_to`, `edit_key` and author get the tags from 4 on.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum HashedField {
    Kind = 1,
    Name = 2,
    /// A message's text, or an event's payload.
    Text = 3,
}

impl RequestHash {
    /// The hash of `draft` without its `client_id`. The room is not hashed, since
    /// a `client_id` is valid in one room.
    pub(super) fn of(draft: &Draft) -> Self {
        let mut hash = Sha256::new();
        add(&mut hash, HashedField::Kind, &[RequestKind::Message as u8]);
        add(&mut hash, HashedField::Name, draft.name.as_str().as_bytes());
        add(&mut hash, HashedField::Text, draft.text.as_str().as_bytes());
        let whole = hash.finalize();
        let mut truncated = [0; HASH_BYTES];
        truncated.copy_from_slice(&whole[..HASH_BYTES]);
        Self(truncated)
    }
}

fn add(hash: &mut Sha256, field: HashedField, value: &[u8]) {
    hash.update([field as u8]);
    hash.update((value.len() as u64).to_le_bytes());
    hash.update(value);
}

impl fmt::Debug for RequestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestHash(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(name: &str, text: &str, client_id: Option<&str>) -> RequestHash {
        RequestHash::of(&Draft {
            client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
            ..Draft::new(
                UserName::parse(name).unwrap(),
                MessageText::parse(text, 100).unwrap(),
            )
        })
    }

    #[test]
    fn requests_that_are_equal_once_validated_have_the_same_hash() {
        let first = hash("Alice", "a\nb", Some("c1"));
        assert_eq!(hash(" Alice ", "a\r\nb \n", None), first);
    }

    #[test]
    fn a_different_name_text_or_boundary_between_them_changes_the_hash() {
        let all = [
            hash("Alice", "hi", None),
            hash("Bob", "hi", None),
            hash("Alice", "ho", None),
            hash("Alic", "ehi", None),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "{place}");
        }
    }

    // Later versions will store hashes and compare them.
    #[test]
    fn the_layout_of_the_hash_is_fixed() {
        let bytes =
            b"\x01\x01\0\0\0\0\0\0\0\x01\x02\x05\0\0\0\0\0\0\0Alice\x03\x02\0\0\0\0\0\0\0hi";
        let whole = Sha256::digest(bytes);
        assert_eq!(hash("Alice", "hi", None).0, whole[..HASH_BYTES]);
    }
}
