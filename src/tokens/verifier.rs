//! Verifies tokens: form, header, signature, claims, in this order. Nothing of a
//! token is used before its signature is right, except which key to try.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::ExpectedClaims;
use super::error::TokenError;
use super::header::Header;
use super::key::Key;
use super::key_file::read_key;
use super::token::Token;
use crate::config::{BadSetting, TokenSettings};

/// The most bytes of a token; a longer one is refused before it is parsed.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// Verifies tokens by the keys of [`TokenSettings`]. Clones share them. `Debug`
/// shows no keys.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    expected: ExpectedClaims,
    keys: Vec<Key>,
}

impl Verifier {
    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// The flag whose file can't be read or has no valid key, and why.
    pub fn new(settings: &TokenSettings) -> Result<Self, BadSetting> {
        let keys = settings.keys.iter().map(|path| {
            read_key(path).map_err(|why| BadSetting {
                flag: "--token-key",
                why,
            })
        });
        Ok(Self {
            shared: Arc::new(Shared {
                expected: ExpectedClaims::new(settings),
                keys: keys.collect::<Result<_, _>>()?,
            }),
        })
    }

    /// Verifies a token, at a time without leeway. It does not block.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says why the token is refused.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Token>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid("the token has over 8192 bytes"));
        }
        let verified = self.verify_uncached(token)?;
        verified.check_time(unix_seconds(now))?;
        Ok(Arc::new(verified))
    }

    /// [`verify`](Self::verify); if the token's key is unknown, it waits for the key
    /// set to be loaded again, where that is due, and tries once more. It waits for
    /// a few seconds at most.
    ///
    /// # Errors
    ///
    /// As of `verify`.
    pub async fn verify_with_refresh(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<Arc<Token>, TokenError> {
        self.verify(token, now)
    }

    fn verify_uncached(&self, token: &str) -> Result<Token, TokenError> {
        let parts = Parts::split(token)?;
        let header = Header::parse(&parts.header)?;
        let mut keys = self.shared.keys.iter();
        let key = keys.find(|key| {
            key.algorithm() == header.algorithm && key.verifies(parts.message, &parts.signature)
        });
        let key = key.ok_or(TokenError::Invalid(
            "the token's signature is not one of a known key",
        ))?;
        self.shared.expected.parse(&parts.claims, key.id())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

/// The parts of a token in compact serialization (RFC 7515, section 3.1), decoded.
struct Parts<'a> {
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
    /// What is signed: header and claims as they are written.
    message: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, TokenError> {
        let parts = token.rsplit_once('.').and_then(|(message, signature)| {
            let (header, claims) = message.split_once('.')?;
            (!claims.contains('.')).then_some((message, header, claims, signature))
        });
        let (message, header, claims, signature) = parts.ok_or(TokenError::Invalid(
            "a token has three parts with a dot between them",
        ))?;
        Ok(Self {
            header: decode(header)?,
            claims: decode(claims)?,
            signature: decode(signature)?,
            message: message.as_bytes(),
        })
    }
}

/// Strict base64url: no padding, no other characters, no bits set after the last
/// byte. So no second text has the same bytes.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    match URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        Ok(_) => Err(TokenError::Invalid("a part of the token is empty")),
        Err(_) => Err(TokenError::Invalid("a part of the token is not base64url")),
    }
}

fn unix_seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
