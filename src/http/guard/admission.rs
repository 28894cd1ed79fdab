//! How many connections and streams there are, in all and of each address; and
//! who is let in. The new one is refused, an old one is never thrown out.
//!
//! Over the limit a connection is let in once more, as one of a few that are
//! only told that they are too many: a stream must hear when to come back,
//! since a browser takes every status but 200 for the end. Beyond those few,
//! connections are closed without a word.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::network::Network;
use crate::config::{Access, Limits};

/// Connections beyond the limit that are told so, all in all and of one address.
const TOLD: usize = 64;
const TOLD_PER_ADDRESS: usize = 4;

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The server has as many connections as it may have.
    Full,
    /// The address has as many connections as one may have.
    Address,
}

/// Who is here.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    connections: AtomicUsize,
    /// One entry for each address that has something, so no more than there
    /// are connections.
    held: Mutex<HashMap<Network, Held>>,
}

/// What one address has.
#[derive(Debug, Default)]
struct Held {
    connections: usize,
    streams: usize,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    admission: Arc<Admission>,
    /// `None` where nothing is counted for the address.
    network: Option<Network>,
    /// It is here only to be told that it is too many.
    pub refused: Option<Refused>,
}

/// A stream's place; given back when it is dropped.
#[derive(Debug)]
pub struct StreamPermit {
    admission: Arc<Admission>,
    network: Network,
}

impl Admission {
    /// Nobody is here.
    pub(in super::super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            connections: AtomicUsize::new(0),
            held: Mutex::default(),
        })
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// A connection comes. What a trusted proxy has is not counted for its
    /// address: it has as many connections as it has clients.
    ///
    /// # Errors
    ///
    /// [`Refused`] when there is not even a place to be told so.
    pub fn connect(
        self: &Arc<Self>,
        peer: IpAddr,
        access: &Access,
    ) -> Result<ConnectionPermit, Refused> {
        let peer = peer.to_canonical();
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        // From here on its drop gives the place back.
        let mut permit = ConnectionPermit {
            admission: Arc::clone(self),
            network: None,
            refused: None,
        };
        let most = self.limits.max_connections;
        if before >= most.saturating_add(TOLD) {
            return Err(Refused::Full);
        }
        let is_proxy = || access.trusted_proxies.iter().any(|net| net.contains(&peer));
        if self.limits.concerns(peer) && !is_proxy() {
            permit.refused = self.connect_from(Network::of(peer))?;
            permit.network = Some(Network::of(peer));
        }
        if before >= most {
            permit.refused = Some(Refused::Full);
        }
        Ok(permit)
    }

    fn connect_from(&self, network: Network) -> Result<Option<Refused>, Refused> {
        let most = self.limits.max_connections_per_address;
        let mut all = self.lock();
        let held = all.entry(network).or_default();
        if held.connections >= most.saturating_add(TOLD_PER_ADDRESS) {
            return Err(Refused::Address);
        }
        held.connections += 1;
        Ok((held.connections > most).then_some(Refused::Address))
    }

    /// A stream begins. `None` where nothing is counted for the address.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`] when the address has as many as one may have.
    pub(in super::super) fn stream(
        self: &Arc<Self>,
        client: IpAddr,
    ) -> Result<Option<StreamPermit>, Refused> {
        if !self.limits.concerns(client) {
            return Ok(None);
        }
        let network = Network::of(client);
        let mut all = self.lock();
        let held = all.entry(network).or_default();
        if held.streams >= self.limits.max_streams_per_address {
            return Err(Refused::Address);
        }
        held.streams += 1;
        Ok(Some(StreamPermit {
            admission: Arc::clone(self),
            network,
        }))
    }

    fn give_back(&self, network: Network, give: impl FnOnce(&mut Held)) {
        let mut all = self.lock();
        if let Some(held) = all.get_mut(&network) {
            give(held);
            if held.connections == 0 && held.streams == 0 {
                all.remove(&network);
            }
        }
        if all.len() < all.capacity() / 4 {
            all.shrink_to_fit();
        }
    }

    /// A panic under the lock can only come from a bug; the others go on.
    fn lock(&self) -> MutexGuard<'_, HashMap<Network, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.admission.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(network) = self.network {
            self.admission
                .give_back(network, |held| held.connections -= 1);
        }
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.admission
            .give_back(self.network, |held| held.streams -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(change: impl FnOnce(&mut Limits)) -> Arc<Admission> {
        let mut limits = Limits::default();
        change(&mut limits);
        Admission::new(limits)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn refused(permit: &Result<ConnectionPermit, Refused>) -> Option<Refused> {
        permit.as_ref().unwrap().refused
    }

    #[test]
    fn beyond_the_limit_a_few_are_told_and_the_rest_is_closed() {
        let admission = admission(|limits| limits.max_connections = 2);
        let access = Access::default();
        let connect = |last| admission.connect(address(last), &access);
        let mut here: Vec<_> = (0..2).map(connect).collect();
        assert!(here.iter().all(|permit| refused(permit).is_none()));
        here.extend((0..TOLD).map(|last| connect(last as u8)));
        assert!(
            here[2..]
                .iter()
                .all(|permit| refused(permit) == Some(Refused::Full))
        );
        assert_eq!(connect(99).unwrap_err(), Refused::Full);
        assert_eq!(admission.connections(), 2 + TOLD);
        // A place that is given back is had by the next, not by who was told.
        here.truncate(1);
        assert_eq!(refused(&connect(99)), None);
        drop(here);
        assert_eq!(admission.connections(), 0);
        assert!(admission.lock().is_empty());
    }

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let admission = admission(|limits| limits.max_connections_per_address = 1);
        let access = Access {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Access::default()
        };
        let connect = |peer: IpAddr| admission.connect(peer, &access);
        let mut here: Vec<_> = (0..=TOLD_PER_ADDRESS)
            .map(|_| connect(address(1)))
            .collect();
        assert_eq!(refused(&here[0]), None);
        assert!(
            here[1..]
                .iter()
                .all(|permit| refused(permit) == Some(Refused::Address))
        );
        assert_eq!(connect(address(1)).unwrap_err(), Refused::Address);
        assert_eq!(refused(&connect(address(2))), None);
        // This machine and a trusted proxy have as many as they like.
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"] {
            here.extend((0..9).map(|_| connect(peer.parse().unwrap())));
        }
        assert!(here[5..].iter().all(|permit| refused(permit).is_none()));
        drop(here);
        assert!(admission.lock().is_empty());
    }

    #[test]
    fn streams_are_counted_apart_from_connections() {
        let admission = admission(|limits| limits.max_streams_per_address = 2);
        let begin = |client: &str| admission.stream(client.parse().unwrap());
        let first = begin("2001:db8::1").unwrap();
        let _second = begin("2001:db8::2").unwrap();
        assert_eq!(begin("2001:db8::3").unwrap_err(), Refused::Address);
        assert!(begin("2001:db8:0:1::1").unwrap().is_some());
        drop(first);
        assert!(begin("2001:db8::3").is_ok());
        assert!((0..9).all(|_| begin("127.0.0.1").unwrap().is_none()));
    }
}
