//! Tables of token buckets (GCRA, by the crate governor).
//!
//! A table is bounded by its keys: an address, a block or a room is one of 65,536
//! slots, a block wider than an address one of 16,384, by a hash with a secret
//! key. Keys with the same slot share a bucket, and no number of addresses makes a
//! table larger or slower.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::network::Network;
use crate::config::{Block, Limits, Rate};

/// The highest slot of addresses and rooms.
const LAST_SLOT: u16 = u16::MAX;
/// The highest slot of blocks wider than an address, of which there are fewer.
const LAST_WIDE_SLOT: u16 = (1 << 14) - 1;

type Limiter<C> =
    RateLimiter<u16, HashMapStateStore<u16>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The buckets of one rate.
#[derive(Debug)]
pub(super) struct BucketTable<C: Clock> {
    limiter: Limiter<C>,
    last_slot: u16,
    hasher: RandomState,
    clock: C,
}

impl<C: Clock + Clone> BucketTable<C> {
    /// `None` for a rate beyond the clock's resolution.
    pub(super) fn new(rate: Rate, burst: NonZeroU32, clock: &C) -> Option<Self> {
        Some(Self {
            limiter: RateLimiter::new(
                Quota::with_period(rate.per / rate.count.get())?.allow_burst(burst),
                HashMapStateStore::default(),
                clock.clone(),
            ),
            last_slot: LAST_SLOT,
            hasher: RandomState::new(),
            clock: clock.clone(),
        })
    }

    /// Takes `count` tokens of the bucket of `key`, at most the burst.
    ///
    /// # Errors
    ///
    /// The time until there are enough tokens.
    pub(super) fn take(&self, key: &impl Hash, count: NonZeroU32) -> Result<(), Duration> {
        let slot = self.hasher.hash_one(key) as u16 & self.last_slot;
        match self.limiter.check_key_n(&slot, count) {
            Ok(Err(not_until)) => Err(not_until.wait_time_from(self.clock.now())),
            // The count never exceeds the burst.
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }
}

/// The buckets of one rate by address: a table for each width of block, or `None`
/// without a limit.
#[derive(Debug)]
pub(super) struct AddressBuckets<C: Clock> {
    tables: [Option<BucketTable<C>>; Block::ALL.len()],
}

impl<C: Clock + Clone> AddressBuckets<C> {
    pub(super) fn new(rate: Option<Rate>, burst: NonZeroU32, limits: &Limits, clock: &C) -> Self {
        let tables = Block::ALL.map(|block| {
            let factor = limits.factor_of(block);
            let mut rate = rate?;
            rate.count = rate.count.saturating_mul(factor);
            let mut table = BucketTable::new(rate, burst.saturating_mul(factor), clock)?;
            if block != Block::Address {
                table.last_slot = LAST_WIDE_SLOT;
            }
            Some(table)
        });
        Self { tables }
    }

    /// Takes `count` tokens of the address first, then of the blocks around it: an
    /// address over its rate costs its neighbours nothing beyond its own share.
    ///
    /// # Errors
    ///
    /// The time until the first of them has enough tokens.
    pub(super) fn take(&self, client: IpAddr, count: NonZeroU32) -> Result<(), Duration> {
        for (block, bits) in Network::of(client).blocks() {
            if let Some(table) = &self.tables[block as usize] {
                table.take(&bits, count)?;
            }
        }
        Ok(())
    }

    /// The buckets in the table of a block.
    #[cfg(test)]
    pub(super) fn len(&self, block: Block) -> usize {
        self.tables[block as usize]
            .as_ref()
            .map_or(0, |table| table.limiter.len())
    }
}
