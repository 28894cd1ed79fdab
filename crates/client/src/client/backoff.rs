//! The wait before the next attempt: exponential, with full jitter, so that
//! clients that were cut together do not reconnect in step.

use std::time::Duration;

/// The retry time until a server sends one.
const DEFAULT_RETRY: Duration = Duration::from_secs(3);
/// The shortest retry time, so that no server can make a client spin.
const MIN_RETRY: Duration = Duration::from_millis(50);
/// The longest wait.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(30);

/// Waits that grow with each attempt in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    retry: Duration,
    /// Attempts since the last sound stream.
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

    /// Sets the retry time that the server asks for.
    pub(super) fn set_retry(&mut self, retry: Duration) {
        self.retry = retry.clamp(MIN_RETRY, MAX_WAIT);
    }

    /// The retry time: a stream that lives as long as this is sound.
    pub(super) fn retry(&self) -> Duration {
        self.retry
    }

    /// Starts over with short waits, after a sound stream.
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
    fn the_bound_of_a_wait_doubles_up_to_30_seconds() {
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
    fn retry_times_are_clamped() {
        let longest = waits(Duration::ZERO, 30).into_iter().max().unwrap();
        assert!(longest > Duration::from_secs(1), "{longest:?}");
        let all = waits(Duration::MAX, 50);
        assert!(all.iter().all(|wait| *wait <= MAX_WAIT), "{all:?}");
    }
}
