//! Rooms by the bytes that their history holds, for the eviction that keeps the
//! budget of all histories.
//!
//! Sizes are sorted into classes, each an eighth wider than the one before, so a
//! message rarely moves its room. The class of a room here is never below its
//! true one; a room that has shrunk is sorted anew when its turn comes.

use std::collections::BTreeSet;

use super::super::room::Room;
use super::Rooms;
use crate::protocol::RoomName;

#[derive(Debug, Default)]
pub(super) struct BySize {
    /// The class of each room that holds something, and its name.
    rooms: BTreeSet<(u16, RoomName)>,
}

impl BySize {
    /// The class of a size: 0 for nothing, else from 1 on.
    pub(super) fn class(bytes: usize) -> u16 {
        let Some(exponent) = bytes.checked_ilog2() else {
            return 0;
        };
        // The three bits after the leading one.
        let eighths = (bytes << (usize::BITS - 1 - exponent)) >> (usize::BITS - 4) & 7;
        // Both are small: the exponent below 64, the eighths below 8.
        1 + exponent as u16 * 8 + eighths as u16
    }

    /// Moves a room whose class has changed.
    pub(super) fn sort_again(&mut self, room: &mut Room) {
        self.remove(room);
        self.insert(room);
    }

    /// Sorts in a room that is not there.
    pub(super) fn insert(&mut self, room: &mut Room) {
        room.size_class = Self::class(room.history.bytes());
        if room.size_class > 0 {
            self.rooms.insert((room.size_class, room.name.clone()));
        }
    }

    pub(super) fn remove(&mut self, room: &Room) {
        if room.size_class > 0 {
            self.rooms.remove(&(room.size_class, room.name.clone()));
        }
    }

    /// Takes out a room of the largest class. It has to be inserted again.
    pub(super) fn pop_largest(&mut self) -> Option<(u16, RoomName)> {
        self.rooms.pop_last()
    }
}

impl Rooms {
    /// Evicts until all histories together are within the budget, from the
    /// rooms that hold most, so that a loud room does not silence the quiet ones.
    pub(super) fn keep_budget(&mut self) {
        let budget = self.limits.history_budget;
        if self.bytes <= budget {
            return;
        }
        // A little more than needed, so that it is not done for each message.
        let target = budget - budget / 4096;
        while self.bytes > target
            && let Some((class, name)) = self.by_size.pop_largest()
        {
            let Some(room) = self.by_name.get_mut(&name) else {
                debug_assert!(false, "{name:?} is forgotten and has a size");
                continue;
            };
            while self.bytes > target && BySize::class(room.history.bytes()) == class {
                let before = room.history.bytes();
                room.history.evict_oldest();
                self.bytes -= before - room.history.bytes();
                self.held -= 1;
            }
            self.by_size.insert(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_an_eighth_wide_and_in_order() {
        assert_eq!(BySize::class(0), 0);
        let mut last = 0;
        for bytes in 1..100_000 {
            let class = BySize::class(bytes);
            assert!(class >= last, "{bytes}");
            let wider = BySize::class(bytes + bytes / 4 + 1);
            assert!(wider > class, "{bytes} and a quarter more are one class");
            last = class;
        }
        assert!(BySize::class(usize::MAX) > last);
    }
}
