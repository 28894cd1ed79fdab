//! A token as it can be read without a key, for `sse-chat token --inspect`. The
//! server uses nothing of this.

use std::fmt;

use super::claims::ExpectedClaims;
use super::error::TokenError;
use super::key_id::KeyId;
use super::parts::Parts;
use super::token::Token;

/// What a token contains; its signature is not checked. `Debug` shows nothing of it.
pub struct UnverifiedToken {
    /// The text of the header, JSON perhaps.
    pub header: Vec<u8>,
    /// The text of the claims, JSON perhaps.
    pub claims: Vec<u8>,
}

impl UnverifiedToken {
    /// Decodes a token.
    ///
    /// # Errors
    ///
    /// If it has not the form of a token.
    pub fn decode(token: &str) -> Result<Self, TokenError> {
        let Parts { header, claims, .. } = Parts::split(token)?;
        Ok(Self { header, claims })
    }

    /// What the token would permit if its signature were right and its time not over.
    ///
    /// # Errors
    ///
    /// What is wrong with its claims.
    pub fn claimed(&self) -> Result<Token, TokenError> {
        ExpectedClaims::default().parse(&self.claims, KeyId::of_no_key())
    }
}

impl fmt::Debug for UnverifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").finish_non_exhaustive()
    }
}
