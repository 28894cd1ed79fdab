//! What is remembered of an entry whose content memory does not hold.

use super::entry::Entry;
use super::place::{EntryKind, Place};

/// The seq of an entry and what it is, in 8 bytes. Marks have the order of their seqs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryMark(u64);

impl EntryMark {
    pub(super) fn new(seq: u64, kind: EntryKind) -> Self {
        let kind = match kind {
            EntryKind::Message => 0,
            EntryKind::Event => 1,
            EntryKind::Change { .. } => 2,
        };
        Self(seq << 2 | kind)
    }

    pub(super) fn of(entry: &Entry) -> Self {
        Self::new(entry.seq(), entry.kind())
    }

    pub(super) fn seq(self) -> u64 {
        self.0 >> 2
    }

    pub(super) fn is_message(self) -> bool {
        self.0 & 3 == 0
    }

    /// Whether it is a message or an event, and not a change.
    pub(super) fn is_item(self) -> bool {
        self.0 & 3 < 2
    }

    /// The place before `marks`, which come directly before `end`. `None` if there are
    /// more of them than `end` counts.
    pub(super) fn place_before(marks: impl Iterator<Item = Self>, end: Place) -> Option<Place> {
        let (mut messages, mut items) = (0, 0);
        for mark in marks {
            messages += u64::from(mark.is_message());
            items += u64::from(mark.is_item());
        }
        Some(Place {
            number: end.number.checked_sub(messages)?,
            counted: end.counted.checked_sub(items)?,
        })
    }
}
