//! The last entries of a room: a ring bounded by count and by bytes. A store may hold
//! older ones, of which memory knows which they are.
//!
//! It remembers the ids of recently evicted entries, so that a gap can announce
//! how many messages and events it covers. Eviction for the budget of all rooms is
//! in `rooms`.

mod restore;

use std::collections::{HashMap, VecDeque, vec_deque};

use super::draft::RequestHash;
use super::entry::Entry;
use super::entry_mark::EntryMark;
use super::evicted_marks::EvictedMarks;
use super::history_size::{HistoryPart, HistorySize, PartSize};
use super::older_entries::{OlderEntries, OlderEntry};
use super::place::{EntryKind, Place};
use crate::protocol::ClientId;

/// Bounds on one room's history.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryLimits {
    /// Most entries in memory.
    pub(super) count: usize,
    /// Most bytes in memory.
    pub(super) bytes: usize,
    /// Most entries in memory and in the store together. If memory holds as many, the
    /// store holds no others.
    pub(super) stored: usize,
}

impl HistoryLimits {
    pub(super) const NONE: Self = Self {
        count: usize::MAX,
        bytes: usize::MAX,
        stored: 0,
    };
}

#[derive(Debug)]
pub(super) struct History {
    limits: HistoryLimits,
    /// In the order of their ids.
    entries: VecDeque<Entry>,
    /// The seqs of the messages and events among them.
    items: VecDeque<u64>,
    /// The seq of the change that is held of a message or event, by the seq of
    /// that. There is at most one: a new change replaces it.
    changes: HashMap<u64, u64>,
    bytes: usize,
    /// The seq of each held message or event that has a client id.
    by_client_id: HashMap<ClientId, u64>,
    /// Before all of `entries`.
    older: OlderEntries,
    evicted: EvictedMarks,
    /// The place behind the newest entry.
    next: Place,
    /// The first place is that of the first entry ever published in the room. False
    /// if the room existed before and its tombstone was dropped.
    counted_from_start: bool,
}

impl History {
    pub(super) fn new(limits: HistoryLimits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            items: VecDeque::new(),
            changes: HashMap::new(),
            bytes: 0,
            by_client_id: HashMap::new(),
            older: OlderEntries::default(),
            evicted: EvictedMarks::default(),
            next: Place::FIRST,
            counted_from_start: true,
        }
    }

    /// The history of a room that was forgotten: it held entries up to seq
    /// `through` and continues at `next`.
    pub(super) fn after(limits: HistoryLimits, through: u64, next: Place) -> Self {
        Self {
            evicted: EvictedMarks::up_to(through),
            next,
            counted_from_start: next.counted > 0,
            ..Self::new(limits)
        }
    }

    pub(super) fn limits(&self) -> HistoryLimits {
        self.limits
    }

    /// Adds the room's next entry and evicts down to the limits. `current` is as of
    /// [`Self::push_change`].
    pub(super) fn add(&mut self, entry: Entry, current: Option<Entry>) {
        match entry.kind() {
            EntryKind::Change { .. } => self.push_change(entry, current),
            EntryKind::Message | EntryKind::Event => self.push(entry),
        }
    }

    /// Adds the room's next message or event.
    pub(super) fn push(&mut self, entry: Entry) {
        debug_assert!(entry.kind().is_item(), "a change has `push_change`");
        self.items.push_back(entry.seq());
        if let Some(id) = entry.client_id() {
            self.by_client_id.insert(id.clone(), entry.seq());
        }
        self.append(entry);
    }

    /// Adds a change of a message or event. `current` is the present state in its
    /// own place, if that is held. The change replaces the earlier one.
    pub(super) fn push_change(&mut self, change: Entry, current: Option<Entry>) {
        let item = change.item_seq();
        self.older.replace_change_of(item);
        if let Some(earlier) = self.changes.insert(item, change.seq())
            && let Some(index) = self.index_of(earlier)
            && let Some(earlier) = self.entries.remove(index)
        {
            self.bytes -= earlier.cost();
        }
        if let Some(current) = current
            && let Some(index) = self.index_of(item)
        {
            self.bytes += current.cost();
            let before = std::mem::replace(&mut self.entries[index], current);
            self.bytes -= before.cost();
        }
        self.append(change);
    }

    fn append(&mut self, entry: Entry) {
        debug_assert_eq!(entry.place(), self.next, "places are consecutive");
        self.next = entry.place_after();
        self.bytes += entry.cost();
        self.entries.push_back(entry);
        while self.entries.len() > self.limits.count || self.bytes > self.limits.bytes {
            self.evict_oldest();
        }
        self.drop_excess();
    }

    /// Evicts older entries down to the limit.
    fn drop_excess(&mut self) {
        while !self.older.is_empty() && self.older.len() + self.entries.len() > self.limits.stored {
            self.drop_oldest();
        }
    }

    /// This history after a restart of a server with a store, which no longer knows
    /// what the evicted entries were.
    #[cfg(test)]
    pub(super) fn reopened(&self) -> Self {
        let mut history = Self::after(self.limits, self.evicted_through(), self.first_place());
        history.counted_from_start = self.counted_from_start;
        for entry in self.entries.iter().cloned() {
            match entry.kind().is_item() {
                true => history.push(entry),
                false => history.push_change(entry, None),
            }
        }
        history
    }

    /// The capacity of all collections.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
            + self.items.capacity()
            + self.changes.capacity()
            + self.by_client_id.capacity()
            + self.evicted.capacity()
            + self.older.capacity()
    }

    /// Evicts the oldest entry of a part, if there is one: from memory to the older ones,
    /// if the store is to hold more, otherwise from history.
    pub(super) fn evict_from(&mut self, part: HistoryPart) {
        match part {
            HistoryPart::Memory => {
                self.evict_oldest();
                self.drop_excess();
            }
            HistoryPart::Older => self.drop_oldest(),
        }
    }

    /// Evicts the oldest entry of all from history, if there is one.
    pub(super) fn drop_oldest(&mut self) {
        let mark = match self.older.pop() {
            Some(mark) => Some(mark),
            None => self.pop_oldest().as_ref().map(EntryMark::of),
        };
        if let Some(mark) = mark {
            self.evicted.push(mark);
        }
    }

    /// Evicts the oldest entry of memory, if there is one.
    fn evict_oldest(&mut self) {
        let Some(entry) = self.pop_oldest() else {
            return;
        };
        match self.limits.stored > self.entries.len() {
            true => self.older.push(OlderEntry::of(&entry)),
            false => self.evicted.push(EntryMark::of(&entry)),
        }
    }

    /// Takes the oldest entry out of memory.
    fn pop_oldest(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.cost();
        match entry.kind() {
            EntryKind::Change { of } => drop(self.changes.remove(&of)),
            _ => {
                self.items.pop_front();
                if let Some(id) = entry.client_id()
                    && let Some((id, seq)) = self.by_client_id.remove_entry(id)
                    && seq != entry.seq()
                {
                    // A later message has it: this one was evicted before, and a store
                    // that crashed held it again.
                    self.by_client_id.insert(id, seq);
                }
            }
        }
        // A room that was busy once gives its memory back.
        let len = self.entries.len();
        if self.entries.capacity() > 64 && len < self.entries.capacity() / 4 {
            self.entries.shrink_to(2 * len);
            self.items.shrink_to(2 * len);
            self.changes.shrink_to(2 * self.changes.len());
            self.by_client_id.shrink_to(2 * self.by_client_id.len());
        }
        Some(entry)
    }

    /// Evicts the entries up to `seq`.
    pub(super) fn evict_through(&mut self, seq: u64) {
        debug_assert!(self.older.is_empty(), "what waits is in memory");
        while self.entries.front().is_some_and(|entry| entry.seq() <= seq) {
            self.drop_oldest();
        }
    }

    fn index_of(&self, seq: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, Entry::seq).ok()
    }

    /// The held entry with this seq.
    pub(super) fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(self.index_of(seq)?)
    }

    /// The present state of the message or event with this seq: the entry itself,
    /// otherwise its latest change.
    pub(super) fn item(&self, seq: u64) -> Option<&Entry> {
        let itself = self.get(seq).filter(|entry| entry.kind().is_item());
        itself.or_else(|| self.get(*self.changes.get(&seq)?))
    }

    /// The seq of the change that is held of this message or event, in memory or in the
    /// store.
    pub(super) fn change_of(&self, seq: u64) -> Option<u64> {
        let in_memory = self.changes.get(&seq).copied();
        in_memory.or_else(|| self.older.change_of(seq))
    }

    /// Entries in memory after `seq`, oldest first.
    pub(super) fn since(&self, seq: u64) -> vec_deque::Iter<'_, Entry> {
        let start = self.entries.partition_point(|entry| entry.seq() <= seq);
        self.entries.range(start..)
    }

    /// Messages and events in memory after `after` and before `before`, oldest first.
    pub(super) fn items_between(
        &self,
        after: u64,
        before: u64,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        let start = self.items.partition_point(|&seq| seq <= after);
        let end = self.items.partition_point(|&seq| seq < before);
        let items = self.items.range(start..end.max(start));
        items.map(|&seq| self.get(seq).expect("a held message or event"))
    }

    /// The entries that only the store holds.
    pub(super) fn older(&self) -> &OlderEntries {
        &self.older
    }

    /// The seq of the first of the last `count` held messages and events.
    pub(super) fn first_of_last(&self, count: usize) -> Option<u64> {
        let Some(older) = count
            .checked_sub(self.items.len())
            .filter(|older| *older > 0)
        else {
            return self.items.get(self.items.len() - count).copied();
        };
        let older = self.older.first_of_last(older);
        older.or_else(|| self.items.front().copied())
    }

    /// The seq of the newest evicted entry; 0 if none was evicted.
    pub(super) fn evicted_through(&self) -> u64 {
        self.evicted.through()
    }

    /// The seq of the newest entry that memory does not hold; 0 if there is none.
    pub(super) fn older_through(&self) -> u64 {
        self.older.last().unwrap_or_else(|| self.evicted_through())
    }

    /// How many entries were evicted after `seq`, as far as remembered.
    pub(super) fn evicted_since(&self, seq: u64) -> usize {
        self.evicted.after(seq).count()
    }

    /// The place after `seq`, held or not, if still known.
    pub(super) fn place_after(&self, seq: u64) -> Option<Place> {
        if seq == 0 && self.counted_from_start {
            return Some(Place::FIRST);
        }
        if seq >= self.older_through() {
            let first = self.since(seq).next();
            return Some(first.map_or(self.next, Entry::place));
        }
        match seq >= self.evicted_through() {
            true => Some(self.older.place_after(seq, self.first_place_in_memory())),
            false => self.evicted.place_after(seq, self.first_place()),
        }
    }

    /// The place of the oldest held entry, or of the next entry if none is held.
    pub(super) fn first_place(&self) -> Place {
        self.older.place_after(0, self.first_place_in_memory())
    }

    /// The place of the oldest entry in memory, or of the next entry if there is none.
    pub(super) fn first_place_in_memory(&self) -> Place {
        self.entries.front().map_or(self.next, Entry::place)
    }

    /// The place of the room's next entry.
    pub(super) fn next_place(&self) -> Place {
        self.next
    }

    /// The message or event in memory with this client id, and the hash of its request.
    pub(super) fn find(&self, id: &ClientId) -> Option<(&Entry, RequestHash)> {
        let entry = self.get(*self.by_client_id.get(id)?)?;
        Some((entry, entry.retry_key()?.request))
    }

    /// The seq of the oldest held message or event.
    pub(super) fn oldest_item(&self) -> Option<u64> {
        let older = self.older.first_item();
        older.or_else(|| self.items.front().copied())
    }

    /// The seq of the newest held message or event.
    pub(super) fn newest_item(&self) -> Option<u64> {
        let newest = self.items.back().copied();
        newest.or_else(|| self.older.last_item())
    }

    /// The seq of the oldest held entry.
    pub(super) fn oldest(&self) -> Option<u64> {
        let older = self.older.first();
        older.or_else(|| self.entries.front().map(Entry::seq))
    }

    /// When the oldest held entry was assigned, in milliseconds since 1970.
    pub(super) fn oldest_at(&self) -> Option<u64> {
        let older = self.older.first_at();
        older.or_else(|| self.entries.front().map(Entry::at))
    }

    /// The seq of the newest entry that was ever in history; 0 if there was none.
    pub(super) fn newest(&self) -> u64 {
        let newest = self.entries.back();
        newest.map_or_else(|| self.older_through(), Entry::seq)
    }

    /// The number of entries in memory.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of held messages and events.
    pub(super) fn items(&self) -> usize {
        self.items.len() + self.older.items()
    }

    pub(super) fn size(&self) -> HistorySize {
        HistorySize {
            memory: PartSize {
                entries: self.entries.len(),
                bytes: self.bytes,
            },
            older: self.older.size(),
        }
    }
}

#[cfg(test)]
mod tests;
