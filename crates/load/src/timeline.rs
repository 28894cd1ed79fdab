//! The timeline of a run: a row per second, merged from the intervals of the
//! workers and the counters at the end of each second.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::report::latency::micros;
use crate::report::{Latency, Second};
use crate::shared::Shared;
use crate::tally::Interval;

/// A busy worker sends its interval late. A row is closed after this many further
/// seconds.
const MAX_DELAY: u64 = 3;

/// The rows of one run.
#[derive(Debug)]
pub(crate) struct Timeline {
    intervals: Receiver<Interval>,
    /// Rows that may still change.
    open: BTreeMap<u64, OpenSecond>,
    rows: Vec<(u64, Second)>,
    second: u64,
    sent: u64,
}

#[derive(Debug, Default)]
struct OpenSecond {
    row: Second,
    latency: Latency,
}

impl Timeline {
    /// An empty timeline, and where workers send their intervals.
    pub(crate) fn new() -> (Self, Sender<Interval>) {
        let (sender, intervals) = channel();
        let timeline = Self {
            intervals,
            open: BTreeMap::new(),
            rows: Vec::new(),
            second: 0,
            sent: 0,
        };
        (timeline, sender)
    }

    /// Collects intervals, and reads the counters at the end of a second.
    pub(crate) fn tick(&mut self, shared: &Shared) {
        let second = shared.second_of(shared.now_ns());
        if second != self.second {
            self.read_counters(shared);
            self.second = second;
        }
        self.collect();
        while let Some(first) = self.open.first_entry()
            && *first.key() + MAX_DELAY < second
        {
            let (second, open) = first.remove_entry();
            self.rows.push((second, open.row()));
        }
    }

    /// All rows, with times relative to the first measured second.
    pub(crate) fn finish(mut self, shared: &Shared) -> Vec<Second> {
        self.read_counters(shared);
        self.collect();
        let open = std::mem::take(&mut self.open);
        self.rows
            .extend(open.into_iter().map(|(second, open)| (second, open.row())));
        let measured_from_ns = shared.measured_from_ns.load(Relaxed);
        let zero = match measured_from_ns {
            u64::MAX => 0.0,
            from_ns => shared.second_of(from_ns) as f64,
        };
        self.rows
            .into_iter()
            .map(|(second, row)| Second {
                t: second as f64 - zero,
                ..row
            })
            .collect()
    }

    /// Reads the counters into the row of the second that ends.
    fn read_counters(&mut self, shared: &Shared) {
        let sent = shared.counters.sent.load(Relaxed);
        let row = &mut self.open.entry(self.second).or_default().row;
        row.connected = shared.counters.connected.load(Relaxed);
        row.sent += sent - self.sent;
        self.sent = sent;
    }

    fn collect(&mut self) {
        while let Ok(interval) = self.intervals.try_recv() {
            let open = self.open.entry(interval.second).or_default();
            open.row.delivered += interval.delivered;
            open.row.bytes += interval.bytes;
            open.latency.add(&interval.latency);
        }
    }
}

impl OpenSecond {
    fn row(self) -> Second {
        Second {
            p50_us: self.latency.percentile(50.0).map(micros),
            p99_us: self.latency.percentile(99.0).map(micros),
            max_us: self.latency.max().map(micros),
            ..self.row
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::plan::Plan;

    #[test]
    fn the_intervals_of_a_second_are_one_row() {
        let address = Address {
            socket: "127.0.0.1:1".parse().unwrap(),
            host: String::new(),
            prefix: String::new(),
            tls: None,
        };
        let shared = Shared::new(Plan::default(), address);
        let (timeline, sender) = Timeline::new();
        for micros in [1_000, 3_000] {
            let mut latency = Latency::default();
            latency.record_ns(micros * 1_000);
            sender
                .send(Interval {
                    second: 0,
                    delivered: 1,
                    bytes: 10,
                    latency,
                })
                .unwrap();
        }
        shared.counters.sent.fetch_add(7, Relaxed);
        let rows = timeline.finish(&shared);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].delivered, rows[0].bytes, rows[0].sent), (2, 20, 7));
        assert!(rows[0].max_us.unwrap() > rows[0].p50_us.unwrap());
    }
}
