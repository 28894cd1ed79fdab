//! What a worker counts: the deliveries of a turn, its writes in a row, and the
//! sums that `/metrics` reads. Nothing here knows readers or sockets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::http::Histogram;

/// Writes after which a worker yields its core, about a third of a millisecond:
/// a request must not wait until all readers are written to.
const WRITES_IN_A_ROW: usize = 64;

/// The sums of one worker. The worker adds to them once a turn, so that a
/// delivery to a reader touches no shared memory.
#[derive(Debug, Default)]
pub(in crate::server) struct WorkerCounters {
    /// Messages of which a reader's socket took at least a part.
    pub(in crate::server) deliveries: AtomicU64,
    /// All bytes that sockets took.
    pub(in crate::server) delivered_bytes: AtomicU64,
    /// Time not spent waiting in the poll, in nanoseconds.
    pub(in crate::server) busy: AtomicU64,
    /// Readers that left their group because their socket was full.
    pub(in crate::server) reader_lags: AtomicU64,
    /// How often the worker itself missed events, so that readers went back to
    /// history.
    pub(in crate::server) worker_lags: AtomicU64,
    /// Of each message, the time from its publication to the end of the turn in
    /// which its last reader was written to.
    pub(in crate::server) fan_out_time: Histogram,
    /// The position up to which the worker has read the channel.
    pub(in crate::server) position: AtomicU64,
}

impl WorkerCounters {
    /// Sets the position up to which the worker has read the channel.
    pub(super) fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// Adds the deliveries of a turn.
    pub(super) fn add_delivered(&self, delivered: Delivered) {
        if delivered.bytes > 0 {
            self.deliveries
                .fetch_add(delivered.messages, Ordering::Relaxed);
            self.delivered_bytes
                .fetch_add(delivered.bytes, Ordering::Relaxed);
        }
    }

    /// Adds time in which the worker did not wait.
    pub(super) fn add_busy(&self, time: Duration) {
        let nanoseconds = time.as_nanos().try_into().unwrap_or(u64::MAX);
        self.busy.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// What sockets and pipes took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Messages, including those of which a socket took only a part.
    pub(super) messages: u64,
    /// Bytes of everything: messages, presence, pings, heads.
    pub(super) bytes: u64,
}

impl Delivered {
    /// Adds one write.
    pub(super) fn add(&mut self, messages: usize, bytes: usize) {
        self.messages += messages as u64;
        self.bytes += bytes as u64;
    }
}

/// Limits a worker's writes in a row, and sums up what they delivered.
#[derive(Debug, Default)]
pub(super) struct WriteBudget {
    writes: usize,
    /// Delivered in this turn, and not yet in [`WorkerCounters`].
    pub(super) delivered: Delivered,
}

impl WriteBudget {
    /// Counts a write; every [`WRITES_IN_A_ROW`] writes the thread yields.
    pub(super) fn count_write(&mut self) {
        self.writes += 1;
        if self.writes.is_multiple_of(WRITES_IN_A_ROW) {
            thread::yield_now();
        }
    }
}
