//! Which clients are trusted with what: proxies, hosts, origins.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// Trusted proxies, allowed hosts and allowed origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Proxies whose forwarded client addresses are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header that these proxies set.
    pub forwarded_header: ForwardedHeader,
    /// Host names of the server beside those of this machine; lower case, without
    /// a port.
    pub allowed_hosts: Vec<String>,
    /// The names of `--listen` and `--metrics`. At its loopback addresses the
    /// server accepts them like `localhost`: the operator chose them, so they are
    /// not rebound. They restrict nothing at other addresses.
    pub local_names: Vec<String>,
    /// Other origins whose pages may read, write and join under a name.
    pub allowed_origins: Vec<Origin>,
    /// Whether the pages of every origin may read, without joining under a name.
    pub any_origin_reads: bool,
}

impl Access {
    /// Whether `address` is a trusted proxy. An IPv4-mapped address counts as
    /// IPv4.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let has = |network: &IpNet| network.contains(&address);
        self.trusted_proxies.iter().any(has)
    }
}

/// The header with the client's address. Only one is read: a proxy sets one, and
/// passes on what its client sent in the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, set by nginx, HAProxy and Caddy.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// An origin as browsers send it: scheme, host and port in lower case, without
/// the scheme's default port (HTML standard, "serialization of an origin").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// The text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidOrigin;

impl Origin {
    /// Parses an origin such as `https://example.org` or `http://localhost:3000`.
    ///
    /// # Errors
    ///
    /// [`InvalidOrigin`] for everything else, `null` and `*` included.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        let own_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(InvalidOrigin),
        };
        let authority = authority.strip_suffix(own_port).unwrap_or(authority);
        let (host, port) = match authority.rsplit_once(':') {
            // Colons within brackets belong to the address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]".contains(c);
        let is_address = host.starts_with('[') && host.ends_with(']');
        let is_host = host.chars().all(|c| plain(c) || is_address && c == ':');
        let as_written = |port: &str| port.parse::<u16>().is_ok_and(|n| n.to_string() == port);
        match !host.is_empty() && is_host && port.is_none_or(as_written) {
            true => Ok(Self(format!("{scheme}://{authority}"))),
            false => Err(InvalidOrigin),
        }
    }

    /// The origin as browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an origin like https://example.org or http://localhost:3000")
    }
}

impl std::error::Error for InvalidOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_normalized_as_browsers_send_it() {
        for (text, origin) in [
            ("https://Example.org", "https://example.org"),
            ("https://example.org:443", "https://example.org"),
            ("http://example.org:443", "http://example.org:443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), origin);
        }
        for text in [
            "",
            "*",
            "null",
            "example.org",
            "https://",
            "https://example.org/",
            "https://a b",
            "https://a:b:c",
            "https://a:0443",
            "https://a:",
            "https://a:99999",
            "file:///x",
            "https://user@example.org",
        ] {
            assert_eq!(Origin::parse(text), Err(InvalidOrigin), "{text}");
        }
    }
}
