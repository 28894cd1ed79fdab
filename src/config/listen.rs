//! What the server listens at: an endpoint, in clear or under TLS.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::endpoint::{Endpoint, InvalidEndpoint};

/// One value of `--listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub endpoint: Endpoint,
    /// What is spoken there.
    pub scheme: Scheme,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// In clear.
    #[default]
    Http,
    /// Under TLS.
    Https,
}

/// The text is not a value of `--listen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidListen {
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// A path follows the port.
    Path,
    /// What remains is not an endpoint.
    Endpoint(InvalidEndpoint),
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Endpoint> for Listen {
    /// In clear.
    fn from(endpoint: Endpoint) -> Self {
        let scheme = Scheme::Http;
        Self { endpoint, scheme }
    }
}

impl From<SocketAddr> for Listen {
    /// In clear.
    fn from(address: SocketAddr) -> Self {
        Endpoint::from(address).into()
    }
}

impl FromStr for Listen {
    type Err = InvalidListen;

    /// Parses `https://0.0.0.0:443`, `http://127.0.0.1:8080`, or an endpoint alone,
    /// which is in clear.
    fn from_str(text: &str) -> Result<Self, InvalidListen> {
        let text = text.trim();
        let (scheme, endpoint) = match text.split_once("://") {
            None => (Scheme::Http, text),
            Some((name, rest)) if name.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((name, rest)) if name.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some(_) => return Err(InvalidListen::Scheme),
        };
        if endpoint.contains(['/', '?', '#']) {
            return Err(InvalidListen::Path);
        }
        let endpoint = endpoint.parse().map_err(InvalidListen::Endpoint)?;
        Ok(Self { endpoint, scheme })
    }
}

/// As it is typed: `https://` only for TLS.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Http => self.endpoint.fmt(f),
            Scheme::Https => write!(f, "https://{}", self.endpoint),
        }
    }
}

impl fmt::Display for InvalidListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("only https:// and http:// may be before the address"),
            Self::Path => f.write_str(
                "nothing may follow the port: a path can't be listened at; write \
                 https://0.0.0.0:443",
            ),
            Self::Endpoint(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InvalidListen {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_clear_unless_it_says_https() {
        for (text, shown, scheme) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", Scheme::Http),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", Scheme::Http),
            ("https://0.0.0.0:443", "https://0.0.0.0:443", Scheme::Https),
            (" HTTPS://[::1]:0 ", "https://[::1]:0", Scheme::Https),
            ("https://*:443", "https://:443", Scheme::Https),
            (
                "https://Chat.Example.:443",
                "https://chat.example:443",
                Scheme::Https,
            ),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.to_string(), shown);
            assert_eq!(listen.scheme, scheme, "{text}");
            assert_eq!(shown.parse(), Ok(listen));
        }
    }

    #[test]
    fn a_path_another_scheme_and_no_port_are_refused() {
        for (text, error) in [
            ("https://127.0.0.1:443/", InvalidListen::Path),
            ("127.0.0.1:443/chat", InvalidListen::Path),
            ("http://:80?", InvalidListen::Path),
            ("unix:///run/chat", InvalidListen::Scheme),
            ("://:80", InvalidListen::Scheme),
            (
                "https://chat.example",
                InvalidListen::Endpoint(InvalidEndpoint::Other),
            ),
            (
                "https://443",
                InvalidListen::Endpoint(InvalidEndpoint::PortAlone),
            ),
            ("", InvalidListen::Endpoint(InvalidEndpoint::Other)),
        ] {
            assert_eq!(text.parse::<Listen>(), Err(error), "{text:?}");
        }
    }
}
