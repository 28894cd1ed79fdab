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
/// How many more there may be from this machine: whoever asks from there how
/// the server is gets an answer.
const TOLD_HERE: usize = 16;

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
    /// Connections that are let in.
    admitted: AtomicUsize,
    /// Connections that are only told that the server is full.
    told: AtomicUsize,
    /// One entry for each address that has something, so no more than there
    /// are connections.
    held: Mutex<HashMap<Network, Held>>,
}

/// What one address has.
#[derive(Debug, Default)]
struct Held {
    connections: usize,
    /// How many of them are told that the server is full.
    told: usize,
    /// Requests that trusted proxies brought, and that are not done.
    requests: usize,
    streams: usize,
    /// The rooms of these streams, each as often as a stream is in it.
    rooms: usize,
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

/// The place of a request that a trusted proxy brought; given back when it is
/// dropped.
#[derive(Debug)]
pub(in super::super) struct RequestPermit {
    admission: Arc<Admission>,
    network: Network,
}

/// A stream's place; given back when it is dropped.
#[derive(Debug)]
pub struct StreamPermit {
    admission: Arc<Admission>,
    network: Network,
    rooms: usize,
}

impl Admission {
    /// Nobody is here.
    pub(in super::super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            admitted: AtomicUsize::new(0),
            told: AtomicUsize::new(0),
            held: Mutex::default(),
        })
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.admitted.load(Ordering::Relaxed) + self.told.load(Ordering::Relaxed)
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
        let is_counted = self.limits.concerns(peer) && !access.trusts(peer);
        let refused = self.take_place(peer.is_loopback())?;
        // From here on its drop gives the place back.
        let mut permit = ConnectionPermit {
            admission: Arc::clone(self),
            network: None,
            refused,
        };
        if is_counted {
            let network = Network::of(peer);
            let of_address = self.connect_from(network, refused.is_some())?;
            permit.network = Some(network);
            permit.refused = refused.or(of_address);
        }
        Ok(permit)
    }

    /// A place among those who are let in, or else among those who are told.
    fn take_place(&self, is_here: bool) -> Result<Option<Refused>, Refused> {
        if take_one(&self.admitted, self.limits.max_connections) {
            return Ok(None);
        }
        let told = if is_here { TOLD + TOLD_HERE } else { TOLD };
        match take_one(&self.told, told) {
            true => Ok(Some(Refused::Full)),
            false => Err(Refused::Full),
        }
    }

    fn connect_from(&self, network: Network, is_full: bool) -> Result<Option<Refused>, Refused> {
        let most = self.limits.max_connections_per_address;
        let mut all = self.lock();
        let held = all.entry(network).or_default();
        if held.connections >= most.saturating_add(TOLD_PER_ADDRESS) {
            return Err(Refused::Address);
        }
        if is_full && held.told >= TOLD_PER_ADDRESS {
            // It holds places, so its entry is not an empty one.
            return Err(Refused::Full);
        }
        held.connections += 1;
        held.told += usize::from(is_full);
        Ok((held.connections > most).then_some(Refused::Address))
    }

    /// A trusted proxy asks for `client`. As many requests of one address may be
    /// under way as it may have connections of its own: each is one to here,
    /// and lasts as long as the client lets its proxy wait. `None` where nothing
    /// is counted for the address.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`] when it has as many.
    pub(in super::super) fn request(
        self: &Arc<Self>,
        client: IpAddr,
    ) -> Result<Option<RequestPermit>, Refused> {
        if !self.limits.concerns(client) {
            return Ok(None);
        }
        let network = Network::of(client);
        let mut all = self.lock();
        let held = all.entry(network).or_default();
        if held.requests >= self.limits.max_connections_per_address {
            // It has some, so its entry is not an empty one.
            return Err(Refused::Address);
        }
        held.requests += 1;
        Ok(Some(RequestPermit {
            admission: Arc::clone(self),
            network,
        }))
    }

    /// A stream begins. `None` where nothing is counted for the address.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`] when the address has as many as one may have, or
    /// they are in as many rooms.
    pub(in super::super) fn stream(
        self: &Arc<Self>,
        client: IpAddr,
        rooms: usize,
    ) -> Result<Option<StreamPermit>, Refused> {
        if !self.limits.concerns(client) {
            return Ok(None);
        }
        let network = Network::of(client);
        let mut all = self.lock();
        let held = all.entry(network).or_default();
        let fits = held.streams < self.limits.max_streams_per_address
            && held.rooms + rooms <= self.limits.max_rooms_per_address;
        if !fits {
            if held.is_empty() {
                all.remove(&network);
            }
            return Err(Refused::Address);
        }
        held.streams += 1;
        held.rooms += rooms;
        Ok(Some(StreamPermit {
            admission: Arc::clone(self),
            network,
            rooms,
        }))
    }

    fn give_back(&self, network: Network, give: impl FnOnce(&mut Held)) {
        let mut all = self.lock();
        if let Some(held) = all.get_mut(&network) {
            give(held);
            if held.is_empty() {
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

/// One more, if there are fewer than `most`.
fn take_one(count: &AtomicUsize, most: usize) -> bool {
    let more = |count| (count < most).then_some(count + 1);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
        .is_ok()
}

impl Held {
    fn is_empty(&self) -> bool {
        self.connections == 0 && self.requests == 0 && self.streams == 0
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let is_told = self.refused == Some(Refused::Full);
        match is_told {
            true => self.admission.told.fetch_sub(1, Ordering::Relaxed),
            false => self.admission.admitted.fetch_sub(1, Ordering::Relaxed),
        };
        if let Some(network) = self.network {
            let told = usize::from(is_told);
            self.admission.give_back(network, |held| {
                held.connections -= 1;
                held.told -= told;
            });
        }
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.admission
            .give_back(self.network, |held| held.requests -= 1);
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let rooms = self.rooms;
        self.admission.give_back(self.network, |held| {
            held.streams -= 1;
            held.rooms -= rooms;
        });
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
        here.extend((0..TOLD).map(|last| connect(last as u8 + 2)));
        assert!(
            here[2..]
                .iter()
                .all(|permit| refused(permit) == Some(Refused::Full))
        );
        assert_eq!(connect(99).unwrap_err(), Refused::Full);
        assert_eq!(admission.connections(), 2 + TOLD);
        // A place that is given back is had by the next, whoever is still told.
        drop(here.remove(0));
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
    fn one_address_takes_no_more_than_a_few_of_the_places_to_be_told() {
        let admission = admission(|limits| limits.max_connections = 1);
        let access = Access::default();
        let connect = |peer: &str| admission.connect(peer.parse().unwrap(), &access);
        let mut here = vec![connect("192.0.2.1").unwrap()];
        for _ in 0..TOLD_PER_ADDRESS {
            here.push(connect("192.0.2.1").unwrap());
        }
        assert_eq!(connect("192.0.2.1").unwrap_err(), Refused::Full);
        assert_eq!(refused(&connect("192.0.2.2")), Some(Refused::Full));
        // This machine finds a place where nobody else does.
        for host in 2..62u8 {
            here.push(connect(&format!("198.51.100.{host}")).unwrap());
        }
        assert!(connect("192.0.2.3").is_err());
        assert_eq!(refused(&connect("127.0.0.1")), Some(Refused::Full));
        drop(here);
        assert!(admission.lock().is_empty());
    }

    #[test]
    fn an_address_is_in_so_many_rooms() {
        let admission = admission(|limits| limits.max_rooms_per_address = 100);
        let begin = |rooms| admission.stream(address(1), rooms);
        let most = begin(60).unwrap();
        assert_eq!(begin(41).unwrap_err(), Refused::Address);
        let rest = begin(40).unwrap();
        drop(most);
        assert!(begin(60).is_ok());
        drop(rest);
        assert!(begin(101).is_err());
        assert!(admission.lock().is_empty());
    }

    #[test]
    fn requests_through_proxies_are_as_many_as_connections_would_be() {
        let admission = admission(|limits| limits.max_connections_per_address = 2);
        let ask = |client: &str| admission.request(client.parse().unwrap());
        let first = ask("192.0.2.1").unwrap();
        let second = ask("192.0.2.1").unwrap();
        assert_eq!(ask("192.0.2.1").unwrap_err(), Refused::Address);
        assert!(ask("192.0.2.2").unwrap().is_some());
        drop(first);
        let third = ask("192.0.2.1").unwrap();
        assert!((0..9).all(|_| ask("127.0.0.1").unwrap().is_none()));
        drop((second, third));
        assert!(admission.lock().is_empty());
    }

    #[test]
    fn streams_are_counted_apart_from_connections() {
        let admission = admission(|limits| limits.max_streams_per_address = 2);
        let begin = |client: &str| admission.stream(client.parse().unwrap(), 1);
        let first = begin("2001:db8::1").unwrap();
        let _second = begin("2001:db8::2").unwrap();
        assert_eq!(begin("2001:db8::3").unwrap_err(), Refused::Address);
        assert!(begin("2001:db8:0:1::1").unwrap().is_some());
        drop(first);
        assert!(begin("2001:db8::3").is_ok());
        assert!((0..9).all(|_| begin("127.0.0.1").unwrap().is_none()));
    }
}
