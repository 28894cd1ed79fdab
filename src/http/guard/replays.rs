//! The replay budget of each address: bytes out of history, on streams and on
//! history pages.
//!
//! The table is bounded like those of [`super::rates`]: an address, and each
//! block around it, is one of 65,536 slots of its kind, by a hash with a secret
//! key.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::network::Network;
use crate::chat::{ReplayBucket, ReplayBudget};
use crate::config::{Block, Limits};

/// Full buckets are dropped only when the table has more buckets than this, and
/// twice as many as after the last time.
const MIN_SWEEP: usize = 64;

/// The replay budgets of all addresses.
#[derive(Debug)]
pub(in super::super) struct ReplayBudgets {
    limits: Limits,
    hasher: RandomState,
    buckets: Mutex<ReplayBuckets>,
}

/// ReplayBuckets that a stream draws on, or that are not full again.
#[derive(Debug, Default)]
struct ReplayBuckets {
    by_slot: HashMap<(Block, u16), Arc<ReplayBucket>>,
    /// The buckets that were left when full ones were last dropped.
    left: usize,
}

impl ReplayBudgets {
    pub(in super::super) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            hasher: RandomState::new(),
            buckets: Mutex::default(),
        }
    }

    /// The budget of `client`, charged to its address and the blocks around it;
    /// `None` without a limit.
    pub(in super::super) fn of(&self, client: IpAddr, now: Instant) -> Option<ReplayBudget> {
        let rate = self.limits.replay_rate?;
        if !self.limits.concerns(client) {
            return None;
        }
        // A panic under the lock can only come from a bug; other clients go on.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.drop_full(now);
        let drawn = Network::of(client).blocks().map(|(block, bits)| {
            let slot = self.hasher.hash_one(bits) as u16;
            let rate = self.limits.of_block(block, rate.get());
            let rate = NonZeroUsize::new(rate).unwrap_or(NonZeroUsize::MAX);
            let burst = self.limits.of_block(block, self.limits.replay_burst);
            let new = || Arc::new(ReplayBucket::new(rate, burst, now));
            Arc::clone(buckets.by_slot.entry((block, slot)).or_insert_with(new))
        });
        Some(ReplayBudget::new(drawn))
    }
}

impl ReplayBuckets {
    fn drop_full(&mut self, now: Instant) {
        if self.by_slot.len() < 2 * self.left.max(MIN_SWEEP / 2) {
            return;
        }
        let is_used = |bucket: &Arc<ReplayBucket>| Arc::strong_count(bucket) > 1;
        self.by_slot
            .retain(|_, bucket| is_used(bucket) || !bucket.is_full(now));
        self.by_slot.shrink_to(MIN_SWEEP);
        self.left = self.by_slot.len();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn replays(change: impl FnOnce(&mut Limits)) -> ReplayBudgets {
        let mut limits = Limits {
            replay_rate: NonZeroUsize::new(1024),
            replay_burst: 4096,
            ..Limits::default()
        };
        change(&mut limits);
        ReplayBudgets::new(&limits)
    }

    fn draw(replays: &ReplayBudgets, client: &str, bytes: usize, now: Instant) -> bool {
        let budget = replays.of(client.parse().unwrap(), now);
        budget.is_none_or(|budget| budget.draw_now(bytes, Duration::ZERO, now).is_ok())
    }

    #[test]
    fn an_address_has_one_budget_over_all_its_connections() {
        let (replays, now) = (replays(|_| {}), Instant::now());
        assert!(draw(&replays, "2001:db8::1", 5000, now));
        assert!(!draw(&replays, "2001:db8::2", 1, now), "the same /64");
        assert!(draw(&replays, "192.0.2.1", 5000, now));
        let later = now + Duration::from_secs(1);
        assert!(draw(&replays, "2001:db8::1", 1, later));
    }

    #[test]
    fn a_slash_56_and_a_slash_48_have_a_multiple_of_one_budget() {
        let (replays, now) = (replays(|_| {}), Instant::now());
        let whole_budgets = |of: &dyn Fn(u32) -> String| {
            (0..64)
                .take_while(|subnet| draw(&replays, &of(*subnet), 4097, now))
                .count()
        };
        let in_one_slash_56 = whole_budgets(&|subnet| format!("2001:db8:1:{subnet:x}::1"));
        assert_eq!(in_one_slash_56, 4);
        let in_one_slash_48 = whole_budgets(&|subnet| format!("2001:db8:2:{subnet:x}00::1"));
        assert_eq!(in_one_slash_48, 8);
        assert!(draw(&replays, "2001:db8:3::1", 4097, now), "another /48");
    }

    #[test]
    fn this_machine_and_a_server_without_a_rate_are_not_limited() {
        let now = Instant::now();
        let limited = replays(|_| {});
        assert!((0..9).all(|_| draw(&limited, "127.0.0.1", 1 << 20, now)));
        let loopback = replays(|limits| limits.limit_loopback = true);
        assert!(!(0..9).all(|_| draw(&loopback, "127.0.0.1", 1 << 20, now)));
        let free = replays(|limits| limits.replay_rate = None);
        assert!((0..9).all(|_| draw(&free, "192.0.2.1", 1 << 20, now)));
    }

    #[test]
    fn a_bucket_is_kept_until_it_is_full_again() {
        let (replays, now) = (replays(|_| {}), Instant::now());
        let held = replays.of("192.0.2.1".parse().unwrap(), now);
        for network in 0..1000u32 {
            let client = IpAddr::from((0x0B00_0000 + network).to_be_bytes());
            let budget = replays.of(client, now).unwrap();
            assert!(budget.draw_now(1, Duration::ZERO, now).is_ok());
        }
        let count = || replays.buckets.lock().unwrap().by_slot.len();
        assert!(count() > 900, "{}", count());
        let later = now + Duration::from_secs(1);
        for network in 0..1000u32 {
            let client = IpAddr::from((0x0C00_0000 + network).to_be_bytes());
            replays.of(client, later);
        }
        assert!(count() <= 1000, "{}", count());
        drop(held);
    }
}
