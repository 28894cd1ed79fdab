//! What is counted of the rooms and their streams. Plain numbers: who shows
//! them, and how, is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::delivery::GapReason;

/// What all rooms of a server are, and what was done in them since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rooms that there are.
    pub rooms: usize,
    /// Members of all rooms; who is in two counts twice.
    pub members: usize,
    /// Subscriptions that there are.
    pub readers: usize,
    /// Messages that all histories hold.
    pub history_messages: usize,
    /// Bytes that all histories hold, as their budget counts them.
    pub history_bytes: usize,
    /// Messages that were said.
    pub messages: u64,
    /// Bytes of their texts.
    pub message_bytes: u64,
    /// What presence events have cost: their bytes, once for each reader.
    pub presence_bytes: u64,
    /// Streams that began with a cursor.
    pub resumes: u64,
    /// Messages that streams were given from history.
    pub replayed: u64,
    /// Bytes of these messages.
    pub replayed_bytes: u64,
    /// Streams whose replay waits for its budget.
    pub replays_waiting: usize,
    /// Gaps that streams were told of, in the order of [`GapReason::ALL`].
    pub gaps: [u64; GapReason::ALL.len()],
    /// Events that were sent to the fan-out workers.
    pub sent_events: u64,
}

/// What is counted without the hub's lock.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) resumes: AtomicU64,
    pub(super) replayed: AtomicU64,
    pub(super) replayed_bytes: AtomicU64,
    pub(super) replays_waiting: Arc<AtomicUsize>,
    pub(super) gaps: [AtomicU64; GapReason::ALL.len()],
}

impl Counts {
    pub(super) fn resumed(&self) {
        self.resumes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn replayed(&self, messages: u64, bytes: u64) {
        self.replayed.fetch_add(messages, Ordering::Relaxed);
        self.replayed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn told_of_gap(&self, reason: GapReason) {
        self.gaps[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Puts what was counted here into `totals`.
    pub(super) fn add_to(&self, totals: &mut Totals) {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        totals.resumes = get(&self.resumes);
        totals.replayed = get(&self.replayed);
        totals.replayed_bytes = get(&self.replayed_bytes);
        totals.replays_waiting = self.replays_waiting.load(Ordering::Relaxed);
        totals.gaps = self.gaps.each_ref().map(get);
    }
}
