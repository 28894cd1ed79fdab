//! Times from 1 µs to 120 s in a histogram with three significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// A longer time is recorded as this one, never dropped: the longest times matter
/// most.
const LONGEST_NS: u64 = 120_000_000_000;

/// The percentiles of every report, with their names.
pub(crate) const PERCENTILES: [(&str, f64); 4] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)];

/// A distribution of times.
#[derive(Debug, Clone)]
pub struct Latency {
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
    /// Records a time.
    #[cfg(test)]
    pub(crate) fn record(&mut self, took: Duration) {
        self.record_ns(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a time in nanoseconds.
    pub(crate) fn record_ns(&mut self, took: u64) {
        self.histogram.saturating_record(took);
    }

    /// Adds all times of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        self.histogram
            .add(&other.histogram)
            .expect("all histograms have the same bounds");
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The time within which `percentile` percent are, from 0 to 100; none without
    /// times.
    pub fn percentile(&self, percentile: f64) -> Option<Duration> {
        (self.count() > 0)
            .then(|| Duration::from_nanos(self.histogram.value_at_percentile(percentile)))
    }

    /// The longest; none without times.
    pub fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.max()))
    }

    /// The mean; none without times.
    pub fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.mean() as u64))
    }

    /// How many are at most `limit`, to three digits.
    pub(super) fn count_within(&self, limit: Duration) -> u64 {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.histogram.count_between(0, limit)
    }

    /// The times by percentile, as points of a curve: a percentile's number of nines
    /// (0 is the shortest, 1 is 90 %, 2 is 99 %) and its time. The last point is the
    /// longest time, at the number of nines that the count resolves. Empty without
    /// times.
    pub(super) fn curve(&self) -> Vec<(f64, Duration)> {
        const STEPS_A_NINE: f64 = 25.0;
        let Some(max) = self.max() else {
            return Vec::new();
        };
        let nines = (self.count() as f64).log10();
        let steps = (nines * STEPS_A_NINE).ceil() as u32;
        let before = (0..steps).map(|step| f64::from(step) / STEPS_A_NINE);
        let times = self
            .histogram
            .value_at_quantiles(before.clone().map(|nines| 1.0 - 10_f64.powf(-nines)));
        let mut curve: Vec<_> = before.zip(times.map(Duration::from_nanos)).collect();
        curve.push((nines, max));
        curve
    }
}

/// A time in microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1_000.0
}

impl Serialize for Latency {
    /// `{"count","mean_us","p50_us","p90_us","p99_us","p99_9_us","max_us"}`,
    /// with null times if there are none.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_the_longest_counts_as_the_longest() {
        let mut latency = Latency::default();
        latency.record(Duration::from_secs(3600));
        assert_eq!(latency.count(), 1);
        let max = latency.max().unwrap().as_secs_f64();
        assert!((119.9..120.2).contains(&max), "{max}");
    }

    #[test]
    fn an_empty_distribution_has_no_times_and_no_curve() {
        let latency = Latency::default();
        assert_eq!(latency.percentile(50.0), None);
        assert_eq!(latency.max(), None);
        assert_eq!(latency.count_within(Duration::MAX), 0);
        assert!(latency.curve().is_empty());
    }

    #[test]
    fn a_curve_goes_from_the_shortest_to_the_longest_and_never_down() {
        let latency = super::super::sample::latency(1);
        let curve = latency.curve();
        assert_eq!(curve.first().unwrap().0, 0.0);
        assert_eq!(curve.last().unwrap(), &(3.0, latency.max().unwrap()));
        assert!(curve.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1));
        // At one nine is the 90th percentile.
        let at = curve.iter().find(|(nines, _)| *nines >= 1.0).unwrap();
        let p90 = latency.percentile(90.0).unwrap().as_secs_f64();
        assert!((at.1.as_secs_f64() / p90 - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_single_time_is_a_curve_of_a_single_point() {
        let mut latency = Latency::default();
        latency.record(Duration::from_millis(5));
        assert_eq!(latency.curve().len(), 1);
    }

    #[test]
    fn times_within_a_limit_are_counted() {
        let latency = super::super::sample::latency(1);
        assert_eq!(latency.count_within(Duration::from_micros(5_000)), 500);
        assert_eq!(latency.count_within(Duration::from_secs(1)), 1_000);
    }
}
