//! Who asks, as far as the socket knows.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap};

use super::admission::Refused;
use super::forwarded::client_address;
use crate::config::Access;

/// The other side of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    peer: IpAddr,
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

    /// Whether it is one too many.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether a proxy on this machine says whom it asks for, and nobody has
    /// said that it is to be believed.
    pub(in super::super) fn is_unknown_proxy(&self, headers: &HeaderMap, access: &Access) -> bool {
        let says = headers.contains_key("x-forwarded-for") || headers.contains_key(FORWARDED);
        says && access.trusted_proxies.is_empty() && self.peer.is_loopback()
    }

    /// Whom it asks for: itself, or who asked the proxy that it is.
    pub fn client(&self, headers: &HeaderMap, access: &Access) -> IpAddr {
        if access.trusted_proxies.is_empty() {
            return self.peer;
        }
        client_address(self.peer, headers, access)
    }
}
