//! The raw results of one run. `assemble` makes a report of them.

use std::sync::Arc;

use crate::ledger::SentLog;
use crate::report::Latency;
use crate::shared::Shared;
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::usage::{OwnThreadTimes, ProcessUsage};

/// The raw results of one run.
#[derive(Debug)]
pub(crate) struct RunData {
    pub(crate) shared: Arc<Shared>,
    pub(crate) subscribers: usize,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) published: Option<PublishTotals>,
    pub(crate) timeline: Timeline,
    pub(crate) connect_seconds: f64,
    /// Start and end of the measured part, on the run's clock.
    pub(crate) measured_ns: (u64, u64),
    /// CPU time of the whole process at both, in seconds.
    pub(crate) own_cpu: (f64, f64),
    pub(crate) own_threads: (OwnThreadTimes, OwnThreadTimes),
    /// Usage of the server's processes; none if there are none to read.
    pub(crate) server: Option<ServerUsage>,
    /// When the disconnected subscribers began to reconnect.
    pub(crate) reconnect_ns: u64,
}

/// The usage of the server's processes at several points of a run.
#[derive(Debug, Default)]
pub(crate) struct ServerUsage {
    pub(crate) pids: Vec<i32>,
    /// Before the first subscriber.
    pub(crate) before: ProcessUsage,
    /// With all subscribers connected and idle.
    pub(crate) connected: ProcessUsage,
    /// At the start of the measured part.
    pub(crate) begin: ProcessUsage,
    /// At its end.
    pub(crate) end: ProcessUsage,
    /// After all subscribers have left; only in mode `idle`.
    pub(crate) left: Option<ProcessUsage>,
    /// Why the processes could not be read after the load had begun.
    pub(crate) error: Option<String>,
}

/// The results of the publishing thread.
#[derive(Debug)]
pub(crate) struct PublishTotals {
    /// Every message, to compare with the subscribers' ledgers.
    pub(crate) sent: SentLog,
    /// Measured messages that were due.
    pub(crate) due: u64,
    /// Measured messages that were sent.
    pub(crate) measured_sent: u64,
    /// Measured messages answered with a status of 200 to 299.
    pub(crate) accepted: u64,
    /// When the last of them was answered.
    pub(crate) last_answer_ns: u64,
    /// All messages answered with another status.
    pub(crate) refused: u64,
    /// All messages without an answer.
    pub(crate) unanswered: u64,
    /// The first refusal or connection error.
    pub(crate) first_failure: Option<String>,
    /// From sending to the answer.
    pub(crate) answer: Latency,
    /// From the intended time of sending until the schedule was polled.
    pub(crate) lag: Latency,
    /// CPU time of the thread since the first measured message.
    pub(crate) cpu_seconds: f64,
}

impl PublishTotals {
    /// Nothing sent yet beyond `sent`.
    pub(crate) fn new(sent: SentLog) -> Self {
        Self {
            sent,
            due: 0,
            measured_sent: 0,
            accepted: 0,
            last_answer_ns: 0,
            refused: 0,
            unanswered: 0,
            first_failure: None,
            answer: Latency::default(),
            lag: Latency::default(),
            cpu_seconds: 0.0,
        }
    }
}

/// Nanoseconds as seconds.
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
