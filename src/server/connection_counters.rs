//! How many connections were accepted, and why some of them ended. The number of
//! open connections is in [`crate::http::Admission`].

use std::sync::atomic::{AtomicU64, Ordering};

use super::timeouts::WaitingFor;

/// Counts of a server's connections since its start.
#[derive(Debug, Default)]
pub(super) struct ConnectionCounters {
    accepted: AtomicU64,
    unanswered: AtomicU64,
    malformed: AtomicU64,
    timed_out: [AtomicU64; WaitingFor::ALL.len()],
}

impl ConnectionCounters {
    /// Counts an accepted connection, and returns its number: 1 for the first.
    pub(super) fn accept(&self) -> u64 {
        self.accepted.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a connection that was closed without an answer, since too many
    /// others were waiting to be refused.
    pub(super) fn close_unanswered(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection whose client was too slow.
    pub(super) fn time_out(&self, waiting_for: WaitingFor) {
        self.timed_out[waiting_for as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was not HTTP, or had too large a head.
    pub(super) fn reject_malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    pub(super) fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// The timeouts by what the client did not do in time.
    pub(super) fn timed_out(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = WaitingFor::ALL.iter().zip(&self.timed_out);
        named.filter_map(|(waiting_for, count)| {
            Some((waiting_for.name()?, count.load(Ordering::Relaxed)))
        })
    }
}
