//! Times, counted by how long they were: what a histogram of Prometheus is
//! made of.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in seconds. From 100 µs, in which a message
/// is said and answered on an idle machine, to 10 s, the time that a body has
/// by default; between them three a decade, so that a quantile that is read off
/// is wrong by a factor of 2.5 at most.
pub const BUCKETS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Times, counted as they are measured.
#[derive(Debug, Default)]
pub struct Histogram {
    /// The last is for those beyond all bounds.
    counts: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What was counted up to a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    /// How many fell into each bucket, and into those before it not.
    pub counts: [u64; BUCKETS.len() + 1],
    /// Their sum in seconds.
    pub seconds: f64,
}

impl Histogram {
    /// Counts one.
    pub fn count(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BUCKETS.partition_point(|&bound| bound < seconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = time.as_nanos().try_into().unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn times(&self) -> Times {
        let nanoseconds = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        Times {
            counts: self
                .counts
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
            seconds: nanoseconds.as_secs_f64(),
        }
    }
}

impl Times {
    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, more: Self) {
        for (count, more) in self.counts.iter_mut().zip(more.counts) {
            *count += more;
        }
        self.seconds += more.seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        for (time, bucket) in [
            (Duration::ZERO, 0),
            (Duration::from_micros(100), 0),
            (Duration::from_nanos(100_001), 1),
            (Duration::from_secs(10), 14),
            (Duration::from_secs(11), 15),
        ] {
            let histogram = Histogram::default();
            histogram.count(time);
            let times = histogram.times();
            assert_eq!((times.counts[bucket], times.count()), (1, 1), "{time:?}");
            assert_eq!(times.seconds, time.as_secs_f64());
        }
    }

    #[test]
    fn the_histograms_of_several_workers_are_one() {
        let (one, other) = (Histogram::default(), Histogram::default());
        one.count(Duration::from_secs(1));
        other.count(Duration::from_secs(2));
        let mut all = one.times();
        all += other.times();
        assert_eq!((all.count(), all.seconds), (2, 3.0));
    }
}
