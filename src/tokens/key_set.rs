//! The keys of one moment: those of files, and those of the key set.

use super::error::TokenError;
use super::header::Header;
use super::jwks::JwksKey;
use super::key::Key;

/// The keys that tokens are verified with.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet {
    pub(super) files: Vec<Key>,
    /// `None` without `--jwks`, empty until it is loaded.
    pub(super) jwks: Option<Vec<JwksKey>>,
}

impl KeySet {
    /// The key that `signature` is of. Only keys of the header's algorithm are
    /// tried. A key with an id is not tried for a token with another id.
    pub(super) fn find(
        &self,
        header: &Header,
        message: &[u8],
        signature: &[u8],
    ) -> Result<&Key, TokenError> {
        let jwks = self.jwks.iter().flatten();
        let may_be = |key: &&JwksKey| match (&header.key_id, &key.kid) {
            (Some(id), Some(kid)) => id == kid,
            _ => true,
        };
        let jwks = jwks.filter(may_be).map(|key| &key.key);
        let mut keys = self.files.iter().chain(jwks);
        let found = keys
            .find(|key| key.algorithm() == header.algorithm && key.verifies(message, signature));
        found.ok_or_else(|| match self.may_be_outdated(header) {
            true => TokenError::UnknownKey,
            false => TokenError::Invalid("the token's signature is not one of a known key"),
        })
    }

    /// Whether the key set has no key that the header asks for.
    fn may_be_outdated(&self, header: &Header) -> bool {
        let asked_for = |key: &JwksKey| match &header.key_id {
            Some(id) => key.kid.as_ref() == Some(id),
            None => key.key.algorithm() == header.algorithm,
        };
        let jwks = self.jwks.as_ref();
        jwks.is_some_and(|keys| !keys.iter().any(asked_for))
    }

    /// Whether both have the same keys in the same order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let ids = |set: &Self| {
            let files = set.files.iter().map(|key| (key.id(), None));
            let jwks = set.jwks.iter().flatten();
            let jwks = jwks.map(|key| (key.key.id(), key.kid.clone()));
            (files.chain(jwks).collect::<Vec<_>>(), set.files.len())
        };
        ids(self) == ids(other)
    }
}
