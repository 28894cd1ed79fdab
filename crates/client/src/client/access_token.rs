//! The token that a client sends with each request.

use std::fmt;
use std::str::FromStr;

use hyper::header::HeaderValue;

/// A token that a server accepts as `Authorization: Bearer`, such as a JWT. Its
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(HeaderValue);

/// The text is not a token. Its `Display` states the rule, and not the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidAccessToken;

impl AccessToken {
    /// The header of a request, for clients other than this one: with the token in it,
    /// without a line end.
    pub fn header_line(&self) -> String {
        let value = String::from_utf8_lossy(self.0.as_bytes());
        format!("Authorization: {value}")
    }

    /// The value of the header `Authorization`.
    pub(super) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for AccessToken {
    type Err = InvalidAccessToken;

    /// White space around a token is ignored. Its characters are those of RFC 6750,
    /// section 2.1.
    fn from_str(text: &str) -> Result<Self, InvalidAccessToken> {
        let token = text.trim();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || !token.bytes().all(allowed) {
            return Err(InvalidAccessToken);
        }
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value = value.map_err(|_| InvalidAccessToken)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

impl fmt::Display for InvalidAccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token is one word of A to Z, a to z, 0 to 9 and -._~+/=")
    }
}

impl std::error::Error for InvalidAccessToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_as_it_is_and_not_shown() {
        let token: AccessToken = " a.B-_9~+/=\n".parse().unwrap();
        assert_eq!(token.authorization(), "Bearer a.B-_9~+/=");
        assert_eq!(token.header_line(), "Authorization: Bearer a.B-_9~+/=");
        let shown = format!("{token:?} {:?}", token.authorization());
        assert!(!shown.contains("a.B"), "{shown}");
    }

    #[test]
    fn other_texts_are_invalid() {
        for text in ["", " \n", "a b", "a\nb", "ä", "a,b", "\"a\""] {
            assert_eq!(
                text.parse::<AccessToken>(),
                Err(InvalidAccessToken),
                "{text:?}"
            );
        }
    }
}
