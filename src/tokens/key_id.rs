//! What identifies a key: a hash of it.

use std::fmt;

use sha2::{Digest, Sha256};

/// What identifies a key after a restart and on other servers: a hash of it.
/// `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeyId([u8; 16]);

impl KeyId {
    /// Each part is hashed with its length before it.
    pub(super) fn of(algorithm: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"sse-chat key\0");
        hash.update(algorithm.as_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(half)
    }

    /// The id of none, for a token that is not verified.
    pub(super) fn of_no_key() -> Self {
        Self([0; 16])
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyId(..)")
    }
}
