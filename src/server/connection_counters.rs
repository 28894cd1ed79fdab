//! How many connections were accepted, and why some of them ended. The number of
//! open connections is in [`crate::http::Admission`].

use prometheus_client::metrics::counter::Counter;

use super::timeouts::WaitingFor;
use crate::http::{LabeledCounters, labeled};

/// Counts of a server's connections since its start.
#[derive(Debug)]
pub(super) struct ConnectionCounters {
    pub(super) accepted: Counter,
    /// Closed without an answer: too many others were waiting to be refused.
    pub(super) unanswered: Counter,
    /// Requests that were not HTTP, or had too large a head.
    pub(super) malformed: Counter,
    /// Connections whose client was too slow, by `waiting_for`.
    pub(super) timeouts: LabeledCounters,
}

impl ConnectionCounters {
    /// Counts a connection whose client was too slow.
    pub(super) fn time_out(&self, waiting_for: WaitingFor) {
        if let Some(name) = waiting_for.name() {
            self.timeouts.get_or_create(&[("waiting_for", name)]).inc();
        }
    }
}

impl Default for ConnectionCounters {
    fn default() -> Self {
        let names = WaitingFor::ALL.into_iter().filter_map(WaitingFor::name);
        Self {
            accepted: Counter::default(),
            unanswered: Counter::default(),
            malformed: Counter::default(),
            timeouts: labeled("waiting_for", names),
        }
    }
}
