//! The entries of a room that are older than those in memory: the store holds them, and
//! memory knows which they are.

use std::collections::{VecDeque, vec_deque};

use super::entry::Entry;
use super::entry_mark::EntryMark;
use super::evicted_marks::MAX_EVICTED_MARKS;
use super::history_size::PartSize;
use super::log::reading::StoredId;
use super::place::Place;
use crate::protocol::RoomName;

/// The entries that only the store holds, in the order of their ids.
///
/// A change among them may have been replaced by a later one: then the store does not
/// have it any more.
#[derive(Debug, Default)]
pub(super) struct OlderEntries {
    entries: VecDeque<OlderEntry>,
    bytes: usize,
    messages: u64,
    items: u64,
}

/// An entry that only the store holds, in 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OlderEntry {
    mark: EntryMark,
    /// Its bytes in memory.
    cost: u32,
    /// When it was assigned, in seconds since 1970.
    at: u32,
}

impl OlderEntry {
    /// `at` is when it was assigned, in milliseconds since 1970.
    pub(super) fn new(mark: EntryMark, cost: usize, at: u64) -> Self {
        Self {
            mark,
            cost: cost.try_into().unwrap_or(u32::MAX),
            at: (at / 1000).try_into().unwrap_or(u32::MAX),
        }
    }

    pub(super) fn of(entry: &Entry) -> Self {
        Self::new(EntryMark::of(entry), entry.cost(), entry.at())
    }

    pub(super) fn mark(&self) -> EntryMark {
        self.mark
    }

    pub(super) fn seq(&self) -> u64 {
        self.mark.seq()
    }

    /// How the store is asked for it; `room` is its room.
    pub(super) fn id_in(&self, room: &RoomName) -> StoredId {
        StoredId {
            room: room.clone(),
            seq: self.mark.seq(),
            cost: self.cost(),
        }
    }

    /// Its bytes in memory.
    pub(super) fn cost(&self) -> usize {
        self.cost as usize
    }

    /// When it was assigned, in milliseconds since 1970.
    pub(super) fn at(&self) -> u64 {
        u64::from(self.at) * 1000
    }
}

impl OlderEntries {
    /// Adds the entry after all of these.
    pub(super) fn push(&mut self, entry: OlderEntry) {
        debug_assert!(self.last().is_none_or(|last| last < entry.mark.seq()));
        self.bytes += entry.cost as usize;
        self.messages += u64::from(entry.mark.is_message());
        self.items += u64::from(entry.mark.is_item());
        self.entries.push_back(entry);
    }

    /// Takes out the oldest.
    pub(super) fn pop(&mut self) -> Option<EntryMark> {
        let OlderEntry { mark, cost, .. } = self.entries.pop_front()?;
        self.bytes -= cost as usize;
        self.messages -= u64::from(mark.is_message());
        self.items -= u64::from(mark.is_item());
        let len = self.entries.len();
        if self.entries.capacity() > 64 && len < self.entries.capacity() / 4 {
            self.entries.shrink_to(2 * len);
        }
        Some(mark)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn size(&self) -> PartSize {
        PartSize {
            entries: self.entries.len(),
            bytes: self.bytes,
        }
    }

    /// The number of messages and events.
    pub(super) fn items(&self) -> usize {
        usize::try_from(self.items).unwrap_or(usize::MAX)
    }

    pub(super) fn first(&self) -> Option<&OlderEntry> {
        self.entries.front()
    }

    /// The seq of the newest.
    pub(super) fn last(&self) -> Option<u64> {
        self.entries.back().map(|entry| entry.mark.seq())
    }

    /// Those after `seq`, oldest first.
    pub(super) fn after(&self, seq: u64) -> vec_deque::Iter<'_, OlderEntry> {
        let is_before = |entry: &OlderEntry| entry.mark.seq() <= seq;
        self.entries
            .range(self.entries.partition_point(is_before)..)
    }

    /// The messages and events after `seq`, oldest first.
    pub(super) fn items_after(&self, seq: u64) -> impl Iterator<Item = &OlderEntry> {
        self.after(seq).filter(|entry| entry.mark.is_item())
    }

    /// The messages and events before `seq`, newest first.
    pub(super) fn items_before(&self, seq: u64) -> impl Iterator<Item = &OlderEntry> {
        let end = self.entries.partition_point(|entry| entry.mark.seq() < seq);
        let before = self.entries.range(..end).rev();
        before.filter(|entry| entry.mark.is_item())
    }

    /// The message or event with this seq, if it is among them.
    pub(super) fn item(&self, seq: u64) -> Option<&OlderEntry> {
        let entry = self.after(seq.saturating_sub(1)).next()?;
        (entry.mark.seq() == seq && entry.mark.is_item()).then_some(entry)
    }

    /// The place of the first one; `end` is the place behind the last.
    pub(super) fn first_place(&self, end: Place) -> Place {
        Place {
            number: end.number.saturating_sub(self.messages),
            counted: end.counted.saturating_sub(self.items),
        }
    }

    /// The place after `seq`, which is not before all of these; `end` is the place behind
    /// the last. `None` if that is too far back.
    pub(super) fn place_after(&self, seq: u64, end: Place) -> Option<Place> {
        let after = self.after(seq);
        match after.len() > MAX_EVICTED_MARKS {
            true => None,
            false => EntryMark::place_before(after.map(OlderEntry::mark), end),
        }
    }
}
