//! Whether the server is shutting down, and how each stream learns when it is
//! its turn to end. The server decides when; this is how the endpoints know.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A shutdown, ahead or under way.
#[derive(Debug, Default)]
pub struct Draining {
    begun: CancellationToken,
    /// The same, for those who only look: the token takes a lock for that.
    has_begun: AtomicBool,
    /// The time over which streams end. Set before `begun`.
    spread: OnceLock<Duration>,
}

impl Draining {
    /// Begins it: from now on no new request to say something is taken, and each stream ends at a
    /// random time within `spread`.
    pub fn begin(&self, spread: Duration) {
        self.spread.get_or_init(|| spread);
        self.has_begun.store(true, Ordering::Release);
        self.begun.cancel();
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Waits until it begins.
    pub async fn begins(&self) {
        self.begun.cancelled().await;
    }

    /// One stream's turn to end: how long after the beginning.
    pub fn draw_turn(&self) -> Duration {
        let spread = self.spread.get().copied().unwrap_or_default();
        spread.mul_f64(fastrand::f64())
    }
}
