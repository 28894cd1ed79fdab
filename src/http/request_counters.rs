//! Counters of requests: refusals by `code`, `busy` events by `reason`, and a
//! histogram of the time of a publish. The names of the metrics are in
//! `server::metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::protocol::{BusyReason, ProblemCode};

/// The upper bounds of latency buckets, in seconds: from 100 µs, the time of a
/// publish on an idle machine, to 10 s, the default timeout of a body. Three bounds
/// per decade keep the error of a quantile below a factor of 2.5.
pub(crate) const LATENCY_BUCKETS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Counters with one label. [`labeled`] creates one for each value of the label, so
/// that a scrape shows those that are 0.
pub(crate) type LabeledCounters = Family<[(&'static str, &'static str); 1], Counter>;

/// The counters of a server's requests.
#[derive(Debug)]
pub(crate) struct RequestCounters {
    /// Refused requests, by `code`.
    pub(crate) refusals: LabeledCounters,
    /// `busy` events, by `reason`.
    pub(crate) busy: LabeledCounters,
    /// Seconds from the head of a request to its answer, for each published message.
    pub(crate) publish_time: Histogram,
    /// The refusals of each code that [`take_new_refusals`](Self::take_new_refusals)
    /// has returned.
    logged: [AtomicU64; ProblemCode::ALL.len()],
}

impl Default for RequestCounters {
    fn default() -> Self {
        Self {
            refusals: labeled("code", ProblemCode::ALL.map(ProblemCode::as_str)),
            busy: labeled("reason", BusyReason::ALL.map(BusyReason::as_str)),
            publish_time: Histogram::new(LATENCY_BUCKETS),
            logged: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// Counters of 0 for these values of a label.
pub(crate) fn labeled(
    label: &'static str,
    values: impl IntoIterator<Item = &'static str>,
) -> LabeledCounters {
    let counters = LabeledCounters::default();
    for value in values {
        drop(counters.get_or_create(&[(label, value)]));
    }
    counters
}

impl RequestCounters {
    /// Counts a refused request.
    pub(super) fn refuse(&self, code: ProblemCode) {
        self.of_code(code).inc();
    }

    /// Counts a `busy` event.
    pub(super) fn send_busy(&self, reason: BusyReason) {
        let label = [("reason", reason.as_str())];
        self.busy.get_or_create(&label).inc();
    }

    /// The codes of refusals since the last call, each with its count.
    pub(crate) fn take_new_refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let codes = ProblemCode::ALL.into_iter().zip(&self.logged);
        codes
            .map(|(code, logged)| {
                let total = self.of_code(code).get();
                let new = total.saturating_sub(logged.fetch_max(total, Ordering::Relaxed));
                (code.as_str(), new)
            })
            .filter(|(_, count)| *count > 0)
    }

    fn of_code(&self, code: ProblemCode) -> Counter {
        self.refusals
            .get_or_create_owned(&[("code", code.as_str())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_new_once() {
        let counters = RequestCounters::default();
        let new = || counters.take_new_refusals().collect::<Vec<_>>();
        (0..3).for_each(|_| counters.refuse(ProblemCode::NotFound));
        counters.refuse(ProblemCode::InvalidRoom);
        assert_eq!(new(), [("invalid_room", 1), ("not_found", 3)]);
        assert_eq!(new(), []);
        counters.refuse(ProblemCode::NotFound);
        assert_eq!(new(), [("not_found", 1)]);
        assert_eq!(counters.of_code(ProblemCode::NotFound).get(), 4);
    }
}
