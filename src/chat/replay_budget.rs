//! Rate limits on bytes of replay: a rate with a burst, shared by all streams and
//! history pages that draw from the same bucket.
//!
//! A bucket is a GCRA: each draw reserves the time that its bytes take at the
//! rate, after all earlier draws, and gets the start of that time. So waiting
//! readers are served in their order of arrival, each wakes up once per draw, and
//! a bucket is one number for any number of readers. The caller decides which
//! readers share a bucket.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A rate of bytes of replay, with a burst.
#[derive(Debug)]
pub(crate) struct ReplayBucket {
    /// Bytes per second.
    rate: NonZeroUsize,
    /// The time to refill the burst, in nanoseconds.
    burst: i64,
    /// The start of the bucket's clock.
    origin: Instant,
    /// The end of the reserved time, in nanoseconds after `origin`.
    reserved: AtomicI64,
}

/// The buckets that one stream or page draws from. A draw has to fit into all.
#[derive(Debug, Clone)]
pub(crate) struct ReplayBudget(Arc<[Arc<ReplayBucket>]>);

impl ReplayBucket {
    /// A full bucket of `burst` bytes, refilled with `rate` bytes per second.
    pub(crate) fn new(rate: NonZeroUsize, burst: usize, now: Instant) -> Self {
        Self {
            rate,
            burst: nanoseconds(rate, burst),
            origin: now,
            reserved: AtomicI64::new(i64::MIN),
        }
    }

    /// Whether the whole burst is available, as in a new bucket.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.reserved.load(Ordering::Relaxed) <= self.since_origin(now).saturating_sub(self.burst)
    }

    /// Reserves `bytes`. Returns when they may be sent, in nanoseconds after `now`;
    /// 0 or less is at once.
    fn reserve(&self, bytes: usize, now: Instant) -> i64 {
        let (now, cost) = (self.since_origin(now), nanoseconds(self.rate, bytes));
        let begins = |reserved: i64| reserved.max(now.saturating_sub(self.burst));
        let reserve = |reserved| Some(begins(reserved).saturating_add(cost));
        // Relaxed: no other memory depends on this number.
        let before = self
            .reserved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve)
            .unwrap_or_else(|unchanged| unchanged);
        begins(before).saturating_sub(now)
    }

    fn refund(&self, bytes: usize) {
        let cost = nanoseconds(self.rate, bytes);
        self.reserved.fetch_sub(cost, Ordering::Relaxed);
    }

    fn since_origin(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.origin);
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// How long `bytes` take at `rate`.
fn nanoseconds(rate: NonZeroUsize, bytes: usize) -> i64 {
    let nanoseconds = bytes as u128 * 1_000_000_000 / rate.get() as u128;
    // At most a year, so that sums of draws fit into an i64.
    nanoseconds.min(365 * 86_400 * 1_000_000_000) as i64
}

impl ReplayBudget {
    /// A budget that draws from all of `buckets`.
    pub(crate) fn new(buckets: impl IntoIterator<Item = Arc<ReplayBucket>>) -> Self {
        Self(buckets.into_iter().collect())
    }

    /// Draws `bytes` if they may be sent within `early` from now, else nothing.
    /// Later draws wait accordingly longer.
    ///
    /// # Errors
    ///
    /// How long to wait until the draw succeeds.
    pub(crate) fn draw_now(
        &self,
        bytes: usize,
        early: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        let wait = self.reserve(bytes, now).saturating_duration_since(now);
        if wait <= early {
            return Ok(());
        }
        self.refund(bytes);
        Err(wait - early)
    }

    /// Reserves `bytes`. Returns when they may be sent.
    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let waits = self.0.iter().map(|bucket| bucket.reserve(bytes, now));
        let wait = waits.max().unwrap_or(0).max(0);
        now + Duration::from_nanos(wait.unsigned_abs())
    }

    fn refund(&self, bytes: usize) {
        self.0.iter().for_each(|bucket| bucket.refund(bytes));
    }
}

/// One stream's draws from its budget, with at most one reservation at a time. An
/// unused reservation is refunded on drop.
#[derive(Debug)]
pub(super) struct BudgetReservation {
    budget: ReplayBudget,
    /// The number of waiting streams of the hub.
    waiting: Arc<AtomicUsize>,
    /// The reserved bytes, and when they may be sent.
    reserved: Option<(usize, Instant)>,
}

impl BudgetReservation {
    pub(super) fn new(budget: ReplayBudget, waiting: &Arc<AtomicUsize>) -> Self {
        Self {
            budget,
            waiting: Arc::clone(waiting),
            reserved: None,
        }
    }

    /// The time at which the reserved bytes may be sent. `None` if nothing is
    /// reserved or that time has come.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let (_, at) = self.reserved?;
        (at > now).then_some(at)
    }

    /// Draws `bytes`, or reserves them if they have to wait. After the wait the
    /// next draw succeeds at once.
    ///
    /// # Errors
    ///
    /// When to call this again.
    pub(super) fn draw(&mut self, bytes: usize, now: Instant) -> Result<(), Instant> {
        if self.cancel() {
            // The stream has waited, so its batch is sent at once. It can be
            // larger than the reservation, if members have joined meanwhile: by
            // at most one batch of 64 KiB.
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

    /// Refunds `bytes` that were drawn and not sent.
    pub(super) fn refund(&self, bytes: usize) {
        self.budget.refund(bytes);
    }

    /// Refunds the reservation. Returns whether there was one.
    fn cancel(&mut self) -> bool {
        let Some((bytes, _)) = self.reserved.take() else {
            return false;
        };
        self.budget.refund(bytes);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        true
    }
}

impl Drop for BudgetReservation {
    fn drop(&mut self) {
        self.cancel();
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

    fn reservation(budget: &ReplayBudget) -> BudgetReservation {
        BudgetReservation::new(budget.clone(), &Arc::default())
    }

    #[test]
    fn a_burst_is_drawn_at_once_and_then_the_rate_applies() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1000, 5000, now)]);
        let drawn = (0..100).take_while(|_| budget.draw_now(500, Duration::ZERO, now).is_ok());
        // The last draw starts when the burst is used up exactly.
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
    fn streams_wait_in_their_order_of_arrival() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1000, 0, now)]);
        let mut streams: Vec<BudgetReservation> = (0..4).map(|_| reservation(&budget)).collect();
        let drawn: Vec<_> = streams.iter_mut().map(|s| s.draw(1000, now)).collect();
        let at = |secs: u32| Err(now + SECOND * secs);
        assert_eq!(drawn, [Ok(()), at(1), at(2), at(3)]);
        assert_eq!(streams[2].waits_until(now + SECOND), Some(now + 2 * SECOND));
        assert_eq!(streams[2].waits_until(now + 2 * SECOND), None);
        assert_eq!(streams[2].draw(1000, now + 2 * SECOND), Ok(()));
    }

    #[test]
    fn an_unused_reservation_is_refunded() {
        let now = Instant::now();
        let bucket = bucket(1000, 0, now);
        let budget = ReplayBudget::new([Arc::clone(&bucket)]);
        let waiting = Arc::new(AtomicUsize::new(0));
        assert_eq!(reservation(&budget).draw(1000, now), Ok(()));
        let mut stream = BudgetReservation::new(budget.clone(), &waiting);
        assert_eq!(stream.draw(9000, now), Err(now + SECOND));
        assert_eq!(waiting.load(Ordering::Relaxed), 1);
        drop(stream);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
        assert_eq!(budget.draw_now(1, Duration::ZERO, now), Err(SECOND));
        assert!(!bucket.is_full(now) && bucket.is_full(now + SECOND));
    }

    #[test]
    fn an_early_draw_is_not_starved_by_waiting_streams() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1000, 0, now)]);
        let mut streams = [reservation(&budget), reservation(&budget)];
        assert_eq!(streams[0].draw(500, now), Ok(()));
        let mut drawn = 0;
        // There is always a waiting stream, so no draw succeeds at once.
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
        // Early draws get a share of the rate and count against it.
        assert!((1000..=10_000).contains(&drawn), "{drawn}");
        let wait = budget.draw_now(1, Duration::ZERO, now).unwrap_err();
        assert_eq!(budget.draw_now(1, SECOND, now), Err(wait - SECOND));
    }

    #[test]
    fn a_draw_has_to_fit_into_all_buckets() {
        let now = Instant::now();
        let (small, large) = (bucket(1000, 0, now), bucket(4000, 0, now));
        let one = ReplayBudget::new([Arc::clone(&small), Arc::clone(&large)]);
        let other = ReplayBudget::new([bucket(1000, 0, now), large]);
        assert_eq!(one.draw_now(2000, Duration::ZERO, now), Ok(()));
        assert_eq!(one.draw_now(1000, Duration::ZERO, now), Err(2 * SECOND));
        assert_eq!(other.draw_now(1000, Duration::ZERO, now), Err(SECOND / 2));
    }

    #[test]
    fn the_largest_draws_at_the_smallest_rate_do_not_overflow() {
        let now = Instant::now();
        let budget = ReplayBudget::new([bucket(1, usize::MAX, now)]);
        for _ in 0..9 {
            budget.reserve(usize::MAX, now);
        }
        (0..9).for_each(|_| budget.refund(usize::MAX));
        assert!(budget.draw_now(1, Duration::ZERO, now).is_ok());
    }
}
