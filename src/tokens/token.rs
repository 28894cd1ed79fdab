//! A verified token: until when it is valid, for whom, and what it permits.

use std::fmt;

use super::error::TokenError;
use super::key_id::KeyId;
use super::rights::Rights;
use crate::chat::Fingerprint;
use crate::protocol::UserName;

/// Most bytes of a `sub`.
pub(super) const MAX_SUB_BYTES: usize = 256;

/// A verified token. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// When it expires, in seconds since 1970: it is valid while the time is less.
    pub expires_at: u64,
    /// The only name that its client may use.
    pub name: Option<UserName>,
    /// The person or program that it was issued to.
    pub subject: Option<Subject>,
    /// What it permits.
    pub rights: Rights,
    /// The first second at which it is valid.
    pub(super) not_before: u64,
    /// The generation of the keys that it was verified with.
    pub(super) generation: u64,
}

impl Token {
    /// Checks `exp` and `nbf`; `now` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// [`TokenError::Expired`], or that it is not valid yet.
    pub fn check_time(&self, now: u64) -> Result<(), TokenError> {
        match (self.not_before <= now, now < self.expires_at) {
            (_, false) => Err(TokenError::Expired),
            (false, _) => Err(TokenError::Invalid("the token is not valid yet (nbf)")),
            (true, true) => Ok(()),
        }
    }
}

#[cfg(test)]
impl Token {
    /// A token without rights.
    pub(crate) fn for_tests(expires_at: u64) -> Self {
        Self {
            expires_at,
            name: None,
            subject: None,
            rights: Rights::default(),
            not_before: 0,
            generation: 0,
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// The `sub` of a token together with its key: the same `sub` under another key is
/// another subject. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Of the key and the `sub`: hashed once, and not for each request.
    fingerprint: Fingerprint,
    sub: Box<str>,
}

impl Subject {
    /// A `sub` of 1 to 256 bytes: an empty one would be the same for all to whom an
    /// issuer gives none.
    pub(super) fn new(key: KeyId, sub: &str) -> Option<Self> {
        let is_valid = (1..=MAX_SUB_BYTES).contains(&sub.len());
        is_valid.then(|| Self {
            fingerprint: Fingerprint::of_subject(key.as_bytes(), sub),
            sub: sub.into(),
        })
    }

    /// The claim `sub`, 1 to 256 bytes.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// What is stored of it, the same after a restart and on every server that has
    /// the key.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

#[cfg(feature = "tokens")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::key::Key;

    #[test]
    fn a_subject_counts_per_key() {
        let (a, b) = (Key::hmac(&[1; 32]), Key::hmac(&[2; 32]));
        let subject = |key: &Key, sub| Subject::new(key.id(), sub);
        assert_eq!(subject(&a, "1"), subject(&a, "1"));
        assert_ne!(subject(&a, "1"), subject(&a, "2"));
        assert_ne!(subject(&a, "1"), subject(&b, "1"));
        let digest = |key: &Key, sub| subject(key, sub).unwrap().fingerprint();
        assert_eq!(digest(&a, "1"), digest(&Key::hmac(&[1; 32]), "1"));
        assert_ne!(digest(&a, "1"), digest(&a, "2"));
        assert_ne!(digest(&a, "1"), digest(&b, "1"));
    }

    #[test]
    fn a_sub_has_1_to_256_bytes() {
        let key = Key::hmac(&[1; 32]).id();
        for (length, is_valid) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!(Subject::new(key, &"x".repeat(length)).is_some(), is_valid);
        }
    }
}
