//! Who asks, as far as the socket knows.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap, HeaderName, VIA};

use super::admission::Refused;
use super::forwarded::{X_FORWARDED_FOR, client_address, name_of};
use crate::config::Access;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other side of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub(super) peer: IpAddr,
    /// It reached the server at an address that only this machine has.
    pub(in super::super) is_local: bool,
    /// It is one too many, and is to be told so.
    pub(in super::super) refused: Option<Refused>,
}

impl Caller {
    /// A connection from `peer` to `local`.
    pub fn new(peer: SocketAddr, local: SocketAddr, refused: Option<Refused>) -> Self {
        Self {
            peer: peer.ip().to_canonical(),
            is_local: local.ip().to_canonical().is_loopback(),
            refused,
        }
    }

    /// Whether it reached the server at an address that only this machine has.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether it is one too many.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Why it can't be known whom a proxy asks for, if it is one: the operator
    /// has not told of it, or one of the two has the wrong header.
    pub(in super::super) fn mistake(
        &self,
        headers: &HeaderMap,
        access: &Access,
    ) -> Option<&'static str> {
        let has = |name: &HeaderName| headers.contains_key(name);
        let says = has(&X_FORWARDED_FOR) || has(&FORWARDED);
        if access.trusts(self.peer) {
            let is_proxy = says || has(&X_FORWARDED_PROTO) || has(&VIA);
            return (is_proxy && !has(&name_of(access.forwarded_header))).then_some(
                "a trusted proxy does not say whom it asks for in the header that \
                 --forwarded-header names: everybody behind it counts as the proxy, and is not \
                 limited if that is this machine",
            );
        }
        (says && access.trusted_proxies.is_empty() && self.peer.is_loopback()).then_some(
            "a proxy on this machine says whom it asks for, and is not believed: everybody behind \
             it counts as this machine, which is not limited; see --trusted-proxy",
        )
    }

    /// Whether it is a proxy that is believed, and whose connections are
    /// therefore not counted for its address.
    pub(in super::super) fn is_trusted(&self, access: &Access) -> bool {
        access.trusts(self.peer)
    }

    /// Whom it asks for: itself, or who asked the proxy that it is.
    pub fn client(&self, headers: &HeaderMap, access: &Access) -> IpAddr {
        if access.trusted_proxies.is_empty() {
            return self.peer;
        }
        client_address(self.peer, headers, access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ForwardedHeader;

    #[test]
    fn a_proxy_that_does_not_say_whom_it_asks_for_is_noticed() {
        let is_mistaken = |peer: &str, headers: &[&'static str], access: &Access| {
            let mut map = HeaderMap::new();
            for name in headers {
                map.insert(*name, "192.0.2.1".parse().unwrap());
            }
            let socket = SocketAddr::new(peer.parse().unwrap(), 1);
            let caller = Caller::new(socket, socket, None);
            caller.mistake(&map, access).is_some()
        };
        let nobody = Access::default();
        assert!(is_mistaken("127.0.0.1", &["x-forwarded-for"], &nobody));
        assert!(is_mistaken("127.0.0.1", &["forwarded"], &nobody));
        assert!(!is_mistaken("127.0.0.1", &[], &nobody));
        // Anybody may write that, and it means nothing.
        assert!(!is_mistaken("192.0.2.9", &["x-forwarded-for"], &nobody));
        let trusting = Access {
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
            ..Access::default()
        };
        assert!(!is_mistaken("127.0.0.1", &["x-forwarded-for"], &trusting));
        assert!(is_mistaken("127.0.0.1", &["forwarded"], &trusting));
        assert!(is_mistaken("127.0.0.1", &["x-forwarded-proto"], &trusting));
        assert!(is_mistaken("127.0.0.1", &["via"], &trusting));
        // Somebody on this machine who is no proxy.
        assert!(!is_mistaken("127.0.0.1", &[], &trusting));
        let standard = Access {
            forwarded_header: ForwardedHeader::Forwarded,
            ..trusting
        };
        assert!(is_mistaken("127.0.0.1", &["x-forwarded-for"], &standard));
        assert!(!is_mistaken("127.0.0.1", &["forwarded"], &standard));
    }
}
