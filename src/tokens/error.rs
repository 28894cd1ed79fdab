//! Why a token is refused. The texts are fixed, so that none of them can contain a
//! part of a token.

use std::fmt;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// It is not valid; the text says what is wrong.
    Invalid(&'static str),
    /// Its key is not in the key set. The set may be out of date: see
    /// [`Verifier::verify_with_refresh`](super::Verifier::verify_with_refresh).
    UnknownKey,
    /// It was valid until its `exp`.
    Expired,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid(why) => why,
            Self::UnknownKey => "the token is signed by a key that this server does not know",
            Self::Expired => "the token has expired",
        })
    }
}

impl std::error::Error for TokenError {}
