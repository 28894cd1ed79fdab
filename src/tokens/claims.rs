//! The claims of a token whose signature is right (RFC 7519, section 4). Claims
//! that are not used here are ignored.

use super::error::TokenError;
use super::json::{Json, JsonObject, parse_object};
use super::key_id::KeyId;
use super::rights::Rights;
use super::token::{Subject, Token};
use crate::config::TokenSettings;
use crate::protocol::UserName;

/// The end of the year 9999 in seconds since 1970. A larger number is no time in
/// seconds: in milliseconds this year's are larger.
const MAX_TIME: u64 = 253_402_300_799;

/// What the claims of every token must have.
#[derive(Debug, Clone, Default)]
pub(super) struct ExpectedClaims {
    issuer: Option<String>,
    audience: Option<String>,
}

impl ExpectedClaims {
    pub(super) fn new(settings: &TokenSettings) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
        }
    }

    /// The token of these claims, whose times are not compared yet.
    pub(super) fn parse(&self, text: &[u8], key: KeyId) -> Result<Token, TokenError> {
        let claims = parse_object(text)
            .map_err(|error| error.in_token("the token's claims are not a JSON object"))?;
        self.check_issuer(&claims)?;
        self.check_audience(&claims)?;
        let not_before = match claims.get("nbf") {
            None => 0,
            // Rounded up, and `exp` down, so that parts of a second extend nothing.
            Some(time) => seconds(time, f64::ceil).ok_or(TokenError::Invalid(
                "the token's nbf is not a time in seconds since 1970",
            ))?,
        };
        let expires_at = claims
            .get("exp")
            .ok_or(TokenError::Invalid("the token has no exp"))?;
        let expires_at = seconds(expires_at, f64::floor).ok_or(TokenError::Invalid(
            "the token's exp is not a time in seconds since 1970",
        ))?;
        Ok(Token {
            expires_at,
            not_before,
            // Set by the verifier.
            generation: 0,
            name: name(&claims)?,
            subject: subject(&claims, key)?,
            rights: rights(&claims)?,
        })
    }

    fn check_issuer(&self, claims: &JsonObject) -> Result<(), TokenError> {
        let issuer = optional_text(claims, "iss", "the token's iss is not a string")?;
        match &self.issuer {
            Some(expected) if issuer != Some(expected) => {
                Err(TokenError::Invalid("the token has another iss"))
            }
            _ => Ok(()),
        }
    }

    fn check_audience<'a>(&self, claims: &'a JsonObject) -> Result<(), TokenError> {
        let invalid = TokenError::Invalid("the token's aud is not a string or a list of strings");
        let one = |value: &'a Json| match value {
            Json::Text(text) => Ok(text),
            _ => Err(invalid),
        };
        let audiences = match claims.get("aud") {
            None => Vec::new(),
            Some(Json::List(list)) => list.iter().map(one).collect::<Result<_, _>>()?,
            Some(value) => vec![one(value)?],
        };
        match &self.audience {
            Some(expected) if !audiences.contains(&expected) => {
                Err(TokenError::Invalid("the token has another aud"))
            }
            _ => Ok(()),
        }
    }
}

fn optional_text<'a>(
    claims: &'a JsonObject,
    name: &str,
    not_a_string: &'static str,
) -> Result<Option<&'a String>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::Invalid(not_a_string)),
    }
}

fn name(claims: &JsonObject) -> Result<Option<UserName>, TokenError> {
    let invalid = "the token's name is not a valid name";
    let name = optional_text(claims, "name", invalid)?;
    let name = name.map(|name| UserName::parse(name)).transpose();
    name.map_err(|_| TokenError::Invalid(invalid))
}

fn subject(claims: &JsonObject, key: KeyId) -> Result<Option<Subject>, TokenError> {
    let invalid = "the token's sub is not a string of 1 to 256 bytes";
    optional_text(claims, "sub", invalid)?
        .map(|sub| Subject::new(key, sub).ok_or(TokenError::Invalid(invalid)))
        .transpose()
}

fn rights(claims: &JsonObject) -> Result<Rights, TokenError> {
    match claims.get("rooms") {
        None => Ok(Rights::default()),
        Some(Json::Object(rooms)) => Rights::from_claim(rooms),
        Some(_) => Err(TokenError::Invalid("the token's rooms is not an object")),
    }
}

/// A time in whole seconds since 1970, at most [`MAX_TIME`].
fn seconds(time: &Json, round: fn(f64) -> f64) -> Option<u64> {
    let time = match time {
        Json::Integer(time) => *time,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is in the range of u64"
        )]
        Json::Number(time) if (0.0..=MAX_TIME as f64).contains(time) => round(*time) as u64,
        _ => return None,
    };
    (time <= MAX_TIME).then_some(time)
}
