//! A history that several servers share in numbers, as this server sees it.

use std::time::Duration;

/// A shared history in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SharedTotals {
    /// Whether readers have got `stale`.
    pub(crate) is_stale: bool,
    /// The newest seq that is shown here.
    pub(crate) shown: u64,
    /// Calls of Redis that were answered since the start.
    pub(crate) calls: u64,
    /// Calls without an answer.
    pub(crate) failed_calls: u64,
    /// The time of all these calls.
    pub(crate) call_time: Duration,
    /// Generations that have begun since the start.
    pub(crate) generations: u64,
    /// How often rooms were loaded anew because a part of the log was missing.
    pub(crate) reloads: u64,
}
