//! Tables of token buckets, by the generic cell rate algorithm (GCRA).
//!
//! A table is bounded by its keys: an address, a block or a room is one of 65,536
//! slots, a block wider than an address one of 16,384, by a hash with a secret
//! key. Keys with the same slot share a bucket, and no number of addresses makes a
//! table larger or slower.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::network::Network;
use crate::config::{Block, Limits, Rate};

/// The highest slot of addresses and rooms.
const LAST_SLOT: u16 = u16::MAX;
/// The highest slot of blocks wider than an address, of which there are fewer.
const LAST_WIDE_SLOT: u16 = (1 << 14) - 1;

/// The buckets of one rate.
#[derive(Debug)]
pub(super) struct BucketTable {
    bucket: Gcra,
    /// The theoretical arrival time of each slot that was used.
    arrivals: Mutex<HashMap<u16, u64>>,
    last_slot: u16,
    hasher: RandomState,
}

impl BucketTable {
    /// `None` for more than one token in a nanosecond, which is no limit.
    pub(super) fn new(rate: Rate, burst: NonZeroU32) -> Option<Self> {
        Some(Self {
            bucket: Gcra::new(rate, burst)?,
            arrivals: Mutex::default(),
            last_slot: LAST_SLOT,
            hasher: RandomState::new(),
        })
    }

    /// Takes `count` tokens of the bucket of `key`, at most the burst. `now` is the
    /// time since a start that is the same for all calls.
    ///
    /// # Errors
    ///
    /// The time until there are enough tokens.
    pub(super) fn take(
        &self,
        key: &impl Hash,
        count: NonZeroU32,
        now: Duration,
    ) -> Result<(), Duration> {
        let slot = self.hasher.hash_one(key) as u16 & self.last_slot;
        // A panic under the lock can only come from a bug; the others go on.
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        self.bucket
            .take(arrivals.entry(slot).or_default(), count, nanos(now))
            .map_err(Duration::from_nanos)
    }
}

/// The buckets of one rate by address: a table for each width of block, or `None`
/// without a limit.
#[derive(Debug)]
pub(super) struct AddressBuckets {
    tables: [Option<BucketTable>; Block::ALL.len()],
}

impl AddressBuckets {
    pub(super) fn new(rate: Option<Rate>, burst: NonZeroU32, limits: &Limits) -> Self {
        let tables = Block::ALL.map(|block| {
            let factor = limits.factor_of(block);
            let mut rate = rate?;
            rate.count = rate.count.saturating_mul(factor);
            let mut table = BucketTable::new(rate, burst.saturating_mul(factor))?;
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
    pub(super) fn take(
        &self,
        client: IpAddr,
        count: NonZeroU32,
        now: Duration,
    ) -> Result<(), Duration> {
        for (block, bits) in Network::of(client).blocks() {
            if let Some(table) = &self.tables[block as usize] {
                table.take(&bits, count, now)?;
            }
        }
        Ok(())
    }

    /// The buckets in the table of a block.
    #[cfg(test)]
    pub(super) fn len(&self, block: Block) -> usize {
        self.tables[block as usize]
            .as_ref()
            .map_or(0, |table| table.arrivals.lock().unwrap().len())
    }
}

/// The generic cell rate algorithm. The state of a bucket is one time, at which it
/// is full again: the theoretical arrival time of the next token if all came at
/// the rate. A bucket is full at first, and its state is 0.
///
/// All times are in nanoseconds. Beyond 584 years they saturate.
#[derive(Debug, Clone, Copy)]
struct Gcra {
    /// The time in which a bucket gets a token, at least 1.
    period: u64,
    /// The time in which an empty bucket becomes full.
    window: u64,
}

impl Gcra {
    /// `None` if the period is below a nanosecond.
    fn new(rate: Rate, burst: NonZeroU32) -> Option<Self> {
        let period = nanos(rate.per / rate.count.get());
        (period > 0).then(|| Self {
            period,
            window: period.saturating_mul(burst.get().into()),
        })
    }

    /// Takes `count` tokens, or all of a full bucket, and moves `arrival`.
    ///
    /// # Errors
    ///
    /// The time until there are enough tokens; `arrival` is as before.
    fn take(self, arrival: &mut u64, count: NonZeroU32, now: u64) -> Result<(), u64> {
        let cost = self.period.saturating_mul(count.get().into());
        let cost = cost.min(self.window);
        let until_full = arrival.saturating_sub(now);
        match until_full.saturating_sub(self.window - cost) {
            0 => {
                *arrival = now.saturating_add(until_full).saturating_add(cost);
                Ok(())
            }
            wait => Err(wait),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    /// What a bucket holds, in nanoseconds of refilling: a token is a period.
    struct Model {
        period: u64,
        most: u64,
        held: u64,
        now: u64,
    }

    impl Model {
        fn take(&mut self, count: u32, now: u64) -> Result<(), u64> {
            self.held = (self.held + (now - self.now)).min(self.most);
            self.now = now;
            let cost = self.period * u64::from(count);
            let missing = cost.saturating_sub(self.held);
            if missing > 0 {
                return Err(missing);
            }
            self.held -= cost;
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn a_bucket_is_one_that_refills_continuously(
            per_second in 1..2000u32,
            burst in 1..20u32,
            start in 0..1u64 << 40,
            steps in prop::collection::vec((0..20u32, 0.0..3.0f64), 1..100),
        ) {
            let bucket = Gcra::new(Rate::per_second(count(per_second)), count(burst)).unwrap();
            let most = bucket.period * u64::from(burst);
            let mut model = Model { period: bucket.period, most, held: most, now: start };
            let (mut arrival, mut now) = (0, start);
            for (tokens, periods) in steps {
                now += (periods * bucket.period as f64) as u64;
                let tokens = 1 + tokens % burst;
                let taken = bucket.take(&mut arrival, count(tokens), now);
                prop_assert_eq!(taken, model.take(tokens, now));
                if let Err(wait) = taken {
                    let before = arrival;
                    prop_assert_eq!(bucket.take(&mut arrival, count(tokens), now + wait - 1), Err(1));
                    prop_assert_eq!(arrival, before, "a refusal costs nothing");
                    prop_assert_eq!(bucket.take(&mut arrival, count(tokens), now + wait), Ok(()));
                    prop_assert_eq!(model.take(tokens, now + wait), Ok(()));
                    now += wait;
                }
            }
        }

        #[test]
        fn no_values_overflow_or_give_more_than_the_burst_and_the_rate(
            per in any::<Duration>(),
            rate_count in 1..=u32::MAX,
            burst in 1..=u32::MAX,
            steps in prop::collection::vec((1..=u32::MAX, any::<u64>()), 1..20),
        ) {
            let rate = Rate { per, count: count(rate_count) };
            let Some(bucket) = Gcra::new(rate, count(burst)) else {
                prop_assert!(per.as_nanos() < rate_count.into());
                return Ok(());
            };
            let mut times: Vec<u64> = steps.iter().map(|(_, now)| *now).collect();
            times.sort_unstable();
            let (mut arrival, mut cost) = (0, 0);
            for ((tokens, _), now) in steps.iter().zip(&times) {
                if bucket.take(&mut arrival, count(*tokens), *now).is_ok() {
                    let tokens = u128::from((*tokens).min(burst));
                    cost += (tokens * u128::from(bucket.period)).min(bucket.window.into());
                }
                let refilled = u128::from(*now - times[0]);
                prop_assert!(cost <= refilled + u128::from(bucket.window));
            }
        }
    }

    #[test]
    fn a_rate_beyond_a_nanosecond_is_no_limit() {
        let table = |per, most| {
            BucketTable::new(
                Rate {
                    per,
                    count: count(most),
                },
                count(1),
            )
        };
        assert!(table(Duration::from_nanos(1), 2).is_none());
        assert!(table(Duration::ZERO, 1).is_none());
        assert!(table(Duration::from_secs(1), 1_000_000_001).is_none());
        assert!(table(Duration::from_secs(1), 1_000_000_000).is_some());
        let never = table(Duration::MAX, 1).unwrap();
        assert_eq!(never.take(&0, count(1), Duration::ZERO), Ok(()));
        assert!(
            never
                .take(&0, count(1), Duration::from_secs(1 << 30))
                .is_err()
        );
    }

    #[test]
    fn a_call_with_an_earlier_time_finds_no_more_tokens() {
        let table = BucketTable::new(Rate::per_second(count(1)), count(2)).unwrap();
        let take = |now| table.take(&0, count(1), Duration::from_secs(now));
        assert_eq!((take(10), take(10)), (Ok(()), Ok(())));
        assert_eq!(take(9), Err(Duration::from_secs(2)));
        assert_eq!((take(11), take(10)), (Ok(()), Err(Duration::from_secs(2))));
    }
}
