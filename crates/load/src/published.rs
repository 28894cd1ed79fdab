//! What the publishing thread has to tell when it is done.

use crate::ledger::Sent;
use crate::report::Latency;

/// What was published.
#[derive(Debug)]
pub(super) struct Published {
    /// Every message, for those who check what they got.
    pub(super) sent: Sent,
    /// Measured messages that the schedule asked for.
    pub(super) due: u64,
    /// Measured messages that were sent.
    pub(super) measured_sent: u64,
    /// Measured messages answered with a status of 200 to 299.
    pub(super) accepted: u64,
    /// When the last of them was.
    pub(super) last_answer_ns: u64,
    /// All messages answered with another status.
    pub(super) refused: u64,
    /// All messages that were not answered.
    pub(super) unanswered: u64,
    /// What the first refusal or cut was.
    pub(super) first_failure: Option<String>,
    /// From sending until the answer.
    pub(super) answer: Latency,
    /// From the intended time of sending until the schedule was looked at.
    pub(super) lag: Latency,
    /// Processor time of the thread since the first measured message.
    pub(super) cpu_seconds: f64,
}
