//! Tokens: rights in rooms. A token is a JWT (RFC 7519) with the
//! claim `rooms`; this module verifies it and keeps its rights as a type. It knows
//! no HTTP: where a token comes from in a request is not known here, and a key set
//! at a URL is loaded by its caller.
//!
//! The rules, after RFC 8725: the algorithm is that of the key, and the header
//! must name the same. Duplicate members are refused, as are the headers `crit`
//! and `b64`. `exp` is required, and there is no leeway.
//!
//! No text of a token or of a key is in an error, in a `Debug` or in a log line.

mod cache;
mod claims;
mod error;
mod header;
mod json;
mod jwks;
mod key;
mod key_file;
mod key_set;
mod parts;
mod refresh;
mod rights;
mod signing_key;
mod spki;
#[cfg(test)]
mod tests;
mod token;
mod unverified;
mod verifier;

pub use error::TokenError;
pub use jwks::MAX_JWKS_BYTES;
pub use key::Algorithm;
pub use parts::MAX_TOKEN_BYTES;
pub use refresh::LOAD_TIMEOUT;
pub use rights::{Right, Rights};
pub use signing_key::{SigningKey, new_secret};
pub use token::{Subject, Token};
pub use unverified::UnverifiedToken;
pub use verifier::Verifier;
