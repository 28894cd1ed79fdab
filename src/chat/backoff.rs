//! When a stream looks for what it waits for, without a thread or a task of its own.

use std::time::{Duration, Instant};

/// How long a stream waits before it looks; twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(64);

/// The times at which a stream looks for what it waits for.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_WAIT)
    }
}

impl Backoff {
    /// When to look again.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        let until = now + self.0;
        self.0 = LONGEST_WAIT.min(2 * self.0);
        until
    }
}
