//! The client of a connection or a request: the peer, or the address that a
//! trusted proxy forwards.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap, HeaderName, VIA};

use super::admission::Refused;
use super::carrier::Carrier;
use super::forwarded::{X_FORWARDED_FOR, client_address, name_of};
use crate::config::{Access, Scheme};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The peer of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(super) peer: IpAddr,
    /// Whether it connected to a loopback address.
    pub(in super::super) is_local: bool,
    /// What its listener speaks.
    scheme: Scheme,
    /// Set if the connection is only open for the answer that it is refused.
    pub(in super::super) refused: Option<Refused>,
    /// Whether its connection is of HTTP/2, and has many requests at a time.
    is_http2: bool,
}

impl Caller {
    /// A connection in clear from `peer` to `local`.
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr, refused: Option<Refused>) -> Self {
        Self {
            peer: peer.ip().to_canonical(),
            is_local: local.ip().to_canonical().is_loopback(),
            scheme: Scheme::Http,
            refused,
            is_http2: false,
        }
    }

    /// The same, when its connection turns out to be of HTTP/2.
    #[cfg(feature = "https")]
    pub(crate) fn over_http2(self) -> Self {
        Self {
            is_http2: true,
            ..self
        }
    }

    /// The same connection to a listener of this scheme.
    pub(crate) fn over(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// Whether it connected to a loopback address.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether its listener speaks TLS.
    pub(in super::super) fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// What carries its connection.
    pub(crate) fn carrier(&self) -> Carrier {
        Carrier::new(self.is_http2, self.scheme)
    }

    /// Whether its connection is refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Why the peer looks like a proxy whose clients are not known: it is not a
    /// `--trusted-proxy`, or it does not send the header that is read.
    pub(in super::super) fn misconfigured_proxy(
        &self,
        headers: &HeaderMap,
        access: &Access,
    ) -> Option<&'static str> {
        let has = |name: &HeaderName| headers.contains_key(name);
        let forwards = has(&X_FORWARDED_FOR) || has(&FORWARDED);
        if access.trusts(self.peer) {
            let is_proxy = forwards || has(&X_FORWARDED_PROTO) || has(&VIA);
            return (is_proxy && !has(&name_of(access.forwarded_header))).then_some(
                "a trusted proxy does not send the header of --forwarded-header: all its clients \
                 count as the proxy, and are not limited if that is this machine",
            );
        }
        (forwards && access.trusted_proxies.is_empty() && self.peer.is_loopback()).then_some(
            "a proxy on this machine forwards client addresses, but is not a --trusted-proxy: all \
             its clients count as this machine, which is not limited",
        )
    }

    /// Whether it is a trusted proxy, whose connections do not count for its
    /// address.
    pub(in super::super) fn is_trusted(&self, access: &Access) -> bool {
        access.trusts(self.peer)
    }

    /// Whether each of its requests counts for its client as a connection does, as long
    /// as it is in progress: over HTTP/2 a connection has many. A trusted proxy's
    /// connections are those of its clients, and do not count for it.
    pub(in super::super) fn counts_requests(&self, access: &Access) -> bool {
        self.is_http2 || self.is_trusted(access)
    }

    /// Whether its streams count in the same way: those of a trusted proxy do not.
    pub(in super::super) fn counts_streams(&self, access: &Access) -> bool {
        self.is_http2 && !self.is_trusted(access)
    }

    /// Whether the client sent the request over https: as a trusted proxy says, or
    /// else by the listener.
    pub(in super::super) fn is_https(&self, headers: &HeaderMap, access: &Access) -> bool {
        let forwarded = match access.trusts(self.peer) {
            true => headers.get(&X_FORWARDED_PROTO),
            false => None,
        };
        match forwarded {
            Some(proto) => proto.as_bytes().eq_ignore_ascii_case(b"https"),
            None => self.is_tls(),
        }
    }

    /// The client address: the peer, or the forwarded one behind a trusted proxy.
    pub(crate) fn client(&self, headers: &HeaderMap, access: &Access) -> IpAddr {
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
    fn a_request_is_https_by_its_listener_or_by_a_trusted_proxy() {
        let trusting = Access {
            trusted_proxies: vec!["192.0.2.1/32".parse().unwrap()],
            ..Access::default()
        };
        let is_https = |peer: &str, scheme, proto: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(proto) = proto {
                headers.insert(X_FORWARDED_PROTO, proto.parse().unwrap());
            }
            let peer = SocketAddr::new(peer.parse().unwrap(), 1);
            let caller = Caller::new(peer, peer, None).over(scheme);
            caller.is_https(&headers, &trusting)
        };
        let (client, proxy) = ("192.0.2.9", "192.0.2.1");
        assert!(is_https(client, Scheme::Https, None));
        assert!(!is_https(client, Scheme::Http, None));
        // What a client claims changes nothing.
        assert!(is_https(client, Scheme::Https, Some("http")));
        assert!(!is_https(client, Scheme::Http, Some("https")));
        // What a proxy's client used counts, not what the proxy uses.
        assert!(is_https(proxy, Scheme::Http, Some("HTTPS")));
        assert!(!is_https(proxy, Scheme::Https, Some("http")));
        assert!(is_https(proxy, Scheme::Https, None));
        assert!(!is_https(proxy, Scheme::Http, None));
    }

    #[test]
    fn a_misconfigured_proxy_is_noticed() {
        let is_misconfigured = |peer: &str, headers: &[&'static str], access: &Access| {
            let mut map = HeaderMap::new();
            for name in headers {
                map.insert(*name, "192.0.2.1".parse().unwrap());
            }
            let socket = SocketAddr::new(peer.parse().unwrap(), 1);
            let caller = Caller::new(socket, socket, None);
            caller.misconfigured_proxy(&map, access).is_some()
        };
        let none = Access::default();
        assert!(is_misconfigured("127.0.0.1", &["x-forwarded-for"], &none));
        assert!(is_misconfigured("127.0.0.1", &["forwarded"], &none));
        assert!(!is_misconfigured("127.0.0.1", &[], &none));
        // From elsewhere the header is client input, and is ignored.
        assert!(!is_misconfigured("192.0.2.9", &["x-forwarded-for"], &none));
        let trusting = Access {
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
            ..Access::default()
        };
        assert!(!is_misconfigured(
            "127.0.0.1",
            &["x-forwarded-for"],
            &trusting
        ));
        assert!(is_misconfigured("127.0.0.1", &["forwarded"], &trusting));
        assert!(is_misconfigured(
            "127.0.0.1",
            &["x-forwarded-proto"],
            &trusting
        ));
        assert!(is_misconfigured("127.0.0.1", &["via"], &trusting));
        // A client on the proxy's machine that is no proxy.
        assert!(!is_misconfigured("127.0.0.1", &[], &trusting));
        let standard = Access {
            forwarded_header: ForwardedHeader::Forwarded,
            ..trusting
        };
        assert!(is_misconfigured(
            "127.0.0.1",
            &["x-forwarded-for"],
            &standard
        ));
        assert!(!is_misconfigured("127.0.0.1", &["forwarded"], &standard));
    }
}
