//! Binds the listening sockets of an [`Endpoint`]. Accepting is in `listen`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::config::{Endpoint, Limits};

/// Attempts to find one free port for all addresses of an endpoint. One fails only
/// if another process has the port at some of the addresses.
const COMMON_PORT_TRIES: usize = 16;
/// Linux's error for an address family that it does not have, on all processors
/// that are in use; `std::io` has no kind for it.
const EAFNOSUPPORT: i32 = 97;

/// Listens at all addresses of `endpoint`. An address that this machine does not
/// have, such as all of IPv6, is skipped if another one works. Port 0 becomes the
/// same free port at all addresses, if there is one.
///
/// `all` are the endpoints of this server. Addresses that are endpoints of their
/// own are skipped.
pub(super) fn bind(
    endpoint: &Endpoint,
    all: &[Endpoint],
    limits: &Limits,
) -> io::Result<Vec<TcpListener>> {
    let mut addresses = resolve(endpoint)?;
    let is_named_apart = |address: &SocketAddr| {
        let apart = Endpoint::Address(*address);
        address.port() != 0 && *endpoint != apart && all.contains(&apart)
    };
    addresses.retain(|address| !is_named_apart(address));
    let ipv4 = |all: &[SocketAddr]| all.iter().any(is_all_of_ipv4(endpoint.port()));
    let ipv6_alone = ipv4(&addresses) || all.iter().any(|other| ipv4(&known(other)));
    let sockets = Sockets { limits, ipv6_alone };
    if endpoint.port() == 0 && addresses.len() > 1 {
        for _ in 0..COMMON_PORT_TRIES {
            match sockets.bind_all(&addresses, Ports::Common) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return bound,
            }
        }
    }
    sockets.bind_all(&addresses, Ports::AsGiven)
}

fn known(endpoint: &Endpoint) -> Vec<SocketAddr> {
    endpoint.known_addresses().unwrap_or_default()
}

fn is_all_of_ipv4(port: u16) -> impl Fn(&SocketAddr) -> bool {
    let all = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
    move |address| *address == all
}

/// All addresses of an endpoint, each once.
fn resolve(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    let found = match endpoint {
        Endpoint::Name(name, port) if endpoint.known_addresses().is_none() => {
            let found = (name.as_str(), *port).to_socket_addrs();
            found.map_err(|error| io::Error::other(format!("can't resolve the name: {error}")))?
        }
        _ => known(endpoint).into_iter(),
    };
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(io::Error::other("the name has no address")),
        false => Ok(addresses),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// The port of the first address is used for all others.
    Common,
    AsGiven,
}

/// Options of the listening sockets.
struct Sockets<'a> {
    limits: &'a Limits,
    /// `[::]` takes no IPv4: `0.0.0.0` has a socket of its own.
    ipv6_alone: bool,
}

impl Sockets<'_> {
    fn bind_all(&self, addresses: &[SocketAddr], ports: Ports) -> io::Result<Vec<TcpListener>> {
        let mut bound: Vec<TcpListener> = Vec::new();
        let mut missing = None;
        for &(mut address) in addresses {
            if let (Ports::Common, Some(first)) = (ports, bound.first()) {
                address.set_port(first.local_addr()?.port());
            }
            match self.bind(address) {
                Ok(listener) => bound.push(listener),
                Err(error) if addresses.len() == 1 => return Err(error),
                Err(error) if is_missing(&error) => {
                    tracing::info!(%address, %error, "address skipped: this machine does not have it");
                    missing = Some(error);
                }
                Err(error) => {
                    let why = format!("{address}: {error}");
                    return Err(io::Error::new(error.kind(), why));
                }
            }
        }
        match missing {
            Some(error) if bound.is_empty() => Err(error),
            _ => Ok(bound),
        }
    }

    fn bind(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A restarted server can bind while its old connections are still in
        // TIME_WAIT. On Linux this shares no port between listeners.
        socket.set_reuseaddr(true)?;
        if address.ip() == Ipv6Addr::UNSPECIFIED && self.ipv6_alone {
            SockRef::from(&socket).set_only_v6(true)?;
        }
        socket.bind(address)?;
        socket.listen(self.limits.accept_queue)
    }
}

/// Whether this machine does not have the address, or its family.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    fn addresses(endpoint: &Endpoint, all: &[Endpoint]) -> io::Result<Vec<SocketAddr>> {
        let bound = bind(endpoint, all, &Limits::default())?;
        bound.iter().map(TcpListener::local_addr).collect()
    }

    #[tokio::test]
    async fn every_address_of_both_families_may_be_listed() {
        let limits = Limits::default();
        let first = bind(&endpoint("0.0.0.0:0"), &[], &limits).unwrap();
        let ipv4 = first[0].local_addr().unwrap();
        let ipv6 = SocketAddr::new("::".parse().unwrap(), ipv4.port()).into();
        assert!(
            addresses(&ipv6, std::slice::from_ref(&ipv6)).is_err(),
            "it would be both"
        );
        let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), ipv4.port()).into();
        assert!(
            addresses(&ipv6, &[ipv6.clone(), local]).is_err(),
            "and so here"
        );
        let both = [ipv4.into(), ipv6.clone()];
        let second = addresses(&ipv6, &both).unwrap();
        assert_eq!(Endpoint::Address(second[0]), ipv6);
    }

    #[tokio::test]
    async fn a_name_and_all_addresses_are_both_families_at_a_common_port() {
        for (text, ips) in [
            ("localhost:0", ["127.0.0.1", "::1"]),
            (":0", ["0.0.0.0", "::"]),
        ] {
            let bound = addresses(&endpoint(text), &[endpoint(text)]).unwrap();
            let found: Vec<String> = bound.iter().map(|one| one.ip().to_string()).collect();
            assert_eq!(found, ips);
            assert_eq!(bound[0].port(), bound[1].port(), "{text}");
            assert_ne!(bound[0].port(), 0);
        }
    }

    #[tokio::test]
    async fn an_address_that_this_machine_does_not_have_is_skipped_if_another_one_works() {
        // TEST-NET-1 (RFC 5737) is assigned to no machine.
        let absent: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let limits = Limits::default();
        let sockets = Sockets {
            limits: &limits,
            ipv6_alone: false,
        };
        for ports in [Ports::Common, Ports::AsGiven] {
            let bound = sockets.bind_all(&[absent, local], ports).unwrap();
            assert_eq!(bound.len(), 1);
            assert_eq!(bound[0].local_addr().unwrap().ip(), local.ip());
            assert!(sockets.bind_all(&[absent], ports).is_err());
            assert!(sockets.bind_all(&[absent, absent], ports).is_err());
        }
    }

    #[test]
    fn a_family_that_the_kernel_does_not_have_is_missing() {
        let family = socket2::Domain::from(255);
        let error = socket2::Socket::new(family, socket2::Type::STREAM, None).unwrap_err();
        assert!(is_missing(&error), "{error:?}");
        assert!(!is_missing(&io::ErrorKind::AddrInUse.into()));
    }

    #[tokio::test]
    async fn a_port_that_is_in_use_at_one_address_of_a_name_fails_with_that_address() {
        let taken = bind(&endpoint("127.0.0.1:0"), &[], &Limits::default()).unwrap();
        let taken = taken[0].local_addr().unwrap();
        let name = Endpoint::Name("localhost".to_owned(), taken.port());
        let error = addresses(&name, &[]).unwrap_err();
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
    }

    #[tokio::test]
    async fn an_address_that_is_an_endpoint_of_its_own_is_bound_once() {
        let mut both = bind(&endpoint("localhost:0"), &[], &Limits::default()).unwrap();
        let ipv6 = both.pop().unwrap().local_addr().unwrap();
        let ipv4 = both[0].local_addr().unwrap();
        let name = Endpoint::Name("localhost".to_owned(), ipv4.port());
        // IPv4 is still in use, so this works only without it.
        let bound = addresses(&name, &[name.clone(), ipv4.into()]).unwrap();
        assert_eq!(bound, [ipv6]);
    }
}
