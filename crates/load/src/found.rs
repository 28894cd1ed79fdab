//! What a run has found, before it is made into a report.

use std::sync::Arc;

use crate::published::Published;
use crate::series::Series;
use crate::shared::Shared;
use crate::tally::Tally;
use crate::usage::{OwnThreads, Usage};

/// All that was found in one run, before it is made into a report.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) shared: Arc<Shared>,
    pub(super) subscribers: usize,
    pub(super) tallies: Vec<Tally>,
    pub(super) published: Option<Published>,
    pub(super) series: Series,
    pub(super) connect_seconds: f64,
    /// When the measured part began and ended, on the run's clock.
    pub(super) measured_ns: (u64, u64),
    /// Processor time of the whole program at both moments, in seconds.
    pub(super) own_cpu: (f64, f64),
    /// The server's processes at the beginning, with all subscribers connected,
    /// and around the measured part.
    pub(super) server: Option<ServerLooks>,
    pub(super) own_threads: (OwnThreads, OwnThreads),
    /// When the subscribers that were cut began to come back.
    pub(super) return_ns: u64,
}

/// What the server's processes used at several moments.
#[derive(Debug, Default)]
pub(super) struct ServerLooks {
    pub(super) pids: Vec<i32>,
    pub(super) before: Usage,
    pub(super) connected: Usage,
    pub(super) begin: Usage,
    pub(super) end: Usage,
    /// After all subscribers have left; only in mode `idle`.
    pub(super) left: Option<Usage>,
    /// Why they could not be looked at any more, once the load had begun.
    pub(super) lost: Option<String>,
}

/// Nanoseconds as seconds.
pub(super) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
