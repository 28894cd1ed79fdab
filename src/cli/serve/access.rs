//! The flags of [`Access`]: trusted proxies, host names and origins.

use std::net::IpAddr;

use clap::{Args, ValueEnum};
use ipnet::{IpNet, Ipv4Net};

use crate::config::{Access, ForwardedHeader, Origin};

/// Restrictions on host names and origins, and trusted proxies.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(super) struct AccessFlags {
    /// Proxy whose forwarded client addresses are trusted; repeat or use commas
    ///
    /// A network such as 10.0.0.0/8, or an address such as ::1.
    #[arg(long, env = "SSE_CHAT_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    trusted_proxy: Vec<IpNet>,

    /// Header in which trusted proxies forward the client address
    #[arg(long, env = "SSE_CHAT_FORWARDED_HEADER", value_name = "NAME", value_enum, default_value_t = HeaderName::XForwardedFor)]
    forwarded_header: HeaderName,

    /// Host name that requests may use; repeat or use commas [default: any; on loopback addresses,
    /// names of this machine]
    ///
    /// Without a port: chat.example.org, or [::1].
    #[arg(long, env = "SSE_CHAT_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',', value_parser = parse_host)]
    allowed_host: Vec<String>,

    /// Origin whose pages may read, publish and join; repeat or use commas. * lets all origins
    /// read, but not join under a name
    #[arg(long, env = "SSE_CHAT_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', value_parser = parse_origin)]
    allow_origin: Vec<OriginOrAny>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HeaderName {
    /// X-Forwarded-For, as nginx, HAProxy and Caddy write it
    XForwardedFor,
    /// Forwarded, as in RFC 7239
    Forwarded,
}

/// A value of `--allow-origin`.
#[derive(Debug, Clone)]
enum OriginOrAny {
    One(Origin),
    Any,
}

impl From<AccessFlags> for Access {
    fn from(flags: AccessFlags) -> Self {
        let origins = flags.allow_origin.iter();
        Self {
            trusted_proxies: flags.trusted_proxy,
            forwarded_header: match flags.forwarded_header {
                HeaderName::XForwardedFor => ForwardedHeader::XForwardedFor,
                HeaderName::Forwarded => ForwardedHeader::Forwarded,
            },
            allowed_hosts: flags.allowed_host,
            local_names: Vec::new(),
            any_origin_reads: origins
                .clone()
                .any(|origin| matches!(origin, OriginOrAny::Any)),
            allowed_origins: origins
                .filter_map(|origin| match origin {
                    OriginOrAny::One(origin) => Some(origin.clone()),
                    OriginOrAny::Any => None,
                })
                .collect(),
        }
    }
}

/// Parses a network, or an address as a network of one.
fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .map(|network| canonical(network.trunc()))
        .ok_or_else(|| "not a network like 10.0.0.0/8 or an address like ::1".to_owned())
}

/// Converts a network of IPv4-mapped IPv6 addresses to IPv4, like the client
/// addresses that it is compared with.
fn canonical(network: IpNet) -> IpNet {
    match (network, network.addr().to_canonical()) {
        (IpNet::V6(mapped), IpAddr::V4(address)) if mapped.prefix_len() >= 96 => {
            Ipv4Net::new(address, mapped.prefix_len() - 96).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

fn parse_host(text: &str) -> Result<String, String> {
    let host = text.trim().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    // Colons are allowed only in an IPv6 address in brackets.
    let has_port = host.contains(':') && !host.starts_with('[') || host.contains("]:");
    match !host.is_empty() && host.chars().all(plain) && !has_port {
        true => Ok(host.to_owned()),
        false => Err("not a host name like chat.example.org, without a port".to_owned()),
    }
}

fn parse_origin(text: &str) -> Result<OriginOrAny, String> {
    match text.trim() {
        "*" => Ok(OriginOrAny::Any),
        text => Origin::parse(text)
            .map(OriginOrAny::One)
            .map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_hosts_are_normalized() {
        for (text, network) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1", "::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(parse_network(text).unwrap().to_string(), network);
        }
        assert!(
            parse_network("example.org")
                .unwrap_err()
                .contains("10.0.0.0/8")
        );
        assert_eq!(parse_host("Chat.Example.org").unwrap(), "chat.example.org");
        assert_eq!(parse_host("[::1]").unwrap(), "[::1]");
        assert_eq!(parse_host("example.org.").unwrap(), "example.org");
        for text in ["", "a b", "a:80", "[::1]:80", "https://a", "a/b"] {
            assert!(parse_host(text).is_err(), "{text}");
        }
    }
}
