//! What workers count: the deliveries of a turn, the writes in a row, and the
//! counters that `/metrics` shows. Nothing here knows readers or sockets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::http::{LATENCY_BUCKETS, LabeledCounters, labeled};

/// Writes after which a worker yields its core, about a third of a millisecond:
/// a request must not wait until all readers are written to.
const WRITES_IN_A_ROW: usize = 64;

/// The counters of a fan-out. Workers share them, and add to them once a turn: a
/// delivery to a reader touches no shared memory. The histogram takes a lock for
/// each message and worker, as the broadcast channel does.
#[derive(Debug)]
pub(in crate::server) struct FanoutCounters {
    /// Messages of which a reader's socket took at least a part.
    pub(in crate::server) deliveries: Counter,
    /// All bytes that sockets took.
    pub(in crate::server) delivered_bytes: Counter,
    /// Lags, by `who`: a `reader` or a `worker`.
    pub(in crate::server) lags: LabeledCounters,
    /// Of each message and worker, the time from its publication to the end of the
    /// turn in which the worker's last reader of it was written to.
    pub(in crate::server) fan_out_time: Histogram,
    /// Seconds in which a worker did not wait in its poll, by `worker`.
    pub(in crate::server) busy: Family<[(&'static str, usize); 1], Counter<f64>>,
}

impl Default for FanoutCounters {
    fn default() -> Self {
        Self {
            deliveries: Counter::default(),
            delivered_bytes: Counter::default(),
            lags: labeled("who", ["reader", "worker"]),
            fan_out_time: Histogram::new(LATENCY_BUCKETS),
            busy: Family::default(),
        }
    }
}

/// One worker's handles to the counters of its fan-out.
#[derive(Debug)]
pub(in crate::server) struct WorkerCounters {
    pub(super) deliveries: Counter,
    pub(super) delivered_bytes: Counter,
    /// Readers that left their group because their socket was full.
    pub(super) reader_lags: Counter,
    /// How often a worker missed events, so that readers went back to history.
    pub(super) worker_lags: Counter,
    fan_out_time: Histogram,
    busy: Counter<f64>,
    /// The position up to which this worker has read the channel.
    position: AtomicU64,
}

impl WorkerCounters {
    /// The counters of the worker with this number.
    pub(super) fn new(fanout: &FanoutCounters, number: usize) -> Self {
        let lags = |who| fanout.lags.get_or_create_owned(&[("who", who)]);
        Self {
            deliveries: fanout.deliveries.clone(),
            delivered_bytes: fanout.delivered_bytes.clone(),
            reader_lags: lags("reader"),
            worker_lags: lags("worker"),
            fan_out_time: fanout.fan_out_time.clone(),
            busy: fanout.busy.get_or_create_owned(&[("worker", number)]),
            position: AtomicU64::new(0),
        }
    }

    /// The position up to which the worker has read the channel.
    pub(in crate::server) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(super) fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// Adds the deliveries of a turn.
    pub(super) fn add_delivered(&self, delivered: Delivered) {
        if delivered.bytes > 0 {
            self.deliveries.inc_by(delivered.messages);
            self.delivered_bytes.inc_by(delivered.bytes);
        }
    }

    /// Counts a message that was written to the worker's last reader of it.
    pub(super) fn add_fan_out_time(&self, time: Duration) {
        self.fan_out_time.observe(time.as_secs_f64());
    }

    /// Adds time in which the worker did not wait.
    pub(super) fn add_busy(&self, time: Duration) {
        self.busy.inc_by(time.as_secs_f64());
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
