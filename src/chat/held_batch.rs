//! A batch that was read while a room of its stream had a gap due, and that waits until
//! the evictions of that moment are durable.
//!
//! A cursor is one number for all rooms. While room B has a gap due at seq b, entries of
//! room A up to b may be delivered, and the cursor moves past what room B has lost. If
//! the server crashed then and its store still had the lost entries, they would be before
//! the cursor: neither delivered nor announced. So they have to be gone before.
//!
//! The deliveries are those of one moment, whatever is published and evicted meanwhile:
//! each commit brings a reader on, however busy its rooms are.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Instant;

use super::backoff::Backoff;
use super::delivery::Delivery;
use super::published::Commit;

/// A batch that waits until evictions are durable.
#[derive(Debug)]
pub(super) struct HeldBatch {
    /// Each with the index of its room cursor.
    deliveries: VecDeque<(usize, Delivery)>,
    commit: Commit,
    has_failed: bool,
    backoff: Backoff,
}

impl HeldBatch {
    /// A batch that waits for `commit`.
    pub(super) fn new(deliveries: VecDeque<(usize, Delivery)>, commit: Commit) -> Self {
        Self {
            deliveries,
            commit,
            has_failed: false,
            backoff: Backoff::default(),
        }
    }

    /// Whether it may be delivered; otherwise when to look again.
    pub(super) fn look(&mut self, now: Instant) -> Result<(), Instant> {
        match self.commit.poll() {
            Poll::Ready(Ok(())) => return Ok(()),
            Poll::Ready(Err(_)) => self.has_failed = true,
            Poll::Pending => {}
        }
        Err(self.backoff.next(now))
    }

    /// Whether it was found that the evictions do not become durable: the store failed or
    /// is closed.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(super) fn into_deliveries(self) -> VecDeque<(usize, Delivery)> {
        self.deliveries
    }
}
