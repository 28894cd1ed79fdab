//! Counts by address: connections, requests, streams, rooms, and head bytes. A
//! limit applies to the address and to each block around it, and all of them are
//! charged or none.

use std::collections::HashMap;

use super::network::Network;
use crate::config::Block;

/// The usage of one address or one block of addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AddressUsage {
    pub(super) connections: usize,
    /// The connections among them that are open only for a refusal.
    pub(super) refused: usize,
    /// Requests from trusted proxies that are not done.
    pub(super) requests: usize,
    pub(super) streams: usize,
    /// The rooms of these streams, once per stream; and those in which a member
    /// stays for a while after the last stream.
    pub(super) rooms: usize,
    /// Bytes of large heads.
    pub(super) head_bytes: usize,
}

/// One entry per address and block in use: at most three per connection, stream
/// and stay.
#[derive(Debug, Default)]
pub(super) struct UsageTable {
    blocks: [HashMap<u64, AddressUsage>; Block::ALL.len()],
}

impl UsageTable {
    /// Whether `holds` accepts the address and each block around it.
    pub(super) fn all(
        &self,
        network: Network,
        holds: impl Fn(Block, AddressUsage) -> bool,
    ) -> bool {
        network.blocks().all(|(block, bits)| {
            let usage = self.blocks[block as usize].get(&bits);
            holds(block, usage.copied().unwrap_or_default())
        })
    }

    /// Adds to the address and to each block around it.
    pub(super) fn charge(&mut self, network: Network, add: impl Fn(&mut AddressUsage)) {
        for (block, bits) in network.blocks() {
            add(self.blocks[block as usize].entry(bits).or_default());
        }
    }

    /// Subtracts from the address and from each block around it.
    pub(super) fn release(&mut self, network: Network, subtract: impl Fn(&mut AddressUsage)) {
        for (block, bits) in network.blocks() {
            let all = &mut self.blocks[block as usize];
            if let Some(usage) = all.get_mut(&bits) {
                subtract(usage);
                if *usage == AddressUsage::default() {
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
