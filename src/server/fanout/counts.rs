//! What one worker counts, for whoever looks at it from outside. The worker
//! adds to it once a turn, whatever the turn brought.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::write_budget::Delivered;
use crate::http::Histogram;

/// What one worker counts.
#[derive(Debug, Default)]
pub(in crate::server) struct Counts {
    /// Messages of which a reader's socket took at least a part.
    pub(in crate::server) deliveries: AtomicU64,
    /// Bytes of everything that sockets took.
    pub(in crate::server) delivered_bytes: AtomicU64,
    /// Time in which it did not wait, in nanoseconds.
    pub(in crate::server) busy: AtomicU64,
    /// Readers that left their group because their socket was full.
    pub(in crate::server) fell_behind: AtomicU64,
    /// How often the worker itself missed something, and all its readers went
    /// back to history.
    pub(in crate::server) lags: AtomicU64,
    /// Of each message, from when it was said to the end of the turn in which
    /// its last reader was written to.
    pub(in crate::server) fan_out_time: Histogram,
    /// The position up to which it has read the channel.
    pub(in crate::server) position: AtomicU64,
}

impl Counts {
    /// The worker has read the channel up to here.
    pub(super) fn read_to(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// What a turn told the readers.
    pub(super) fn told(&self, told: Delivered) {
        if told.bytes > 0 {
            self.deliveries.fetch_add(told.messages, Ordering::Relaxed);
            self.delivered_bytes
                .fetch_add(told.bytes, Ordering::Relaxed);
        }
    }

    /// The worker was busy for so long.
    pub(super) fn was_busy(&self, time: Duration) {
        let nanoseconds = time.as_nanos().try_into().unwrap_or(u64::MAX);
        self.busy.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}
