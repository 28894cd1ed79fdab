//! The tombstones of forgotten rooms: where their ids and numbers ended. With
//! them a returning reader gets a gap for the messages it missed, and a reader of
//! a new room gets none.
//!
//! Bounded: beyond its capacity the oldest tombstone is dropped. From then on any
//! room may have lost messages up to some id.

use std::collections::{BTreeMap, HashMap};

use super::place::Place;
use crate::protocol::RoomName;

/// Where the ids and places of a forgotten room ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoomTombstone {
    /// All entries of the room up to this seq are gone.
    pub(super) through: u64,
    /// The place of the room's next entry.
    pub(super) next: Place,
}

#[derive(Debug, Clone)]
pub(super) struct ForgottenRooms {
    capacity: usize,
    rooms: HashMap<RoomName, (u64, RoomTombstone)>,
    /// The same rooms, oldest tombstone first.
    order: BTreeMap<u64, RoomName>,
    next_key: u64,
    /// The highest seq at which a tombstone was dropped.
    dropped_through: u64,
}

impl ForgottenRooms {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            rooms: HashMap::new(),
            order: BTreeMap::new(),
            next_key: 0,
            dropped_through: 0,
        }
    }

    /// Whether the next insert drops a tombstone.
    pub(super) fn is_full(&self) -> bool {
        self.rooms.len() == self.capacity
    }

    /// Adds the tombstone of `room`. If that drops another one, `newest` is above
    /// every cursor that a reader of that room can have.
    pub(super) fn insert(&mut self, room: RoomName, tombstone: RoomTombstone, newest: u64) {
        if self.is_full()
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.rooms.remove(&oldest);
            self.dropped_through = newest;
        }
        self.order.insert(self.next_key, room.clone());
        self.rooms.insert(room, (self.next_key, tombstone));
        self.next_key += 1;
    }

    /// Takes the tombstone for a new room of this name, if there may have been a
    /// room of this name before.
    pub(super) fn take(&mut self, room: &RoomName) -> Option<RoomTombstone> {
        if let Some((key, tombstone)) = self.rooms.remove(room) {
            self.order.remove(&key);
            return Some(tombstone);
        }
        (self.dropped_through > 0).then_some(RoomTombstone {
            through: self.dropped_through,
            next: Place::FIRST,
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
    fn only_a_forgotten_room_has_a_tombstone() {
        let tombstone = RoomTombstone {
            through: 7,
            next: Place {
                number: 4,
                counted: 5,
            },
        };
        let mut forgotten = ForgottenRooms::with_capacity(2);
        forgotten.insert(room("a"), tombstone, 9);
        assert_eq!(forgotten.take(&room("b")), None);
        assert_eq!(forgotten.take(&room("a")), Some(tombstone));
        assert_eq!(forgotten.take(&room("a")), None);
    }

    #[test]
    fn beyond_the_capacity_every_room_has_a_tombstone() {
        let tombstone = RoomTombstone {
            through: 7,
            next: Place {
                number: 4,
                counted: 5,
            },
        };
        let mut forgotten = ForgottenRooms::with_capacity(2);
        for name in ["a", "b", "c"] {
            forgotten.insert(room(name), tombstone, 9);
        }
        assert_eq!(forgotten.rooms.len(), 2);
        assert_eq!(forgotten.order.len(), 2);
        let dropped = Some(RoomTombstone {
            through: 9,
            next: Place::FIRST,
        });
        assert_eq!(forgotten.take(&room("a")), dropped);
        assert_eq!(forgotten.take(&room("c")), Some(tombstone));
    }
}
