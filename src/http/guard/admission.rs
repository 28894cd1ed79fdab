//! How many connections and streams there are, in all and of each address. A
//! new one over a limit is refused, an old one is never thrown out.
//!
//! A few connections over the limit are accepted all the same, and only get the
//! answer that the server is full: a stream must learn when to come back, since
//! a browser takes every status but 200 for the end. Beyond those few,
//! connections are closed without an answer.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::held::{Held, Table};
use super::network::Network;
use crate::config::{Access, Block, Limits};

/// Connections beyond the limit that get an answer, in all and of one address.
const TOLD: usize = 64;
const TOLD_PER_ADDRESS: usize = 4;
/// How many more there may be from this machine, so that its health checks get
/// an answer.
const TOLD_HERE: usize = 16;

/// Why a connection, a request or a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The server has as many connections as it may have.
    Full,
    /// The address has as many connections as one may have.
    Address,
}

/// All connections, streams and rooms, counted by address.
#[derive(Debug)]
pub struct Admission {
    pub(super) limits: Limits,
    /// Connections that are served.
    admitted: AtomicUsize,
    /// Connections that only get the answer that the server is full.
    told: AtomicUsize,
    held: Mutex<Table>,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    admission: Arc<Admission>,
    /// `None` where nothing is counted for the address.
    network: Option<Network>,
    /// It only gets the answer that it is one too many.
    pub refused: Option<Refused>,
}

/// The place of a request that a trusted proxy brought; given back when it is
/// dropped.
#[derive(Debug)]
pub(in super::super) struct RequestPermit {
    admission: Arc<Admission>,
    network: Network,
}

/// A stream's place, and that of its rooms; given back when it is dropped.
#[derive(Debug)]
pub struct StreamPermit {
    admission: Arc<Admission>,
    network: Network,
    /// 0 once a [`RoomsPermit`] has them.
    rooms: usize,
}

/// The place of the rooms of a stream that has a name; given back when it is
/// dropped. The name stays in the rooms for a while after the stream, and so
/// must this.
#[derive(Debug)]
pub(in super::super) struct RoomsPermit {
    admission: Arc<Admission>,
    network: Network,
    rooms: usize,
}

impl Admission {
    /// Without connections.
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

    /// A place among the connections that are served, or else among those that
    /// only get an answer.
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
        let limits = &self.limits;
        let most = |block| limits.of_block(block, limits.max_connections_per_address);
        let most_told = |block| limits.of_block(block, TOLD_PER_ADDRESS);
        let mut all = self.lock();
        let gets_an_answer =
            |block, held: Held| held.connections < most(block).saturating_add(most_told(block));
        if !all.all(network, gets_an_answer) {
            return Err(Refused::Address);
        }
        if is_full && !all.all(network, |block, held| held.told < most_told(block)) {
            return Err(Refused::Full);
        }
        let fits = all.all(network, |block, held| held.connections < most(block));
        all.take(network, |held| {
            held.connections += 1;
            held.told += usize::from(is_full);
        });
        Ok((!fits).then_some(Refused::Address))
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
        let most = |block| {
            let most = self.limits.max_connections_per_address;
            self.limits.of_block(block, most)
        };
        self.take(
            network,
            |block, held| held.requests < most(block),
            |held| held.requests += 1,
        )?;
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
        let limits = &self.limits;
        let fits = |block, held: Held| {
            held.streams < limits.of_block(block, limits.max_streams_per_address)
                && held.rooms + rooms <= limits.of_block(block, limits.max_rooms_per_address)
        };
        self.take(network, fits, |held| {
            held.streams += 1;
            held.rooms += rooms;
        })?;
        Ok(Some(StreamPermit {
            admission: Arc::clone(self),
            network,
            rooms,
        }))
    }

    /// Takes of the address and of each block around it, if it fits into all.
    pub(super) fn take(
        &self,
        network: Network,
        fits: impl Fn(Block, Held) -> bool,
        take: impl Fn(&mut Held),
    ) -> Result<(), Refused> {
        let mut all = self.lock();
        if !all.all(network, fits) {
            return Err(Refused::Address);
        }
        all.take(network, take);
        Ok(())
    }

    pub(super) fn give_back(&self, network: Network, give: impl Fn(&mut Held)) {
        self.lock().give_back(network, give);
    }

    /// A panic under the lock can only come from a bug; the others go on.
    fn lock(&self) -> MutexGuard<'_, Table> {
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

impl StreamPermit {
    /// Takes out the place of the rooms, for as long as a name stays in them.
    pub(in super::super) fn split_rooms(&mut self) -> RoomsPermit {
        RoomsPermit {
            admission: Arc::clone(&self.admission),
            network: self.network,
            rooms: std::mem::take(&mut self.rooms),
        }
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

impl Drop for RoomsPermit {
    fn drop(&mut self) {
        let rooms = self.rooms;
        self.admission
            .give_back(self.network, |held| held.rooms -= rooms);
    }
}

#[cfg(test)]
mod tests;
