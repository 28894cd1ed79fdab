//! A room's history as a store has it: at the start, and when entries are lost while the
//! hub runs.

#[cfg(test)]
use std::time::SystemTime;

use super::{History, HistoryLimits};
use crate::chat::entry::Entry;
use crate::chat::log::restored::RestoredRoom;
#[cfg(test)]
use crate::protocol::RoomName;

impl History {
    /// The history of a room of a store. What exceeds the limits is evicted.
    pub(in crate::chat) fn restore(limits: HistoryLimits, restored: RestoredRoom) -> Self {
        let first = restored.entries.first();
        let mut history = Self::after(
            limits,
            restored.evicted_through,
            first.map_or(restored.next, Entry::place),
        );
        history.counted_from_start = restored.is_counted_from_start;
        for entry in restored.older {
            history.older.push(entry);
        }
        for entry in restored.entries {
            history.add(entry, None);
        }
        debug_assert_eq!(history.next, restored.next, "places are consecutive");
        history
    }

    /// This history without its entries, after those after `seq` are lost. It goes on at
    /// the place after `seq`; if that is not known any more, after the lost ones.
    pub(in crate::chat) fn emptied_after(&self, seq: u64) -> Self {
        let held = self.entries.partition_point(|entry| entry.seq() <= seq);
        let held = self.entries.range(..held).next_back().map(Entry::seq);
        let older = || self.older.newest_through(seq);
        // That of an entry of this room: a stream of several rooms gets no id twice.
        let through = held.or_else(older);
        let through = through.unwrap_or_else(|| self.evicted.newest_through(seq));
        let next = self.place_after(seq).unwrap_or(self.next);
        Self {
            counted_from_start: self.counted_from_start,
            ..Self::after(self.limits, through, next)
        }
    }

    /// This history without its entries, which are evicted.
    #[cfg(feature = "redis")]
    pub(in crate::chat) fn emptied(&self) -> Self {
        self.emptied_after(self.newest())
    }

    /// This history as a store has it.
    #[cfg(test)]
    pub(in crate::chat) fn restored(&self, name: &RoomName) -> RestoredRoom {
        RestoredRoom {
            name: name.clone(),
            evicted_through: self.evicted_through(),
            next: self.next,
            is_counted_from_start: self.counted_from_start,
            last_used: SystemTime::now(),
            older: Vec::new(),
            entries: self.entries.iter().cloned().collect(),
            bans: Vec::new(),
        }
    }
}
