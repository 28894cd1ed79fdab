//! Access by tokens: their keys, and what is permitted without one. Keys
//! are loaded by `tokens`, not here.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The keys of tokens, the claims that tokens need, and the rights of requests
/// without a token. By default there is no key, and everything is permitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenSettings {
    /// Files with a key each: an HS256 secret, or a public key in PEM.
    pub keys: Vec<PathBuf>,
    /// Where a JSON Web Key Set (RFC 7517) is.
    pub jwks: Option<JwksLocation>,
    /// The value that the claim `iss` must have.
    pub issuer: Option<String>,
    /// A value that the claim `aud` must have.
    pub audience: Option<String>,
    /// The rights of requests without a token; `None` is [`Anonymous::None`] if
    /// there are keys.
    pub anonymous: Option<Anonymous>,
}

/// The rights in all rooms of a request without a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// No rights: a token is required.
    #[default]
    None,
    /// It may read.
    Read,
    /// It may read and publish messages.
    Write,
}

/// Where a JSON Web Key Set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksLocation {
    /// In a file.
    File(PathBuf),
    /// At an `http` or `https` URL, without user name and fragment.
    Url(String),
}

/// The text is not a location of a key set. Its `Display` shows an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidJwksLocation;

impl TokenSettings {
    /// Whether tokens are looked at: there is a key, or a place where keys are.
    pub fn are_enabled(&self) -> bool {
        !self.keys.is_empty() || self.jwks.is_some()
    }

    /// The rights of requests without a token.
    pub(crate) fn without_token(&self) -> Anonymous {
        match self.are_enabled() {
            // Without keys the server is open.
            false => Anonymous::Write,
            true => self.anonymous.unwrap_or_default(),
        }
    }

    /// The checks: each setting with its flag, whether it is valid, and what
    /// is wrong. A setting that restricts an open server is an error, so that no
    /// server is open by mistake.
    pub(super) fn checks(&self) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        const NEEDS_KEY: &str = "needs --token-key or --jwks: without keys the server is open";
        const NO_TOKENS: &str = "this build has no tokens: build it with the feature `tokens`";
        let is_enabled = self.are_enabled();
        let has_tokens = cfg!(feature = "tokens");
        [
            ("--token-key", has_tokens || self.keys.is_empty(), NO_TOKENS),
            ("--jwks", has_tokens || self.jwks.is_none(), NO_TOKENS),
            (
                "--token-issuer",
                is_enabled || self.issuer.is_none(),
                NEEDS_KEY,
            ),
            (
                "--token-audience",
                is_enabled || self.audience.is_none(),
                NEEDS_KEY,
            ),
            (
                "--anonymous",
                is_enabled || self.anonymous.is_none(),
                NEEDS_KEY,
            ),
        ]
        .into_iter()
    }
}

impl FromStr for JwksLocation {
    type Err = InvalidJwksLocation;

    fn from_str(text: &str) -> Result<Self, InvalidJwksLocation> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text.is_empty() {
                true => Err(InvalidJwksLocation),
                false => Ok(Self::File(text.into())),
            };
        };
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic()) && !rest.contains('#');
        let is_url = ["http", "https"].contains(&&*scheme)
            && !authority.is_empty()
            && !authority.contains('@');
        match is_url && is_plain {
            true => Ok(Self::Url(format!("{scheme}://{rest}"))),
            false => Err(InvalidJwksLocation),
        }
    }
}

impl fmt::Display for JwksLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

impl fmt::Display for InvalidJwksLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a file or a URL like https://id.example.org/.well-known/jwks.json")
    }
}

impl std::error::Error for InvalidJwksLocation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_is_in_a_file_or_at_a_url() {
        for (text, shown) in [
            ("keys.json", "keys.json"),
            ("/etc/keys.json", "/etc/keys.json"),
            ("https://id.example/keys?v=2", "https://id.example/keys?v=2"),
            ("HTTP://[::1]:80/keys", "http://[::1]:80/keys"),
        ] {
            let location = text.parse::<JwksLocation>().unwrap();
            assert_eq!(location.to_string(), shown);
            let is_url = matches!(location, JwksLocation::Url(_));
            assert_eq!(is_url, text.contains("://"));
        }
        for text in [
            "",
            "ftp://id.example/keys",
            "file:///etc/keys.json",
            "https://",
            "https:///keys",
            "https://user:secret@id.example/keys",
            "https://id.example/keys#a",
            "https://id.example/a b",
        ] {
            assert_eq!(
                text.parse::<JwksLocation>(),
                Err(InvalidJwksLocation),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_restriction_without_a_key_is_refused() {
        let refused = |settings: TokenSettings| {
            let mut checks = settings.checks();
            let flag = checks.find_map(|(flag, holds, _)| (!holds).then_some(flag));
            drop(checks);
            flag
        };
        let with = |spoil: fn(&mut TokenSettings)| {
            let mut settings = TokenSettings::default();
            spoil(&mut settings);
            settings
        };
        assert_eq!(refused(TokenSettings::default()), None);
        for (flag, spoil) in [
            (
                "--anonymous",
                (|settings| settings.anonymous = Some(Anonymous::None)) as fn(&mut TokenSettings),
            ),
            ("--token-issuer", |settings| {
                settings.issuer = Some("a".into());
            }),
            ("--token-audience", |settings| {
                settings.audience = Some("a".into());
            }),
        ] {
            let mut settings = with(spoil);
            assert_eq!(refused(settings.clone()), Some(flag));
            settings.keys.push("key".into());
            let without_feature = (!cfg!(feature = "tokens")).then_some("--token-key");
            assert_eq!(refused(settings), without_feature);
        }
    }
}
