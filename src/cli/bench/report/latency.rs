//! Times from 1 µs to 120 s in a histogram of three digits.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// A longer time counts as this one: cut, never left out, for the longest times
/// are the ones that matter.
const LONGEST_NS: u64 = 120_000_000_000;

/// The percentiles that every report shows, with their names.
pub(in crate::cli::bench) const PERCENTILES: [(&str, f64); 4] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)];

/// How long something took, many times.
#[derive(Debug, Clone)]
pub(in crate::cli::bench) struct Latency {
    /// In nanoseconds.
    histogram: Histogram<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1_000, LONGEST_NS, 3);
        Self {
            histogram: histogram.expect("1,000 is less than half of the longest"),
        }
    }
}

impl Latency {
    /// One more.
    pub(in crate::cli::bench) fn record(&mut self, took: Duration) {
        self.record_ns(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// One more, in nanoseconds.
    pub(in crate::cli::bench) fn record_ns(&mut self, took: u64) {
        self.histogram.saturating_record(took);
    }

    /// All that `other` holds, too.
    pub(in crate::cli::bench) fn add(&mut self, other: &Self) {
        self.histogram
            .add(&other.histogram)
            .expect("all histograms have the same bounds");
    }

    /// Forgets everything, and keeps the room.
    pub(in crate::cli::bench) fn clear(&mut self) {
        self.histogram.reset();
    }

    /// How many there are.
    pub(in crate::cli::bench) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The time that `percentile` percent of them are within; none if there is
    /// nothing.
    pub(in crate::cli::bench) fn percentile(&self, percentile: f64) -> Option<Duration> {
        (self.count() > 0).then(|| {
            Duration::from_nanos(self.histogram.value_at_percentile(percentile))
        })
    }

    /// The largest; none if there is nothing.
    pub(in crate::cli::bench) fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.max()))
    }

    /// The mean; none if there is nothing.
    pub(in crate::cli::bench) fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.mean() as u64))
    }
}

/// In microseconds, because that is what they are read in.
pub(in crate::cli::bench) fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1_000.0
}

impl Serialize for Latency {
    /// `{"count","mean_us","p50_us","p90_us","p99_us","p99_9_us","max_us"}`,
    /// the times null if there is nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Latency", 7)?;
        fields.serialize_field("count", &self.count())?;
        fields.serialize_field("mean_us", &self.mean().map(micros))?;
        fields.serialize_field("p50_us", &self.percentile(50.0).map(micros))?;
        fields.serialize_field("p90_us", &self.percentile(90.0).map(micros))?;
        fields.serialize_field("p99_us", &self.percentile(99.0).map(micros))?;
        fields.serialize_field("p99_9_us", &self.percentile(99.9).map(micros))?;
        fields.serialize_field("max_us", &self.max().map(micros))?;
        fields.end()
    }
}
