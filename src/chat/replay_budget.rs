//! How many bytes of replay may be drawn: a rate with a burst, shared by all
//! streams and pages that draw on the same bucket.
//!
//! A bucket is a queue in time (GCRA): each draw reserves the time that its
//! bytes take at the rate, after all draws before it, and learns when its own
//! begins. So waiting readers are served in the order in which they came, each
//! wakes up once for each of its draws, and a bucket is one number for any number
//! of readers. The caller decides which readers share a bucket.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Bytes of replay that may be drawn: a rate, and a burst before it holds.
#[derive(Debug)]
pub struct ReplayBucket {
    /// Bytes a second.
    rate: NonZeroUsize,
    /// The time in which the burst is refilled, in nanoseconds.
    burst: i64,
    /// Where the bucket's clock begins.
    origin: Instant,
    /// Until when the rate is reserved, in nanoseconds after `origin`.
    reserved: AtomicI64,
}

/// What one stream or page may draw: it has to fit into every bucket.
#[derive(Debug, Clone)]
pub struct ReplayBudget(Arc<[Arc<ReplayBucket>]>);

impl ReplayBucket {
    /// A full bucket of `burst` bytes, refilled with `rate` bytes a second.
    pub fn new(rate: NonZeroUsize, burst: usize, now: Instant) -> Self {
        Self {
            rate,
            burst: nanoseconds(rate, burst),
            origin: now,
            reserved: AtomicI64::new(i64::MIN),
        }
    }

    /// Whether nothing is missing from the burst: a new bucket would be the same.
    pub fn is_full(&self, now: Instant) -> bool {
        self.reserved.load(Ordering::Relaxed) <= self.since_origin(now).saturating_sub(self.burst)
    }

    /// Reserves `bytes`. Returns the time from which they may be sent, in
    /// nanoseconds after `now`; 0 or less for at once.
    fn reserve(&self, bytes: usize, now: Instant) -> i64 {
        let (now, cost) = (self.since_origin(now), nanoseconds(self.rate, bytes));
        let begins = |reserved: i64| reserved.max(now.saturating_sub(self.burst));
        let reserve = |reserved| Some(begins(reserved).saturating_add(cost));
        // A number and no more: it orders nothing else.
        let before = self
            .reserved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve)
            .unwrap_or_else(|unchanged| unchanged);
        begins(before).saturating_sub(now)
    }

    fn give_back(&self, bytes: usize) {
        let cost = nanoseconds(self.rate, bytes);
        self.reserved.fetch_sub(cost, Ordering::Relaxed);
    }

    fn since_origin(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.origin);
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// How long `bytes` take at a rate.
fn nanoseconds(rate: NonZeroUsize, bytes: usize) -> i64 {
    let nanoseconds = bytes as u128 * 1_000_000_000 / rate.get() as u128;
    // A year at most, so that the sum of any draws at one time fits into an i64.
    nanoseconds.min(365 * 86_400 * 1_000_000_000) as i64
}

impl ReplayBudget {
    /// A budget that draws on all of these buckets.
    pub fn new(buckets: impl IntoIterator<Item = Arc<ReplayBucket>>) -> Self {
        Self(buckets.into_iter().collect())
    }

    /// Draws `bytes` at once, up to `early` before their turn, or nothing. What
    /// is drawn early is paid for by the draws after it.
    ///
    /// # Errors
    ///
    /// How long there is nothing to be drawn.
    pub fn draw_now(&self, bytes: usize, early: Duration, now: Instant) -> Result<(), Duration> {
        let wait = self.reserve(bytes, now).saturating_duration_since(now);
        if wait <= early {
            return Ok(());
        }
        self.give_back(bytes);
        Err(wait - early)
    }

    /// Reserves `bytes`. Returns when they may be sent.
    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let waits = self.0.iter().map(|bucket| bucket.reserve(bytes, now));
        let wait = waits.max().unwrap_or(0).max(0);
        now + Duration::from_nanos(wait.unsigned_abs())
    }

    fn give_back(&self, bytes: usize) {
        self.0.iter().for_each(|bucket| bucket.give_back(bytes));
    }
}

/// How one stream draws on its budget. What it reserved and did not use is
/// given back when this is dropped.
#[derive(Debug)]
pub(super) struct Draws {
    budget: ReplayBudget,
    /// How many streams wait for their budget, over all of the hub.
    waiting: Arc<AtomicUsize>,
    /// What was reserved and may not be sent yet, with when it may be.
    reserved: Option<(usize, Instant)>,
}

impl Draws {
    pub(super) fn new(budget: ReplayBudget, waiting: &Arc<AtomicUsize>) -> Self {
        Self {
            budget,
            waiting: Arc::clone(waiting),
            reserved: None,
        }
    }

    /// Until when the stream has to wait, if it has to.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let (_, at) = self.reserved?;
        (at > now).then_some(at)
    }

    /// Draws `bytes`: what was waited for first.
    ///
    /// # Errors
    ///
    /// Until when the stream has to wait before it asks again.
    pub(super) fn draw(&mut self, bytes: usize, now: Instant) -> Result<(), Instant> {
        if self.give_up() {
            // It has waited, so what it finds now is sent at once. This may be
            // more than it waited for, where members have joined meanwhile: by
            // at most one look, 64 KiB.
            self.budget.reserve(bytes, now);
            return Ok(());
        }
        let at = self.budget.reserve(bytes, now);
        if at <= now {
            return Ok(());
        }
        self.reserved = Some((bytes, at));
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Err(at)
    }

    /// Gives back `bytes` that were drawn and not sent.
    pub(super) fn give_back(&self, bytes: usize) {
        self.budget.give_back(bytes);
    }

    /// Gives back what is reserved. Whether something was.
    fn give_up(&mut self) -> bool {
        let Some((bytes, _)) = self.reserved.take() else {
            return false;
        };
        self.budget.give_back(bytes);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        true
    }
}

impl Drop for Draws {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bucket(rate: usize, burst: usize, now: Instant) -> Arc<ReplayBucket> {
        let rate = NonZeroUsize::new(rate).unwrap();
        Arc::new(ReplayBucket::new(rate, burst, now))
    }

    fn draws(budget: &ReplayBudget) -> Draws {
        Draws::new(budget.clone(), &Arc::default())
    }

    #[test]
    fn a_burst_is_drawn_at_once_and_then_the_rate_holds() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1000, 5000, now)]);
        let drawn = (0..100).take_while(|_| budget.draw_now(500, Duration::ZERO, now).is_ok());
        // The last one begins when the burst is spent to the byte.
        assert_eq!(drawn.count(), 11);
        assert_eq!(budget.draw_now(500, Duration::ZERO, now), Err(SECOND / 2));
        let mut drawn = 0;
        for tenth in 1..=100 {
            let now = now + SECOND / 10 * tenth;
            drawn += usize::from(budget.draw_now(500, Duration::ZERO, now).is_ok());
        }
        assert_eq!(drawn, 20, "10 s at 1000 bytes a second");
    }

    #[test]
    fn streams_wait_in_the_order_in_which_they_came() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1000, 0, now)]);
        let mut streams: Vec<Draws> = (0..4).map(|_| draws(&budget)).collect();
        let drawn: Vec<_> = streams.iter_mut().map(|s| s.draw(1000, now)).collect();
        let at = |secs: u32| Err(now + SECOND * secs);
        assert_eq!(drawn, [Ok(()), at(1), at(2), at(3)]);
        assert_eq!(streams[2].waits_until(now + SECOND), Some(now + 2 * SECOND));
        assert_eq!(streams[2].waits_until(now + 2 * SECOND), None);
        assert_eq!(streams[2].draw(1000, now + 2 * SECOND), Ok(()));
    }

    #[test]
    fn a_reservation_that_is_not_used_is_given_back() {
        let now = Instant::now();
        let bucket = bucket(1000, 0, now);
        let budget = ReplayBudget::new([Arc::clone(&bucket)]);
        let waiting = Arc::new(AtomicUsize::new(0));
        assert_eq!(draws(&budget).draw(1000, now), Ok(()));
        let mut stream = Draws::new(budget.clone(), &waiting);
        assert_eq!(stream.draw(9000, now), Err(now + SECOND));
        assert_eq!(waiting.load(Ordering::Relaxed), 1);
        drop(stream);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
        assert_eq!(budget.draw_now(1, Duration::ZERO, now), Err(SECOND));
        assert!(!bucket.is_full(now) && bucket.is_full(now + SECOND));
    }

    #[test]
    fn a_draw_that_may_be_early_is_not_starved_by_streams_that_wait() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1000, 0, now)]);
        let mut streams = [draws(&budget), draws(&budget)];
        assert_eq!(streams[0].draw(500, now), Ok(()));
        let mut drawn = 0;
        // There is always a stream that waits, so nothing is ever due at once.
        for half in 0..20 {
            let now = now + SECOND / 2 * half;
            for stream in &mut streams {
                if stream.waits_until(now).is_none() {
                    let _ = stream.draw(500, now);
                }
            }
            assert!(budget.draw_now(1, Duration::ZERO, now).is_err());
            drawn += 500 * usize::from(budget.draw_now(500, SECOND, now).is_ok());
        }
        // It has a part of the rate, and is accounted for.
        assert!((1000..=10_000).contains(&drawn), "{drawn}");
        let wait = budget.draw_now(1, Duration::ZERO, now).unwrap_err();
        assert_eq!(budget.draw_now(1, SECOND, now), Err(wait - SECOND));
    }

    #[test]
    fn all_buckets_of_a_budget_have_to_hold_it() {
        let now = Instant::now();
        let (small, large) = (bucket(1000, 0, now), bucket(4000, 0, now));
        let one = ReplayBudget::new([Arc::clone(&small), Arc::clone(&large)]);
        let other = ReplayBudget::new([bucket(1000, 0, now), large]);
        assert_eq!(one.draw_now(2000, Duration::ZERO, now), Ok(()));
        assert_eq!(one.draw_now(1000, Duration::ZERO, now), Err(2 * SECOND));
        assert_eq!(other.draw_now(1000, Duration::ZERO, now), Err(SECOND / 2));
    }

    #[test]
    fn the_largest_draws_at_the_smallest_rate_overflow_nothing() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1, usize::MAX, now)]);
        for _ in 0..9 {
            budget.reserve(usize::MAX, now);
        }
        (0..9).for_each(|_| budget.give_back(usize::MAX));
        assert!(budget.draw_now(1, Duration::ZERO, now).is_ok());
    }
}
