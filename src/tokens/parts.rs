//! The parts of a token in compact serialization (RFC 7515, section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::TokenError;

/// The most bytes of a token; a longer one is refused before it is parsed.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// The parts of a token, decoded; no more is known of them.
pub(super) struct Parts<'a> {
    pub(super) header: Vec<u8>,
    pub(super) claims: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// What is signed: header and claims as they are written.
    pub(super) message: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, TokenError> {
        check_length(token)?;
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

pub(super) fn check_length(token: &str) -> Result<(), TokenError> {
    match token.len() <= MAX_TOKEN_BYTES {
        true => Ok(()),
        false => Err(TokenError::Invalid("the token has over 8192 bytes")),
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
