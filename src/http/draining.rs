//! Whether the server is shutting down, and how each stream learns when it is
//! its turn to end. The server decides when; this is how the endpoints know.

use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

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

/// One stream's turn to end.
#[derive(Debug)]
pub(super) enum Turn {
    /// Nobody has to end. The token is the stream's own child of the server's,
    /// so that looking at it takes no lock that other streams take.
    Ahead(Pin<Box<WaitForCancellationFutureOwned>>),
    /// At the end of this.
    At(Pin<Box<Sleep>>),
    /// Now, or before.
    Come,
}

impl Turn {
    pub(super) fn of(draining: &Draining) -> Self {
        match draining.has_begun() {
            true => Self::Come,
            false => Self::Ahead(Box::pin(draining.begun.child_token().cancelled_owned())),
        }
    }

    /// Whether it has come.
    pub(super) fn poll(&mut self, draining: &Draining, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self {
                Self::Ahead(begun) => {
                    ready!(begun.as_mut().poll(cx));
                    *self = Self::At(Box::pin(tokio::time::sleep(draining.draw_turn())));
                }
                Self::At(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    *self = Self::Come;
                }
                Self::Come => return Poll::Ready(()),
            }
        }
    }
}
