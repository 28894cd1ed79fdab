//! The entries of a room that are older than those in memory: the store holds them, and
//! memory knows which they are.

use std::collections::{BTreeMap, HashMap, VecDeque, btree_map, vec_deque};
use std::iter::Peekable;

use super::entry::Entry;
use super::entry_mark::EntryMark;
use super::history_size::PartSize;
use super::log::reading::StoredId;
use super::place::{EntryKind, Place};
use crate::protocol::RoomName;

/// The entries that only the store holds, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct OlderEntries {
    /// The messages and events among them.
    items: VecDeque<OlderItem>,
    /// The changes among them, by their seqs.
    changes: BTreeMap<u64, OlderChange>,
    /// The seq of the change among them of a message or event, by the seq of that.
    by_item: HashMap<u64, u64>,
    bytes: usize,
}

/// An entry that only the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OlderEntry {
    pub(super) seq: u64,
    pub(super) kind: EntryKind,
    /// Its bytes in memory.
    pub(super) cost: usize,
    /// When it was assigned, in milliseconds since 1970.
    pub(super) at: u64,
    /// The number of the room's next message before it.
    pub(super) number: u64,
}

/// A message or an event, in 24 bytes.
#[derive(Debug, Clone, Copy)]
struct OlderItem {
    mark: EntryMark,
    cost: u32,
    /// In seconds since 1970.
    at: u32,
    /// The lower half of its number.
    number: u32,
}

#[derive(Debug, Clone, Copy)]
struct OlderChange {
    of: u64,
    cost: u32,
    at: u32,
}

/// Older entries in the order of their ids.
pub(super) struct OlderIter<'a> {
    items: Peekable<vec_deque::Iter<'a, OlderItem>>,
    changes: Peekable<btree_map::Range<'a, u64, OlderChange>>,
}

/// An older entry, as far as it takes to read it.
#[derive(Debug, Clone, Copy)]
pub(super) struct OlderKey {
    pub(super) seq: u64,
    pub(super) cost: usize,
    pub(super) is_item: bool,
}

impl OlderEntry {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            seq: entry.seq(),
            kind: entry.kind(),
            cost: entry.cost(),
            at: entry.at(),
            number: entry.place().number,
        }
    }
}

impl OlderKey {
    /// How the store is asked for it; `room` is its room.
    pub(super) fn id_in(self, room: &RoomName) -> StoredId {
        StoredId {
            room: room.clone(),
            seq: self.seq,
            cost: self.cost,
        }
    }
}

impl OlderItem {
    fn key(&self) -> OlderKey {
        OlderKey {
            seq: self.mark.seq(),
            cost: self.cost as usize,
            is_item: true,
        }
    }
}

impl OlderEntries {
    /// Adds the entry after all of these.
    pub(super) fn push(&mut self, entry: OlderEntry) {
        debug_assert!(self.last().is_none_or(|last| last < entry.seq));
        let cost = entry.cost.try_into().unwrap_or(u32::MAX);
        let at = (entry.at / 1000).try_into().unwrap_or(u32::MAX);
        self.bytes += cost as usize;
        match entry.kind {
            EntryKind::Change { of } => {
                self.by_item.insert(of, entry.seq);
                self.changes.insert(entry.seq, OlderChange { of, cost, at });
            }
            kind => self.items.push_back(OlderItem {
                mark: EntryMark::new(entry.seq, kind),
                cost,
                at,
                number: entry.number as u32,
            }),
        }
    }

    /// Takes out the oldest.
    pub(super) fn pop(&mut self) -> Option<EntryMark> {
        let item = self.items.front().map(|item| item.mark);
        let change = self.changes.first_key_value().map(|(seq, _)| *seq);
        match (item, change) {
            (item, Some(change)) if item.is_none_or(|item| item.seq() > change) => {
                self.remove_change(change)
            }
            _ => self.pop_item(),
        }
    }

    fn pop_item(&mut self) -> Option<EntryMark> {
        let item = self.items.pop_front()?;
        self.bytes -= item.cost as usize;
        let len = self.items.len();
        if self.items.capacity() > 64 && len < self.items.capacity() / 4 {
            self.items.shrink_to(2 * len);
        }
        Some(item.mark)
    }

    fn remove_change(&mut self, seq: u64) -> Option<EntryMark> {
        let OlderChange { of, cost, .. } = self.changes.remove(&seq)?;
        self.bytes -= cost as usize;
        if self.by_item.get(&of) == Some(&seq) {
            self.by_item.remove(&of);
            let len = self.by_item.len();
            if self.by_item.capacity() > 64 && len < self.by_item.capacity() / 4 {
                self.by_item.shrink_to(2 * len);
            }
        }
        Some(EntryMark::new(seq, EntryKind::Change { of }))
    }

    /// A later change replaces the one of this message or event, if there is one.
    pub(super) fn replace_change_of(&mut self, item: u64) {
        if let Some(&seq) = self.by_item.get(&item) {
            self.remove_change(seq);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.items.len() + self.changes.len()
    }

    pub(super) fn size(&self) -> PartSize {
        PartSize {
            entries: self.len(),
            bytes: self.bytes,
        }
    }

    /// The number of messages and events.
    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    /// The seq of the oldest.
    pub(super) fn first(&self) -> Option<u64> {
        let item = self.first_item();
        let change = self.changes.first_key_value().map(|(seq, _)| *seq);
        item.into_iter().chain(change).min()
    }

    /// When the oldest was assigned, in milliseconds since 1970.
    pub(super) fn first_at(&self) -> Option<u64> {
        let item = self.items.front().map(|item| (item.mark.seq(), item.at));
        let change = self.changes.first_key_value();
        let change = change.map(|(seq, change)| (*seq, change.at));
        let (_, at) = item.into_iter().chain(change).min()?;
        Some(u64::from(at) * 1000)
    }

    /// The seq of the newest.
    pub(super) fn last(&self) -> Option<u64> {
        let change = self.changes.last_key_value().map(|(seq, _)| *seq);
        self.last_item().into_iter().chain(change).max()
    }

    /// The seq of the newest up to `seq`.
    pub(super) fn newest_through(&self, seq: u64) -> Option<u64> {
        let item = self.items_before(seq + 1).next().map(|item| item.seq);
        let change = self.changes.range(..=seq).next_back();
        item.into_iter().chain(change.map(|(seq, _)| *seq)).max()
    }

    /// The seq of the oldest message or event.
    pub(super) fn first_item(&self) -> Option<u64> {
        self.items.front().map(|item| item.mark.seq())
    }

    /// The seq of the newest message or event.
    pub(super) fn last_item(&self) -> Option<u64> {
        self.items.back().map(|item| item.mark.seq())
    }

    /// The seq of the first of the last `count` messages and events; of the first one if
    /// there are not as many.
    pub(super) fn first_of_last(&self, count: usize) -> Option<u64> {
        let first = self.items.len().saturating_sub(count);
        self.items.get(first).map(|item| item.mark.seq())
    }

    /// Those after `seq`, oldest first.
    pub(super) fn after(&self, seq: u64) -> OlderIter<'_> {
        OlderIter {
            items: self.items.range(self.index_after(seq)..).peekable(),
            changes: self.changes.range(seq + 1..).peekable(),
        }
    }

    /// The messages and events after `seq`, oldest first.
    pub(super) fn items_after(&self, seq: u64) -> impl Iterator<Item = OlderKey> {
        self.items
            .range(self.index_after(seq)..)
            .map(OlderItem::key)
    }

    /// The messages and events before `seq`, newest first.
    pub(super) fn items_before(&self, seq: u64) -> impl Iterator<Item = OlderKey> {
        let end = self.items.partition_point(|item| item.mark.seq() < seq);
        self.items.range(..end).rev().map(OlderItem::key)
    }

    /// The entry with the present state of a message or event: that itself, otherwise
    /// its change.
    pub(super) fn state_of(&self, item: u64) -> Option<OlderKey> {
        if let Some(own) = self.items_after(item.saturating_sub(1)).next()
            && own.seq == item
        {
            return Some(own);
        }
        let seq = self.change_of(item)?;
        let cost = self.changes.get(&seq)?.cost as usize;
        Some(OlderKey {
            seq,
            cost,
            is_item: false,
        })
    }

    /// The seq of the change of a message or event, if it is among these.
    pub(super) fn change_of(&self, item: u64) -> Option<u64> {
        self.by_item.get(&item).copied()
    }

    fn index_after(&self, seq: u64) -> usize {
        self.items.partition_point(|item| item.mark.seq() <= seq)
    }

    /// The place after `seq`, which is not before all of these; `end` is the place behind
    /// the last.
    pub(super) fn place_after(&self, seq: u64, end: Place) -> Place {
        let index = self.index_after(seq);
        let Some(next) = self.items.get(index) else {
            return end;
        };
        let messages = (end.number as u32).wrapping_sub(next.number);
        Place {
            number: end.number.saturating_sub(messages.into()),
            counted: end
                .counted
                .saturating_sub((self.items.len() - index) as u64),
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.items.capacity() + self.changes.len() + self.by_item.capacity()
    }
}

impl OlderIter<'_> {
    /// The next one.
    pub(super) fn peek(&mut self) -> Option<OlderKey> {
        let item = self.items.peek().map(|item| item.key());
        let change = self.changes.peek().map(|(seq, change)| OlderKey {
            seq: **seq,
            cost: change.cost as usize,
            is_item: false,
        });
        item.into_iter().chain(change).min_by_key(|key| key.seq)
    }
}

impl Iterator for OlderIter<'_> {
    type Item = OlderKey;

    fn next(&mut self) -> Option<OlderKey> {
        let next = self.peek()?;
        match next.is_item {
            true => drop(self.items.next()),
            false => drop(self.changes.next()),
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, kind: EntryKind, number: u64) -> OlderEntry {
        OlderEntry {
            seq,
            kind,
            cost: 10,
            at: 1000 * seq,
            number,
        }
    }

    /// Messages 10, 20, …, an event after each third, a change after each fifth; the
    /// place behind them.
    fn filled(base: u64) -> (OlderEntries, Place, Vec<(u64, Place)>) {
        let mut older = OlderEntries::default();
        let mut place = Place {
            number: base,
            counted: base,
        };
        let mut places = Vec::new();
        for at in 1..=40 {
            let mut push = |seq, kind| {
                older.push(entry(seq, kind, place.number));
                place = place.after(kind);
                places.push((seq, place));
            };
            push(10 * at, EntryKind::Message);
            if at % 3 == 0 {
                push(10 * at + 1, EntryKind::Event);
            }
            if at % 5 == 0 {
                push(10 * at + 2, EntryKind::Change { of: 10 * at - 10 });
            }
        }
        (older, place, places)
    }

    #[test]
    fn each_place_is_known_also_beyond_32_bits() {
        for base in [1, u64::from(u32::MAX) - 20, u64::from(u32::MAX) + 5] {
            let (older, end, places) = filled(base);
            for (seq, place) in places {
                assert_eq!(older.place_after(seq, end), place, "{seq}");
            }
        }
    }

    #[test]
    fn entries_come_and_go_in_the_order_of_their_ids() {
        let (mut older, ..) = filled(1);
        let seqs: Vec<_> = older.after(0).map(|key| key.seq).collect();
        assert!(seqs.is_sorted());
        assert_eq!(seqs.len(), older.len());
        assert_eq!(older.after(52).next().unwrap().seq, 60);
        assert_eq!((older.first(), older.last()), (Some(10), Some(402)));
        assert_eq!(older.items_before(60).next().unwrap().seq, 50);
        assert_eq!(older.first_of_last(2), Some(391));
        let popped: Vec<_> = std::iter::from_fn(|| older.pop())
            .map(EntryMark::seq)
            .collect();
        assert_eq!(popped, seqs);
        assert_eq!(older.size(), PartSize::default());
        assert!(older.by_item.is_empty());
    }

    #[test]
    fn a_change_that_was_replaced_takes_no_place() {
        let (mut older, ..) = filled(1);
        let before = older.size();
        assert_eq!(older.state_of(40).unwrap().seq, 40);
        assert_eq!(older.change_of(40), Some(52));
        older.replace_change_of(40);
        older.replace_change_of(40);
        assert_eq!(older.change_of(40), None);
        assert_eq!(older.size().entries, before.entries - 1);
        assert_eq!(older.size().bytes, before.bytes - 10);
        // The message itself is gone, and its change is not.
        while older.first_item() <= Some(90) {
            older.pop();
        }
        assert_eq!(older.state_of(90).unwrap().seq, 102);
        assert!(older.state_of(85).is_none());
    }
}
