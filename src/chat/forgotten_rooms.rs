//! What is left of a room that was forgotten: where its ids and its numbers
//! tombstone, so that a reader who comes back later is told what it missed, and no
//! reader of a room that never was is told of a loss.
//!
//! Bounded: beyond its capacity it forgets the oldest of these as well, and
//! then knows only that some room lost messages up to some id.

use crate::protocol::RoomName;
use std::collections::{BTreeMap, HashMap};

/// Where a forgotten room tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoomTombstone {
    /// Every message of the room up to this seq is gone.
    pub(super) through: u64,
    /// The number that the room's next message will have.
    pub(super) next_number: u64,
}

#[derive(Debug)]
pub(super) struct ForgottenRooms {
    capacity: usize,
    rooms: HashMap<RoomName, (u64, RoomTombstone)>,
    /// The same rooms in the order in which they were forgotten.
    order: BTreeMap<u64, RoomName>,
    next_key: u64,
    /// The highest seq at which an entry was given up.
    unnamed_through: u64,
}

impl ForgottenRooms {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            rooms: HashMap::new(),
            order: BTreeMap::new(),
            next_key: 0,
            unnamed_through: 0,
        }
    }

    /// Whether the next room that is noted pushes out another.
    pub(super) fn is_full(&self) -> bool {
        self.rooms.len() == self.capacity
    }

    /// Notes that `room` is forgotten. `newest` is above every cursor that a
    /// reader of a room that this pushes out may have.
    pub(super) fn insert(&mut self, room: RoomName, tombstone: RoomTombstone, newest: u64) {
        if self.is_full()
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.rooms.remove(&oldest);
            self.unnamed_through = newest;
        }
        self.order.insert(self.next_key, room.clone());
        self.rooms.insert(room, (self.next_key, tombstone));
        self.next_key += 1;
    }

    /// Where the room that is made now goes on, if there may have been one of
    /// its name before.
    pub(super) fn take(&mut self, room: &RoomName) -> Option<RoomTombstone> {
        if let Some((key, tombstone)) = self.rooms.remove(room) {
            self.order.remove(&key);
            return Some(tombstone);
        }
        (self.unnamed_through > 0).then_some(RoomTombstone {
            through: self.unnamed_through,
            next_number: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    #[test]
    fn a_room_goes_on_where_it_ended_and_a_new_one_at_the_start() {
        let tombstone = RoomTombstone {
            through: 7,
            next_number: 4,
        };
        let mut forgotten = ForgottenRooms::with_capacity(2);
        forgotten.insert(room("a"), tombstone, 9);
        assert_eq!(forgotten.take(&room("b")), None);
        assert_eq!(forgotten.take(&room("a")), Some(tombstone));
        assert_eq!(forgotten.take(&room("a")), None);
    }

    #[test]
    fn beyond_its_capacity_any_room_may_have_lost_something() {
        let tombstone = RoomTombstone {
            through: 7,
            next_number: 4,
        };
        let mut forgotten = ForgottenRooms::with_capacity(2);
        for name in ["a", "b", "c"] {
            forgotten.insert(room(name), tombstone, 9);
        }
        assert_eq!(forgotten.rooms.len(), 2);
        assert_eq!(forgotten.order.len(), 2);
        let unnamed = Some(RoomTombstone {
            through: 9,
            next_number: 1,
        });
        assert_eq!(forgotten.take(&room("a")), unnamed);
        assert_eq!(forgotten.take(&room("c")), Some(tombstone));
    }
}
