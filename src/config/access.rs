//! Who may ask, and whom the server believes: proxies, hosts, origins.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// Whose word the server takes for what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Proxies that are believed when they say whom they ask for.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they say it.
    pub forwarded_header: ForwardedHeader,
    /// Host names that the server answers to, beside those of this machine;
    /// lower case, without a port.
    pub allowed_hosts: Vec<String>,
    /// Names of `--listen` and `--metrics`. At its loopback addresses the server
    /// answers to them as to `localhost`: the operator chose them, so they are no
    /// rebound names of others. They restrict nothing at other addresses.
    pub local_names: Vec<String>,
    /// Other origins whose pages may read, write and join under a name.
    pub allowed_origins: Vec<Origin>,
    /// Whether the pages of every origin may read, without joining under a name.
    pub any_origin_reads: bool,
}

impl Access {
    /// Whether this is a proxy that is believed. Networks and addresses are
    /// compared in one form: IPv4 is IPv4, however it came.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let has = |network: &IpNet| network.contains(&address);
        self.trusted_proxies.iter().any(has)
    }
}

/// Where a proxy says whom it asks for. One of them, since a proxy sets one,
/// and lets through what its client put into the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which nginx, HAProxy and Caddy write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// An origin as browsers send it: scheme, host and port, lower case, without
/// the scheme's own port (HTML standard, "serialization of an origin").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// It is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidOrigin;

impl Origin {
    /// Takes an origin such as `https://example.org` or `http://localhost:3000`.
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
            // Within brackets a colon is the address's own.
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

    /// As it is sent.
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
    fn an_origin_is_written_as_browsers_send_it() {
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
