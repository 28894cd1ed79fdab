//! Counters of the rooms and their streams, as plain numbers. Their names and
//! types as metrics are in `server::metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::delivery::GapReason;

/// The state of a hub in numbers. "Since the start" means since the hub was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rooms.
    pub rooms: usize,
    /// Members of all rooms. A name in two rooms counts twice.
    pub members: usize,
    /// Subscriptions.
    pub readers: usize,
    /// Entries in all histories.
    pub history_entries: usize,
    /// Bytes in all histories, as counted against
    /// [`HubLimits::history_budget`](super::HubLimits::history_budget).
    pub history_bytes: usize,
    /// Entries of all histories that only the store holds.
    pub older_entries: usize,
    /// Their bytes, as counted against
    /// [`HubLimits::stored_history_budget`](super::HubLimits::stored_history_budget).
    pub older_bytes: usize,
    /// Messages published since the start.
    pub messages: u64,
    /// Bytes of their texts.
    pub message_bytes: u64,
    /// Events of programs published since the start.
    pub events: u64,
    /// Bytes of their payloads.
    pub event_bytes: u64,
    /// Changes of messages and events since the start: edits, deletions and
    /// reactions.
    pub changes: u64,
    /// Bytes of presence events since the start, once for each reader.
    pub presence_bytes: u64,
    /// Streams since the start that began with a cursor.
    pub resumes: u64,
    /// Entries delivered from history since the start.
    pub replayed: u64,
    /// Bytes of their events.
    pub replayed_bytes: u64,
    /// Streams that wait for their replay budget.
    pub replays_waiting: usize,
    /// Gaps delivered since the start, in the order of [`GapReason::ALL`].
    pub gaps: [u64; GapReason::ALL.len()],
    /// Events sent to the fan-out workers since the start.
    pub sent_events: u64,
    /// Bytes that wait to be stored.
    pub queued_bytes: usize,
}

/// Counters outside the hub's lock.
#[derive(Debug, Default)]
pub(super) struct HubCounters {
    resumes: AtomicU64,
    replayed: AtomicU64,
    replayed_bytes: AtomicU64,
    /// Streams that wait for their replay budget.
    pub(super) replays_waiting: Arc<AtomicUsize>,
    gaps: [AtomicU64; GapReason::ALL.len()],
}

impl HubCounters {
    pub(super) fn count_resume(&self) {
        self.resumes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_replayed(&self, messages: u64, bytes: u64) {
        self.replayed.fetch_add(messages, Ordering::Relaxed);
        self.replayed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_gap(&self, reason: GapReason) {
        self.gaps[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Sets the totals that are counted here.
    pub(super) fn write_to(&self, totals: &mut Totals) {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        totals.resumes = get(&self.resumes);
        totals.replayed = get(&self.replayed);
        totals.replayed_bytes = get(&self.replayed_bytes);
        totals.replays_waiting = self.replays_waiting.load(Ordering::Relaxed);
        totals.gaps = self.gaps.each_ref().map(get);
    }
}
