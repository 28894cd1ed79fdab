//! What is counted of requests: refusals by their code, and how long publishing
//! takes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::Histogram;
use crate::protocol::{BusyReason, ProblemCode};

/// What is counted of a server's requests.
#[derive(Debug, Default)]
pub struct Counts {
    refusals: [Refusals; ProblemCode::ALL.len()],
    busy: [AtomicU64; BusyReason::ALL.len()],
    /// From a request's head to its answer, of messages that were said.
    pub publish_time: Histogram,
}

/// Requests that were refused for one reason.
#[derive(Debug, Default)]
struct Refusals {
    total: AtomicU64,
    /// How many of them the log was told of.
    told: AtomicU64,
}

impl Counts {
    /// A request is refused, however it is told so.
    pub(super) fn refuse(&self, code: ProblemCode) {
        self.refusals[code as usize]
            .total
            .fetch_add(1, Ordering::Relaxed);
    }

    /// A stream is told to come back later.
    pub(super) fn tell_busy(&self, reason: BusyReason) {
        self.busy[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Every reason for that with the streams that had it.
    pub fn busy(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = BusyReason::ALL.iter().zip(&self.busy);
        named.map(|(reason, count)| (reason.as_str(), count.load(Ordering::Relaxed)))
    }

    /// Every code with the refusals that had it.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ProblemCode::ALL
            .iter()
            .zip(&self.refusals)
            .map(|(code, refusals)| (code.as_str(), refusals.total.load(Ordering::Relaxed)))
    }

    /// The codes that were refused since this was called last, with how often.
    pub fn take_new_refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let new = |refusals: &Refusals| {
            let total = refusals.total.load(Ordering::Relaxed);
            total.saturating_sub(refusals.told.fetch_max(total, Ordering::Relaxed))
        };
        ProblemCode::ALL
            .iter()
            .zip(&self.refusals)
            .map(move |(code, refusals)| (code.as_str(), new(refusals)))
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_place() {
        for (place, code) in ProblemCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, place, "{code:?}");
        }
        for (place, reason) in BusyReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason:?}");
        }
    }

    #[test]
    fn the_log_is_told_of_each_refusal_once() {
        let counts = Counts::default();
        let new = || counts.take_new_refusals().collect::<Vec<_>>();
        (0..3).for_each(|_| counts.refuse(ProblemCode::NotFound));
        counts.refuse(ProblemCode::InvalidRoom);
        assert_eq!(new(), [("invalid_room", 1), ("not_found", 3)]);
        assert_eq!(new(), []);
        counts.refuse(ProblemCode::NotFound);
        assert_eq!(new(), [("not_found", 1)]);
        assert!(counts.refusals().any(|refusal| refusal == ("not_found", 4)));
    }
}
