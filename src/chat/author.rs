//! The author of an entry, as far as the server has to know it: to let the author
//! change it later, and to ban the author from the room.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::protocol::EditKey;

/// Bytes of a truncated SHA-256: enough to make a deliberate collision infeasible.
pub(super) const FINGERPRINT_BYTES: usize = 16;

/// The first bytes of the SHA-256 of a secret or of an identity. The hub keeps no
/// edit key and no subject of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

/// What a fingerprint is of. The value is hashed, so that a subject never equals
/// an edit key: never change it.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum FingerprintKind {
    EditKey = 1,
    Subject = 2,
    Address = 3,
}

impl Fingerprint {
    /// The fingerprint of an edit key.
    pub fn of_edit_key(key: &EditKey) -> Self {
        let hash = Sha256::new().chain_update([FingerprintKind::EditKey as u8]);
        Self::truncate(hash.chain_update(key.as_str()))
    }

    /// The fingerprint of a token's subject. `key` identifies the key that signed
    /// the token: subjects of different keys are different people.
    pub fn of_subject(key: &[u8], subject: &str) -> Self {
        let hash = Sha256::new().chain_update([FingerprintKind::Subject as u8]);
        let hash = hash.chain_update((key.len() as u64).to_le_bytes());
        Self::truncate(hash.chain_update(key).chain_update(subject))
    }

    pub(super) fn of_address(address: IpAddr) -> Self {
        let hash = Sha256::new().chain_update([FingerprintKind::Address as u8]);
        Self::truncate(match address {
            IpAddr::V4(address) => hash.chain_update(address.octets()),
            IpAddr::V6(address) => hash.chain_update(address.octets()),
        })
    }

    pub(super) fn truncate(hash: Sha256) -> Self {
        let whole = hash.finalize();
        let mut truncated = [0; FINGERPRINT_BYTES];
        truncated.copy_from_slice(&whole[..FINGERPRINT_BYTES]);
        Self(truncated)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A fingerprint that was stored. `None` if it has another length.
    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Debug for Fingerprint {
    /// Nothing of it: it could be compared with guesses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// The author of an entry, or the sender of a request for a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Author {
    /// The subject of its token.
    pub subject: Option<Fingerprint>,
    /// The edit key that it chose.
    pub edit_key: Option<Fingerprint>,
    /// The address of the request. No reader sees it.
    pub address: Option<IpAddr>,
}

impl Author {
    /// Whether `other` is the same person: by the subject or by the edit key. What
    /// is absent equals nothing.
    pub fn is(&self, other: &Self) -> bool {
        let same = |a: Option<Fingerprint>, b| a.is_some() && a == b;
        same(self.subject, other.subject) || same(self.edit_key, other.edit_key)
    }

    /// What a reaction belongs to: the subject, otherwise the edit key.
    pub(super) fn owner(&self) -> Option<Fingerprint> {
        self.subject.or(self.edit_key)
    }
}

#[cfg(test)]
#[cfg(feature = "data")]
impl Author {
    /// An author with an edit key and an address.
    pub(super) fn for_test() -> Self {
        let key = EditKey::parse("0123456789abcdef").unwrap();
        Self {
            edit_key: Some(Fingerprint::of_edit_key(&key)),
            address: Some("192.0.2.1".parse().unwrap()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_known_by_the_subject_or_by_the_edit_key() {
        let key = |text: &str| Fingerprint::of_edit_key(&EditKey::parse(text).unwrap());
        let by_key = |text| Author {
            edit_key: Some(key(text)),
            ..Author::default()
        };
        let by_subject = |of: &[u8], subject| Author {
            subject: Some(Fingerprint::of_subject(of, subject)),
            ..Author::default()
        };
        let (a, b) = (by_key("0123456789abcdef"), by_key("0123456789abcdeF"));
        assert!(a.is(&a) && !a.is(&b));
        let alice = by_subject(b"k", "alice");
        assert!(alice.is(&alice));
        for other in [
            a,
            Author::default(),
            by_subject(b"k", "bob"),
            by_subject(b"K", "alice"),
            by_subject(b"ka", "lice"),
        ] {
            assert!(!alice.is(&other) && !other.is(&alice));
        }
        assert!(!Author::default().is(&Author::default()));
        let both = Author {
            edit_key: a.edit_key,
            ..alice
        };
        assert!(both.is(&alice) && both.is(&a));
        assert_eq!(both.owner(), alice.subject);
    }

    #[test]
    fn a_fingerprint_of_an_edit_key_is_no_subject_and_is_not_printed() {
        let text = "0123456789abcdef";
        let key = Fingerprint::of_edit_key(&EditKey::parse(text).unwrap());
        assert_ne!(key, Fingerprint::of_subject(b"", text));
        assert_eq!(format!("{key:?}"), "Fingerprint(…)");
    }
}
