//! What each address has now: connections, requests, streams, rooms, and memory
//! for large heads. A limit by address is checked for the address and for each
//! block around it, and is taken in all of them or in none.

use std::collections::HashMap;

use super::network::Network;
use crate::config::Block;

/// What one address, or one block of addresses, has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) connections: usize,
    /// How many of them only get the answer that the server is full.
    pub(super) told: usize,
    /// Requests that trusted proxies brought, and that are not done.
    pub(super) requests: usize,
    pub(super) streams: usize,
    /// The rooms of these streams, each as often as a stream is in it; and
    /// those in which a name stays for a while after its last stream.
    pub(super) rooms: usize,
    /// Bytes of the memory for large heads.
    pub(super) head_bytes: usize,
}

/// An entry for each address and block that has something, so there are at the
/// most three for each connection, stream and stay.
#[derive(Debug, Default)]
pub(super) struct Table {
    blocks: [HashMap<u64, Held>; Block::ALL.len()],
}

impl Table {
    /// Whether `holds` is true of the address and of each block around it.
    pub(super) fn all(&self, network: Network, holds: impl Fn(Block, Held) -> bool) -> bool {
        network.blocks().all(|(block, bits)| {
            let held = self.blocks[block as usize].get(&bits);
            holds(block, held.copied().unwrap_or_default())
        })
    }

    /// Adds to the address and to each block around it.
    pub(super) fn take(&mut self, network: Network, take: impl Fn(&mut Held)) {
        for (block, bits) in network.blocks() {
            take(self.blocks[block as usize].entry(bits).or_default());
        }
    }

    /// Subtracts from the address and from each block around it.
    pub(super) fn give_back(&mut self, network: Network, give: impl Fn(&mut Held)) {
        for (block, bits) in network.blocks() {
            let all = &mut self.blocks[block as usize];
            if let Some(held) = all.get_mut(&bits) {
                give(held);
                if *held == Held::default() {
                    all.remove(&bits);
                }
            }
            if all.len() < all.capacity() / 4 {
                all.shrink_to_fit();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.iter().all(HashMap::is_empty)
    }
}
