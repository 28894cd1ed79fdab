//! Listening addresses as an operator writes them. Names are resolved when the
//! server binds, not here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// One value of `--listen` or `--metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// One address: `127.0.0.1:8080`, `[::1]:8080`.
    Address(SocketAddr),
    /// All addresses of this machine, of both families: `:8080`, `*:8080`.
    All(u16),
    /// All addresses of a name: `localhost:8080`. Lower case, without a trailing
    /// dot.
    Name(String, u16),
}

/// The text is not an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidEndpoint {
    /// A port alone, which some programs read as loopback and others as all
    /// addresses.
    PortAlone,
    /// Anything else.
    Other,
}

impl Endpoint {
    /// The port; 0 takes a free one.
    pub fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::All(port) | Self::Name(_, port) => *port,
        }
    }

    /// The name of [`Self::Name`].
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name, _) => Some(name),
            Self::Address(_) | Self::All(_) => None,
        }
    }

    /// The addresses, unless they need a resolver. `localhost` and names below it
    /// are loopback addresses whatever a resolver says (RFC 6761, section 6.3).
    pub fn known_addresses(&self) -> Option<Vec<SocketAddr>> {
        let ips: [IpAddr; 2] = match self {
            Self::Address(address) => return Some(vec![*address]),
            Self::All(_) => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            Self::Name(name, _) if name == "localhost" || name.ends_with(".localhost") => {
                [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            Self::Name(..) => return None,
        };
        Some(ips.map(|ip| SocketAddr::new(ip, self.port())).to_vec())
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let text = text.trim();
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if parse_port(text).is_some() {
            return Err(InvalidEndpoint::PortAlone);
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidEndpoint::Other)?;
        let port = parse_port(port).ok_or(InvalidEndpoint::Other)?;
        let host = host.strip_suffix('.').unwrap_or(host);
        match host {
            "" if text.starts_with(':') => Ok(Self::All(port)),
            "*" => Ok(Self::All(port)),
            name if is_name(name) => Ok(Self::Name(name.to_ascii_lowercase(), port)),
            _ => Err(InvalidEndpoint::Other),
        }
    }
}

/// Digits only: `u16` accepts `+8080` as well.
fn parse_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Labels of letters, digits, `-` and `_`. The last one is not a number: resolvers
/// read `127.1` and `1` as IPv4 addresses.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(plain) && !label.starts_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::All(port) => write!(f, ":{port}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PortAlone => {
                "a port alone; write 127.0.0.1:8080 for this machine, :8080 for all addresses"
            }
            Self::Other => {
                "not an address and a port like 127.0.0.1:8080, [::1]:8080, localhost:8080 or :8080"
            }
        })
    }
}

impl std::error::Error for InvalidEndpoint {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_a_name_or_all_addresses() {
        for (text, shown, addresses) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", Some("127.0.0.1:8080")),
            (" [::1]:0 ", "[::1]:0", Some("[::1]:0")),
            (":8080", ":8080", Some("0.0.0.0:8080 [::]:8080")),
            ("*:8080", ":8080", Some("0.0.0.0:8080 [::]:8080")),
            (
                "localhost:80",
                "localhost:80",
                Some("127.0.0.1:80 [::1]:80"),
            ),
            (
                "LocalHost.:80",
                "localhost:80",
                Some("127.0.0.1:80 [::1]:80"),
            ),
            (
                "a.localhost:80",
                "a.localhost:80",
                Some("127.0.0.1:80 [::1]:80"),
            ),
            ("chat.example.org:80", "chat.example.org:80", None),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), shown);
            let known = endpoint.known_addresses();
            let known = known.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(
                known.map(|all| all.join(" ")).as_deref(),
                addresses,
                "{text}"
            );
        }
    }

    #[test]
    fn a_port_alone_is_refused_as_ambiguous() {
        assert_eq!("8080".parse::<Endpoint>(), Err(InvalidEndpoint::PortAlone));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":",
            "*",
            "localhost",
            "localhost:",
            "localhost:http",
            ":99999",
            ":+80",
            ":-1",
            ".:80",
            "**:80",
            "::1:80",
            "[::1]",
            "a b:80",
            "a..b:80",
            "127.1:80",
            "1:80",
            "300.0.0.1:80",
            "http://localhost:80",
            "-a:80",
            "localhost:80/",
        ] {
            assert_eq!(
                text.parse::<Endpoint>(),
                Err(InvalidEndpoint::Other),
                "{text:?}"
            );
        }
    }
}
