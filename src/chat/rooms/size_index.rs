//! Rooms ordered by the bytes of a part of their history, to find the rooms to evict
//! from.
//!
//! Sizes fall into classes, each an eighth wider than the one before, so a
//! message rarely moves its room. The class of a room in the index is never below
//! its true one; a room that has shrunk is moved when it is taken out.

use std::collections::BTreeSet;

use crate::chat::history_size::HistoryPart;
use crate::chat::room::Room;
use crate::protocol::RoomName;

#[derive(Debug)]
pub(super) struct SizeIndex {
    part: HistoryPart,
    /// The class and name of each room of whose history this part is not empty.
    rooms: BTreeSet<(u16, RoomName)>,
}

impl SizeIndex {
    pub(super) fn of(part: HistoryPart) -> Self {
        Self {
            part,
            rooms: BTreeSet::new(),
        }
    }

    /// The class of the room's present size.
    pub(super) fn class_of(&self, room: &Room) -> u16 {
        Self::class(room.history.size().of(self.part).bytes)
    }

    /// The class of a size: 0 for an empty history, else from 1 on.
    fn class(bytes: usize) -> u16 {
        let Some(exponent) = bytes.checked_ilog2() else {
            return 0;
        };
        // The three bits after the leading one.
        let eighths = (bytes << (usize::BITS - 1 - exponent)) >> (usize::BITS - 4) & 7;
        // No overflow: the exponent is below 64, the eighths below 8.
        1 + exponent as u16 * 8 + eighths as u16
    }

    /// Moves a room that has grown to its current class.
    pub(super) fn update(&mut self, room: &mut Room) {
        if self.class_of(room) > room.size_classes[self.part as usize] {
            self.remove(room);
            self.insert(room);
        }
    }

    /// Adds a room that is not in the index.
    pub(super) fn insert(&mut self, room: &mut Room) {
        let class = self.class_of(room);
        room.size_classes[self.part as usize] = class;
        if class > 0 {
            self.rooms.insert((class, room.name.clone()));
        }
    }

    pub(super) fn remove(&mut self, room: &Room) {
        let class = room.size_classes[self.part as usize];
        if class > 0 {
            self.rooms.remove(&(class, room.name.clone()));
        }
    }

    /// Takes a room of the largest class. The caller inserts it again.
    pub(super) fn pop_largest(&mut self) -> Option<(u16, RoomName)> {
        self.rooms.pop_last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_an_eighth_wide_and_in_order() {
        assert_eq!(SizeIndex::class(0), 0);
        let mut last = 0;
        for bytes in 1..100_000 {
            let class = SizeIndex::class(bytes);
            assert!(class >= last, "{bytes}");
            let wider = SizeIndex::class(bytes + bytes / 4 + 1);
            assert!(wider > class, "{bytes} and a quarter more are in one class");
            last = class;
        }
        assert!(SizeIndex::class(usize::MAX) > last);
    }
}
