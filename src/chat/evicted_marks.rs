//! The entries that a room's history has evicted: the last ones are remembered, so that
//! a gap can announce how many messages and events it covers.

use std::collections::VecDeque;

use super::entry_mark::EntryMark;
use super::place::Place;

/// Most evicted entries that a room remembers, 8 bytes each. A gap can count no more
/// messages and events than these.
pub(super) const MAX_EVICTED_MARKS: usize = 1000;

/// The entries that a room's history has evicted.
#[derive(Debug, Default)]
pub(super) struct EvictedMarks {
    /// The last evicted entries, the newest last.
    marks: VecDeque<EntryMark>,
    /// The seq of the newest evicted entry that is not in `marks`.
    uncounted_through: u64,
}

impl EvictedMarks {
    /// All entries up to `seq`, of which nothing else is known.
    pub(super) fn up_to(seq: u64) -> Self {
        Self {
            marks: VecDeque::new(),
            uncounted_through: seq,
        }
    }

    /// The seq of the newest evicted entry; 0 if none was evicted.
    pub(super) fn through(&self) -> u64 {
        let newest = self.marks.back();
        newest.map_or(self.uncounted_through, |mark| mark.seq())
    }

    /// The seq of the newest evicted entry up to `seq`, as far as remembered.
    pub(super) fn newest_through(&self, seq: u64) -> u64 {
        let end = self.marks.partition_point(|mark| mark.seq() <= seq);
        let newest = self.marks.range(..end).next_back();
        newest.map_or_else(|| self.uncounted_through.min(seq), |mark| mark.seq())
    }

    pub(super) fn push(&mut self, mark: EntryMark) {
        if self.marks.len() == MAX_EVICTED_MARKS {
            let oldest = self.marks.pop_front();
            self.uncounted_through = oldest.map_or(self.uncounted_through, EntryMark::seq);
        }
        self.marks.push_back(mark);
    }

    /// The place after `seq`, if still known; `end` is the place behind the last
    /// evicted entry.
    pub(super) fn place_after(&self, seq: u64, end: Place) -> Option<Place> {
        match seq < self.uncounted_through {
            true => None,
            false => EntryMark::place_before(self.after(seq), end),
        }
    }

    /// The entries that were evicted after `seq`, as far as remembered.
    pub(super) fn after(&self, seq: u64) -> impl Iterator<Item = EntryMark> {
        let start = self.marks.partition_point(|mark| mark.seq() <= seq);
        self.marks.range(start..).copied()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.marks.capacity()
    }
}
