//! What is counted of requests: refusals by their code, streams that were told to
//! come back later, and how long publishing takes. The metrics' names are in
//! `server::metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::protocol::{BusyReason, ProblemCode};

/// The upper bounds of the buckets of latencies, in seconds. From 100 µs, in which
/// an idle machine publishes a message, to 10 s, the default timeout of a body;
/// with three bounds a decade, so that a quantile is wrong by a factor of 2.5 at
/// most.
pub(crate) const LATENCY_BUCKETS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Counters with one label. All values of the label are there from the start.
pub(crate) type LabeledCounters = Family<[(&'static str, &'static str); 1], Counter>;

/// What is counted of a server's requests.
#[derive(Debug)]
pub(crate) struct RequestCounters {
    /// Refused requests, by `code`.
    pub(crate) refusals: LabeledCounters,
    /// Streams that got `busy`, by `reason`.
    pub(crate) busy: LabeledCounters,
    /// From a request's head to its answer, of messages that were published.
    pub(crate) publish_time: Histogram,
    /// How many of the refusals of each code are in the log.
    logged: [AtomicU64; ProblemCode::ALL.len()],
}

impl Default for RequestCounters {
    fn default() -> Self {
        Self {
            refusals: labeled("code", ProblemCode::ALL.map(ProblemCode::as_str)),
            busy: labeled("reason", BusyReason::ALL.map(BusyReason::as_str)),
            publish_time: Histogram::new(LATENCY_BUCKETS),
            logged: Default::default(),
        }
    }
}

/// Counters for these values of a label, all 0.
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
    /// Counts a refused request, whatever its answer looks like.
    pub(super) fn refuse(&self, code: ProblemCode) {
        self.of_code(code).inc();
    }

    /// Counts a stream that gets `busy`.
    pub(super) fn send_busy(&self, reason: BusyReason) {
        let label = [("reason", reason.as_str())];
        self.busy.get_or_create(&label).inc();
    }

    /// The codes that were refused since the last call, with how often.
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
