//! The JOSE header of a token (RFC 7515, section 4): which key to try. Members
//! that carry or locate a key (`jwk`, `jku`, `x5u`, `x5c`) are ignored.

use super::error::TokenError;
use super::json::{Json, parse_object};
use super::key::Algorithm;

/// The values of `typ` that are taken, in lower case. Other kinds of tokens are
/// made for other purposes (RFC 8725, section 3.11).
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// The header, as far as it is used.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    /// The id of the key, if it has one.
    pub(super) key_id: Option<String>,
}

impl Header {
    pub(super) fn parse(text: &[u8]) -> Result<Self, TokenError> {
        let mut members = parse_object(text)
            .map_err(|error| error.in_token("the token's header is not a JSON object"))?;
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(TokenError::Invalid("the token has a header crit or b64"));
        }
        let is_known_type = match members.get("typ") {
            None => true,
            Some(Json::Text(kind)) => is_token_type(kind),
            Some(_) => false,
        };
        if !is_known_type {
            return Err(TokenError::Invalid("the token's typ is not JWT or at+jwt"));
        }
        let algorithm = match members.get("alg") {
            Some(Json::Text(name)) => Algorithm::from_name(name),
            _ => None,
        };
        let algorithm = algorithm.ok_or(TokenError::Invalid(
            "the token's alg is not HS256, ES256, RS256 or EdDSA",
        ))?;
        let key_id = match members.remove("kid") {
            None => None,
            Some(Json::Text(id)) => Some(id),
            Some(_) => return Err(TokenError::Invalid("the token's kid is not a string")),
        };
        Ok(Self { algorithm, key_id })
    }
}

/// Media types are compared without case, and `application/` may be missing.
fn is_token_type(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    TYPES.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_an_algorithm_and_perhaps_a_key() {
        for text in [
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"jwt","cty":"x","jwk":{}}"#,
            r#"{"alg":"HS256","typ":"application/at+jwt"}"#,
        ] {
            let header = Header::parse(text.as_bytes()).unwrap_or_else(|_| panic!("{text}"));
            assert!(header.key_id.is_none() && header.algorithm == Algorithm::Hs256);
        }
        let header = Header::parse(br#"{"alg":"EdDSA","kid":"1"}"#).unwrap_or_else(|_| panic!());
        assert_eq!(header.key_id.as_deref(), Some("1"));
        assert!(header.algorithm == Algorithm::EdDsa);
    }

    #[test]
    fn other_headers_are_refused() {
        for text in [
            "{}",
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"HS384"}"#,
            r#"{"alg":"PS256"}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":null}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","b64":false}"#,
            r#"{"alg":"HS256","b64":true}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","kid":null}"#,
            r#"{"alg":"HS256","typ":null}"#,
            r#"{"alg":"HS256","typ":"logout+jwt"}"#,
            r#"{"alg":"HS256","typ":""}"#,
        ] {
            assert!(Header::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
