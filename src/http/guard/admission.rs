//! Limits on connections, requests, streams and rooms, in all and by address. A
//! new one over a limit is refused; an old one is never closed for it.
//!
//! A few connections over the limit are accepted only to answer that the server
//! is full: a stream must get a time to reconnect after, since a status other
//! than 200 ends a browser's EventSource for good. Beyond those few, connections
//! are closed without an answer.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::carrier::{Carrier, CarrierCounts};
use super::network::Network;
use super::usage::{AddressUsage, UsageTable};
use crate::config::{Access, Block, Limits};

/// Connections over the limit that get an answer, in all and per address.
const MAX_REFUSED: usize = 64;
const MAX_REFUSED_PER_ADDRESS: usize = 4;
/// More of them for this machine, so that its health checks get an answer.
const MAX_REFUSED_LOOPBACK: usize = 16;

/// Why a connection, a request or a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The server has `--max-connections`, or `--max-streams`.
    Full,
    /// The address would exceed one of its limits.
    Address,
}

/// The counts of connections, and of streams and rooms by address.
#[derive(Debug)]
pub struct Admission {
    pub(super) limits: Limits,
    /// Connections that are served.
    admitted: AtomicUsize,
    /// Connections that only get the answer that the server is full.
    refused: AtomicUsize,
    /// Event streams.
    streams: AtomicUsize,
    /// Connections and streams of which is known what carries them.
    carried_connections: CarrierCounts,
    carried_streams: CarrierCounts,
    usage: Mutex<UsageTable>,
}

/// Counts a connection until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    admission: Arc<Admission>,
    /// `None` for an address without limits.
    network: Option<Network>,
    carrier: Option<Carrier>,
    /// Set if the connection is only open for the answer that it is refused.
    pub(crate) refused: Option<Refused>,
}

/// Counts a request from a trusted proxy, or over HTTP/2, for its client until it is
/// dropped.
#[derive(Debug)]
pub(in super::super) struct RequestPermit {
    admission: Arc<Admission>,
    network: Network,
}

/// Counts a stream and its rooms until it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    admission: Arc<Admission>,
    /// `None` for an address without limits.
    network: Option<Network>,
    carrier: Option<Carrier>,
    /// Its request counts as long as it does.
    has_request: bool,
    /// 0 once a [`RoomsPermit`] counts them. At most 100: every reader has one of these.
    rooms: u32,
}

/// Counts the rooms of a named stream until it is dropped. The name stays in the
/// rooms for a while after the stream, and so must their count.
#[derive(Debug)]
pub(in super::super) struct RoomsPermit {
    admission: Arc<Admission>,
    network: Network,
    rooms: usize,
}

impl Admission {
    /// Counts no connections yet.
    pub(in super::super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            admitted: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            carried_connections: CarrierCounts::default(),
            carried_streams: CarrierCounts::default(),
            usage: Mutex::default(),
        })
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.admitted.load(Ordering::Relaxed) + self.refused.load(Ordering::Relaxed)
    }

    /// The number of open connections of each carrier, once it is known.
    pub(crate) fn carried_connections(&self) -> impl Iterator<Item = (Carrier, usize)> {
        self.carried_connections.all()
    }

    /// The number of event streams of each carrier.
    pub(crate) fn carried_streams(&self) -> impl Iterator<Item = (Carrier, usize)> {
        self.carried_streams.all()
    }

    /// Admits a connection. One from a trusted proxy does not count for the
    /// proxy's address, which has a connection for each of its clients.
    ///
    /// # Errors
    ///
    /// [`Refused`] when the connection is to be closed without an answer.
    pub(crate) fn connect(
        self: &Arc<Self>,
        peer: IpAddr,
        access: &Access,
    ) -> Result<ConnectionPermit, Refused> {
        let peer = peer.to_canonical();
        let is_counted = self.limits.concerns(peer) && !access.trusts(peer);
        let refused = self.take_place(peer.is_loopback())?;
        // From here on its drop returns the place.
        let mut permit = ConnectionPermit {
            admission: Arc::clone(self),
            network: None,
            carrier: None,
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

    /// Counts a connection among those that are served, else among those that only
    /// get an answer.
    fn take_place(&self, is_loopback: bool) -> Result<Option<Refused>, Refused> {
        if take_one(&self.admitted, self.limits.max_connections) {
            return Ok(None);
        }
        let most = match is_loopback {
            true => MAX_REFUSED + MAX_REFUSED_LOOPBACK,
            false => MAX_REFUSED,
        };
        match take_one(&self.refused, most) {
            true => Ok(Some(Refused::Full)),
            false => Err(Refused::Full),
        }
    }

    fn connect_from(&self, network: Network, is_full: bool) -> Result<Option<Refused>, Refused> {
        let limits = &self.limits;
        let most = |block| limits.of_block(block, limits.max_connections_per_address);
        let most_refused = |block| limits.of_block(block, MAX_REFUSED_PER_ADDRESS);
        let mut all = self.lock();
        let gets_an_answer = |block, usage: AddressUsage| {
            usage.connections < most(block).saturating_add(most_refused(block))
        };
        if !all.all(network, gets_an_answer) {
            return Err(Refused::Address);
        }
        if is_full && !all.all(network, |block, usage| usage.refused < most_refused(block)) {
            return Err(Refused::Full);
        }
        let fits = all.all(network, |block, usage| usage.connections < most(block));
        all.charge(network, |usage| {
            usage.connections += 1;
            usage.refused += usize::from(is_full);
        });
        Ok((!fits).then_some(Refused::Address))
    }

    /// Admits a request that a trusted proxy sends for `client`, or that `client` sends
    /// over HTTP/2, up to `--max-connections-per-address` at a time: each stands for a
    /// connection, and lasts as long as the client makes its proxy or the server wait.
    /// `None` for an address without limits.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`] when the address has the most.
    pub(in super::super) fn request(
        self: &Arc<Self>,
        client: IpAddr,
    ) -> Result<Option<RequestPermit>, Refused> {
        if !self.limits.concerns(client) {
            return Ok(None);
        }
        let network = Network::of(client);
        let most = |block| {
            let most = self.limits.max_connections_per_address;
            self.limits.of_block(block, most)
        };
        self.charge(
            network,
            |block, usage| usage.requests < most(block),
            |usage| usage.requests += 1,
        )?;
        Ok(Some(RequestPermit {
            admission: Arc::clone(self),
            network,
        }))
    }

    /// Admits a stream in `rooms` rooms.
    ///
    /// # Errors
    ///
    /// [`Refused::Full`] when the server has the most streams. [`Refused::Address`] when
    /// the address would have too many streams, or its streams too many rooms.
    pub(in super::super) fn stream(
        self: &Arc<Self>,
        client: IpAddr,
        rooms: usize,
    ) -> Result<StreamPermit, Refused> {
        if !take_one(&self.streams, self.limits.max_streams) {
            return Err(Refused::Full);
        }
        // From here on its drop returns the place.
        let mut permit = StreamPermit {
            admission: Arc::clone(self),
            network: None,
            carrier: None,
            has_request: false,
            rooms: 0,
        };
        if !self.limits.concerns(client) {
            return Ok(permit);
        }
        let network = Network::of(client);
        let limits = &self.limits;
        let fits = |block, usage: AddressUsage| {
            usage.streams < limits.of_block(block, limits.max_streams_per_address)
                && usage.rooms + rooms <= limits.of_block(block, limits.max_rooms_per_address)
        };
        self.charge(network, fits, |usage| {
            usage.streams += 1;
            usage.rooms += rooms;
        })?;
        permit.network = Some(network);
        permit.rooms = u32::try_from(rooms).expect("a stream has at most 100 rooms");
        Ok(permit)
    }

    /// Charges the address and each block around it, if `fits` accepts them all.
    pub(super) fn charge(
        &self,
        network: Network,
        fits: impl Fn(Block, AddressUsage) -> bool,
        add: impl Fn(&mut AddressUsage),
    ) -> Result<(), Refused> {
        let mut all = self.lock();
        if !all.all(network, fits) {
            return Err(Refused::Address);
        }
        all.charge(network, add);
        Ok(())
    }

    pub(super) fn release(&self, network: Network, subtract: impl Fn(&mut AddressUsage)) {
        self.lock().release(network, subtract);
    }

    /// A panic under the lock can only come from a bug; other clients go on.
    fn lock(&self) -> MutexGuard<'_, UsageTable> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds one, if `count` is less than `most`.
fn take_one(count: &AtomicUsize, most: usize) -> bool {
    let more = |count| (count < most).then_some(count + 1);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
        .is_ok()
}

impl ConnectionPermit {
    /// Counts it for what carries it, now that it is known.
    pub(crate) fn set_carrier(&mut self, carrier: Carrier) {
        let before = self.carrier.replace(carrier);
        let counts = &self.admission.carried_connections;
        counts.change(before, self.carrier);
    }
}

impl StreamPermit {
    /// Counts it for what carries it.
    pub(in super::super) fn set_carrier(&mut self, carrier: Carrier) {
        let before = self.carrier.replace(carrier);
        self.admission.carried_streams.change(before, self.carrier);
    }

    /// Splits off the count of the rooms, for as long as the name stays in them. `None`
    /// if they count for no address.
    pub(in super::super) fn split_rooms(&mut self) -> Option<RoomsPermit> {
        Some(RoomsPermit {
            admission: Arc::clone(&self.admission),
            network: self.network?,
            rooms: std::mem::take(&mut self.rooms) as usize,
        })
    }

    /// Counts its request, too, which shares a connection with others.
    pub(in super::super) fn hold(&mut self, request: RequestPermit) {
        if let Some(network) = self.network {
            self.has_request = true;
            // In its place, which is returned with `request`.
            self.admission
                .lock()
                .charge(network, |usage| usage.requests += 1);
        }
        drop(request);
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.admission
            .carried_connections
            .change(self.carrier, None);
        let is_full = self.refused == Some(Refused::Full);
        match is_full {
            true => self.admission.refused.fetch_sub(1, Ordering::Relaxed),
            false => self.admission.admitted.fetch_sub(1, Ordering::Relaxed),
        };
        if let Some(network) = self.network {
            let refused = usize::from(is_full);
            self.admission.release(network, |usage| {
                usage.connections -= 1;
                usage.refused -= refused;
            });
        }
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.admission
            .release(self.network, |usage| usage.requests -= 1);
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.admission.streams.fetch_sub(1, Ordering::Relaxed);
        self.admission.carried_streams.change(self.carrier, None);
        let (rooms, requests) = (self.rooms as usize, usize::from(self.has_request));
        if let Some(network) = self.network {
            self.admission.release(network, |usage| {
                usage.streams -= 1;
                usage.rooms -= rooms;
                usage.requests -= requests;
            });
        }
    }
}

impl Drop for RoomsPermit {
    fn drop(&mut self) {
        let rooms = self.rooms;
        self.admission
            .release(self.network, |usage| usage.rooms -= rooms);
    }
}

#[cfg(test)]
mod tests;
