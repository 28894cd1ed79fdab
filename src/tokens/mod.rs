//! Tokens: rights in rooms. A token is a JWT (RFC 7519) with the
//! claim `rooms`; this module verifies it and keeps its rights as a type. It knows
//! no HTTP: where a token comes from in a request is not known here, and a key set
//! at a URL is loaded by its caller.
//!
//! The rules, after RFC 8725: the algorithm is that of the key, and the header
//! must name the same. Duplicate members are refused, as are the headers `crit`
//! and `b64`. `exp` is required, and there is no leeway.
//!
//! Without the feature `tokens` there are rights, and nothing that verifies a token.
//!
//! No text of a token or of a key is in an error, in a `Debug` or in a log line.

#[cfg(feature = "tokens")]
mod cache;
#[cfg(feature = "tokens")]
mod claims;
#[cfg_attr(
    not(feature = "tokens"),
    allow(dead_code, reason = "only the feature makes tokens")
)]
mod error;
#[cfg(feature = "tokens")]
mod header;
#[cfg(feature = "tokens")]
mod json;
#[cfg(feature = "tokens")]
mod jwks;
#[cfg(feature = "tokens")]
mod key;
#[cfg(feature = "tokens")]
mod key_file;
#[cfg_attr(
    not(feature = "tokens"),
    allow(dead_code, reason = "only the feature makes tokens")
)]
mod key_id;
#[cfg(feature = "tokens")]
mod key_set;
#[cfg(feature = "tokens")]
mod parts;
#[cfg(feature = "tokens")]
mod refresh;
mod rights;
#[cfg(feature = "tokens")]
mod signing_key;
#[cfg(feature = "tokens")]
mod spki;
#[cfg(feature = "tokens")]
#[cfg(test)]
mod tests;
#[cfg_attr(
    not(feature = "tokens"),
    allow(dead_code, reason = "only the feature makes tokens")
)]
mod token;
#[cfg(feature = "tokens")]
mod unverified;
#[cfg(feature = "tokens")]
mod verifier;

pub use error::TokenError;
#[cfg(feature = "tokens")]
pub use jwks::MAX_JWKS_BYTES;
#[cfg(feature = "tokens")]
pub use key::Algorithm;
#[cfg(feature = "tokens")]
pub use parts::MAX_TOKEN_BYTES;
#[cfg(feature = "tokens")]
pub use refresh::LOAD_TIMEOUT;
#[cfg(feature = "tokens")]
pub use rights::is_room_pattern;
pub use rights::{Right, Rights};
#[cfg(feature = "tokens")]
pub use signing_key::{SigningKey, new_secret};
pub use token::{Subject, Token};
#[cfg(feature = "tokens")]
pub use unverified::UnverifiedToken;
#[cfg(feature = "tokens")]
pub use verifier::Verifier;
