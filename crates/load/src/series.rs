//! The run second by second: what the workers hand over, merged, and what the
//! counters say at the end of each second.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::report::latency::micros;
use crate::report::{Latency, Second};
use crate::shared::Shared;
use crate::tally::Interval;

/// A worker that has much to do hands its second over late. After so many more
/// it counts as whole.
const LATEST: u64 = 3;

/// The seconds of one run.
#[derive(Debug)]
pub(super) struct Series {
    intervals: Receiver<Interval>,
    /// Seconds that may still grow.
    open: BTreeMap<u64, Open>,
    rows: Vec<(u64, Second)>,
    second: u64,
    sent: u64,
}

#[derive(Debug, Default)]
struct Open {
    row: Second,
    latency: Latency,
}

impl Series {
    /// No second yet; where workers hand theirs over.
    pub(super) fn new() -> (Self, Sender<Interval>) {
        let (sender, intervals) = channel();
        let series = Self {
            intervals,
            open: BTreeMap::new(),
            rows: Vec::new(),
            second: 0,
            sent: 0,
        };
        (series, sender)
    }

    /// Takes what has been handed over, and what the counters say.
    pub(super) fn tick(&mut self, shared: &Shared) {
        let second = shared.second_of(shared.now_ns());
        if second != self.second {
            self.note(shared);
            self.second = second;
        }
        self.collect();
        while let Some(first) = self.open.first_entry()
            && *first.key() + LATEST < second
        {
            let (second, open) = first.remove_entry();
            self.rows.push((second, open.row()));
        }
    }

    /// All rows, their times counted from the second that is measured first.
    pub(super) fn finish(mut self, shared: &Shared) -> Vec<Second> {
        self.note(shared);
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

    /// What the counters say at the end of a second.
    fn note(&mut self, shared: &Shared) {
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

impl Open {
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
    use crate::sample;
    use crate::target::Place;

    #[test]
    fn what_workers_hand_over_for_a_second_is_one_row() {
        let place = Place {
            address: "127.0.0.1:1".parse().unwrap(),
            host: String::new(),
            prefix: String::new(),
        };
        let shared = Shared::new(sample::plan(1), place);
        let (series, sender) = Series::new();
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
        let rows = series.finish(&shared);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].delivered, rows[0].bytes, rows[0].sent), (2, 20, 7));
        assert!(rows[0].max_us.unwrap() > rows[0].p50_us.unwrap());
    }
}
