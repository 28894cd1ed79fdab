//! How long to wait before the next attempt: full jitter, so that clients that
//! were cut together do not come back together.

use std::time::Duration;

/// The wait until a server says otherwise.
const DEFAULT_RETRY: Duration = Duration::from_secs(3);
/// The least that a server may ask for, so that no client spins.
const MIN_RETRY: Duration = Duration::from_millis(50);
/// The longest wait.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(30);

/// Waits that grow with each attempt in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    retry: Duration,
    /// Attempts since the last that brought something.
    attempt: u32,
    random: fastrand::Rng,
}

impl Backoff {
    pub(super) fn new(random: fastrand::Rng) -> Self {
        Self {
            retry: DEFAULT_RETRY,
            attempt: 0,
            random,
        }
    }

    /// The server's wish for the time until a reconnect.
    pub(super) fn set_retry(&mut self, retry: Duration) {
        self.retry = retry.clamp(MIN_RETRY, MAX_WAIT);
    }

    /// How long a stream has to live to count as sound.
    pub(super) fn retry(&self) -> Duration {
        self.retry
    }

    /// A stream was sound: the next wait is a short one again.
    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next wait: uniform from 0 to `retry * 2^attempt`, at most 30 s.
    pub(super) fn next_wait(&mut self) -> Duration {
        let factor = 2u32.saturating_pow(self.attempt);
        let most = self.retry.saturating_mul(factor).min(MAX_WAIT);
        self.attempt = self.attempt.saturating_add(1);
        most.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(retry: Duration, count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(7));
        backoff.set_retry(retry);
        (0..count).map(|_| backoff.next_wait()).collect()
    }

    #[test]
    fn each_wait_is_within_its_bound_and_the_bound_doubles_up_to_half_a_minute() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
            backoff.set_retry(Duration::from_secs(2));
            for most in [2, 4, 8, 16, 30, 30, 30] {
                assert!(backoff.next_wait() <= Duration::from_secs(most));
            }
        }
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(1));
        backoff.set_retry(Duration::from_secs(4));
        let mut quarters = [0; 4];
        for _ in 0..400 {
            backoff.reset();
            quarters[backoff.next_wait().as_secs() as usize] += 1;
        }
        assert!(quarters.iter().all(|&count| count > 60), "{quarters:?}");
    }

    #[test]
    fn a_server_can_ask_for_no_spin_and_for_no_eternity() {
        let longest = waits(Duration::ZERO, 30).into_iter().max().unwrap();
        assert!(longest > Duration::from_secs(1), "{longest:?}");
        let all = waits(Duration::MAX, 50);
        assert!(all.iter().all(|wait| *wait <= MAX_WAIT), "{all:?}");
    }
}
