//! How many frames a client of HTTP/2 may send that cause nothing.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Frames that a client may send that cause nothing, at first and at most.
const MOST: i64 = 4096;
/// More of them per second: pings, and changes of settings and priorities.
const PER_SECOND: u64 = 64;
/// More for each request that is answered: its own frames, a reset, updates of
/// windows.
const PER_ANSWER: i64 = 32;
/// More for each chunk that is written: a client may read it in pieces, and update both
/// windows after each.
const PER_CHUNK: i64 = 32;

/// How many more frames a client may send. A frame that makes the server do
/// something useful gives more than it takes; floods of others use it up.
#[derive(Debug)]
pub(super) struct FrameCredit {
    left: AtomicI64,
    /// Milliseconds of the connection's clock up to which time has given credit.
    given: AtomicU64,
}

impl FrameCredit {
    pub(super) fn new() -> Self {
        Self {
            left: AtomicI64::new(MOST),
            given: AtomicU64::new(0),
        }
    }

    pub(super) fn answered(&self) {
        self.give(PER_ANSWER);
    }

    pub(super) fn wrote(&self) {
        self.give(PER_CHUNK);
    }

    /// Takes credit for one frame. Returns whether there was any.
    pub(super) fn take(&self, now: impl Fn() -> u64) -> bool {
        let left = self.left.load(Ordering::Relaxed) - 1;
        self.left.store(left, Ordering::Relaxed);
        // The clock is read only for a client that sends much.
        left >= MOST / 2 || {
            let now = now();
            let passed = now - self.given.swap(now, Ordering::Relaxed).min(now);
            let given = passed.saturating_mul(PER_SECOND) / 1000;
            match given {
                // The rest of a frame is not lost.
                0 => self.given.store(now - passed, Ordering::Relaxed),
                given => self.give(i64::try_from(given).unwrap_or(MOST)),
            }
            self.left.load(Ordering::Relaxed) >= 0
        }
    }

    fn give(&self, count: i64) {
        let left = self.left.load(Ordering::Relaxed);
        self.left
            .store(left.saturating_add(count).min(MOST), Ordering::Relaxed);
    }
}
