//! The last messages of a room: a ring bounded by count and by bytes.
//!
//! It remembers the ids of recently evicted messages, so that a gap can announce
//! how many messages it covers. Eviction for the budget of all rooms is in
//! `rooms`.

use std::collections::{HashMap, VecDeque, vec_deque};

use super::draft::RequestHash;
use super::entry::Entry;
use crate::protocol::ClientId;

/// Most ids of evicted messages that a room remembers, 8 bytes each. A gap can
/// count no more messages than these.
const MAX_EVICTED_IDS: usize = 1000;

/// Bounds on one room's history.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryLimits {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct History {
    limits: HistoryLimits,
    /// Consecutive numbers. The last is the room's newest message, unless that
    /// was evicted.
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The seq of each held message that has a client id.
    by_client_id: HashMap<ClientId, u64>,
    evicted: EvictedIds,
    /// The number of the room's next message.
    next_number: u64,
    /// Number 1 is the first message ever published in the room. False if the
    /// room existed before and its tombstone was dropped.
    counted_from_start: bool,
}

/// The messages that a room no longer holds.
#[derive(Debug, Default)]
struct EvictedIds {
    /// The seqs of the last evicted messages, the newest last.
    seqs: VecDeque<u64>,
    /// The seq of the newest evicted message that is not in `seqs`.
    uncounted_through: u64,
}

impl EvictedIds {
    fn through(&self) -> u64 {
        self.seqs.back().copied().unwrap_or(self.uncounted_through)
    }

    fn push(&mut self, seq: u64) {
        if self.seqs.len() == MAX_EVICTED_IDS {
            self.uncounted_through = self.seqs.pop_front().unwrap_or(self.uncounted_through);
        }
        self.seqs.push_back(seq);
    }

    /// How many messages after `seq` were evicted, if still known.
    fn count_after(&self, seq: u64) -> Option<u64> {
        let known = seq >= self.uncounted_through;
        known.then(|| {
            (self.seqs.len() - self.seqs.partition_point(|&evicted| evicted <= seq)) as u64
        })
    }
}

impl History {
    pub(super) fn new(limits: HistoryLimits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            bytes: 0,
            by_client_id: HashMap::new(),
            evicted: EvictedIds::default(),
            next_number: 1,
            counted_from_start: true,
        }
    }

    /// The history of a room that was forgotten: it held messages up to seq
    /// `through` and continues with number `next_number`.
    pub(super) fn after(limits: HistoryLimits, through: u64, next_number: u64) -> Self {
        Self {
            evicted: EvictedIds {
                seqs: VecDeque::new(),
                uncounted_through: through,
            },
            next_number,
            counted_from_start: next_number > 1,
            ..Self::new(limits)
        }
    }

    /// Adds the room's next message and evicts down to the limits.
    pub(super) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.number(), self.next_number, "numbers are consecutive");
        self.next_number += 1;
        self.bytes += entry.cost();
        if let Some(id) = entry.client_id() {
            self.by_client_id.insert(id.clone(), entry.seq());
        }
        self.entries.push_back(entry);
        while self.entries.len() > self.limits.count || self.bytes > self.limits.bytes {
            self.evict_oldest();
        }
    }

    /// The capacity of all collections.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity() + self.by_client_id.capacity() + self.evicted.seqs.capacity()
    }

    /// Evicts the oldest message, if there is one.
    pub(super) fn evict_oldest(&mut self) {
        let Some(entry) = self.entries.pop_front() else {
            return;
        };
        self.bytes -= entry.cost();
        self.evicted.push(entry.seq());
        if let Some(id) = entry.client_id() {
            self.by_client_id.remove(id);
        }
        // A room that was busy once gives its memory back.
        if self.entries.capacity() > 64 && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(2 * self.entries.len());
            self.by_client_id.shrink_to(2 * self.by_client_id.len());
        }
    }

    /// Held messages after `seq`, oldest first.
    pub(super) fn since(&self, seq: u64) -> vec_deque::Iter<'_, Entry> {
        let start = self.entries.partition_point(|entry| entry.seq() <= seq);
        self.entries.range(start..)
    }

    /// Held messages before `seq`, oldest first.
    pub(super) fn until(&self, seq: u64) -> vec_deque::Iter<'_, Entry> {
        let end = self.entries.partition_point(|entry| entry.seq() < seq);
        self.entries.range(..end)
    }

    /// The last `count` held messages, oldest first.
    pub(super) fn last(&self, count: usize) -> vec_deque::Iter<'_, Entry> {
        self.entries
            .range(self.entries.len().saturating_sub(count)..)
    }

    /// The seq of the newest evicted message; 0 if none was evicted.
    pub(super) fn evicted_through(&self) -> u64 {
        self.evicted.through()
    }

    /// The number of the first message after `seq`, held or not, if still known.
    pub(super) fn number_after(&self, seq: u64) -> Option<u64> {
        if seq == 0 && self.counted_from_start {
            return Some(1);
        }
        if seq >= self.evicted_through() {
            return Some(self.next_number - self.since(seq).len() as u64);
        }
        self.first_number()
            .checked_sub(self.evicted.count_after(seq)?)
    }

    /// The number of the oldest held message, or of the next message if none is
    /// held.
    pub(super) fn first_number(&self) -> u64 {
        self.next_number - self.entries.len() as u64
    }

    /// The number of the room's next message.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    /// The held message with this client id, and the hash of its request.
    pub(super) fn find(&self, id: &ClientId) -> Option<(&Entry, RequestHash)> {
        let seq = *self.by_client_id.get(id)?;
        let entry = self.since(seq - 1).next()?;
        Some((entry, entry.retry_key()?.request))
    }

    pub(super) fn oldest(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub(super) fn newest(&self) -> Option<&Entry> {
        self.entries.back()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
