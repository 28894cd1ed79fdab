//! The address of a server: `http://host:port`, with a path if a proxy serves it
//! under one.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::{InvalidUri, PathAndQuery, Scheme};

/// The address of a server. Paths of the protocol are added to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Absolute, with host and port, its path without a slash at the end.
    base: Uri,
}

/// The text is not a server's address. Its `Display` shows an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidUrl;

impl ServerUrl {
    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.base.host().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, by default that of the scheme.
    pub fn port(&self) -> u16 {
        let default = if self.is_tls() { 443 } else { 80 };
        self.base.port_u16().unwrap_or(default)
    }

    /// Host and port as the `Host` header has them.
    pub fn authority(&self) -> &str {
        self.base
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// Whether it is `https`.
    pub fn is_tls(&self) -> bool {
        self.base.scheme() == Some(&Scheme::HTTPS)
    }

    /// A path and query of the server, as they stand in a request.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base.path().trim_end_matches('/'))
    }

    /// The whole address of a path and query of the server.
    ///
    /// # Errors
    ///
    /// If `path` has characters that a URI can't have.
    pub fn join(&self, path: &str) -> Result<Uri, InvalidUri> {
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(self.path(path).parse::<PathAndQuery>()?);
        Ok(Uri::from_parts(parts).expect("scheme, authority and path are there"))
    }
}

impl FromStr for ServerUrl {
    type Err = InvalidUrl;

    /// `localhost:8080` and `:8080` stand for `http://localhost:8080`. A number
    /// alone is invalid: as a host it would be an IPv4 address.
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let text = text.trim();
        let whole = match text.contains("://") {
            true => text.to_owned(),
            false if text.starts_with(':') => format!("http://localhost{text}"),
            false => format!("http://{text}"),
        };
        let base: Uri = whole.parse().map_err(|_| InvalidUrl)?;
        let known = [Some("http"), Some("https")].contains(&base.scheme_str());
        let has_user = base
            .authority()
            .is_some_and(|name| name.as_str().contains('@'));
        let is_number = |host: &str| host.bytes().all(|byte| byte.is_ascii_digit());
        let has_host = base
            .host()
            .is_some_and(|host| !is_number(host) && host != "*");
        // hyper treats an invalid port like a missing one.
        let port = base
            .authority()
            .and_then(|name| name.as_str().rsplit_once(':'));
        let bad_port =
            base.port_u16().is_none() && port.is_some_and(|(_, port)| !port.ends_with(']'));
        match known && has_host && !has_user && !bad_port && base.query().is_none() {
            true => Ok(Self { base }),
            false => Err(InvalidUrl),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.base.scheme_str().unwrap_or_default();
        write!(f, "{scheme}://{}{}", self.authority(), self.path(""))
    }
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a server's address like http://127.0.0.1:8080")
    }
}

impl std::error::Error for InvalidUrl {}

/// Percent-encodes a part of a path or of a query.
pub(super) fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    const PLAIN: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(text, PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_normalized() {
        for (text, shown, host, port) in [
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080",
                "127.0.0.1",
                8080,
            ),
            ("localhost:8080", "http://localhost:8080", "localhost", 8080),
            (":8080", "http://localhost:8080", "localhost", 8080),
            (" http://a.example/ ", "http://a.example", "a.example", 80),
            (
                "https://a.example/chat/",
                "https://a.example/chat",
                "a.example",
                443,
            ),
            ("http://[::1]:9", "http://[::1]:9", "::1", 9),
            ("http://[::1]", "http://[::1]", "::1", 80),
        ] {
            let url = url(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn paths_are_appended() {
        let joined = url("http://a.example/chat").join("/rooms/b/events?backlog=all");
        assert_eq!(
            joined.unwrap(),
            "http://a.example/chat/rooms/b/events?backlog=all"
        );
        assert_eq!(url("http://a.example/").path("/healthz"), "/healthz");
        assert!(url("http://a.example").join("/a b").is_err());
    }

    #[test]
    fn other_texts_are_invalid() {
        for text in [
            "",
            "http://",
            "ftp://a.example",
            "http://a b",
            "http://user@a.example",
            "http://a.example:port",
            "http://a.example:99999",
            "http://a.example:",
            "http://a.example/?q=1",
            "8080",
            "8080:",
            ":",
            "*:8080",
            "http://8080",
            "://",
        ] {
            assert_eq!(text.parse::<ServerUrl>(), Err(InvalidUrl), "{text:?}");
        }
    }
}
