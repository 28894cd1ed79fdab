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
    /// The same rooms, oldest tombstone first, except for those that expire.
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

    /// Adds the tombstones of a store, oldest first. `dropped_through` is the highest
    /// seq at which one was dropped.
    #[cfg(feature = "data")]
    pub(super) fn restore(
        &mut self,
        tombstones: Vec<(RoomName, RoomTombstone)>,
        dropped_through: u64,
    ) {
        for (room, tombstone) in tombstones {
            self.insert(room, tombstone);
        }
        self.dropped_through = dropped_through;
    }

    /// Adds the tombstone of `room`.
    pub(super) fn insert(&mut self, room: RoomName, tombstone: RoomTombstone) {
        self.order.insert(self.next_key, room.clone());
        self.rooms.insert(room, (self.next_key, tombstone));
        self.next_key += 1;
    }

    /// All entries after `end` are lost. `stored` has the tombstones that a store has
    /// instead of those that end after it.
    pub(super) fn lose_after(
        &mut self,
        end: u64,
        stored: impl Fn(&RoomName) -> Option<RoomTombstone>,
    ) {
        for (room, (_, tombstone)) in &mut self.rooms {
            if tombstone.through > end {
                let next = tombstone.next;
                let known = RoomTombstone { through: end, next };
                *tombstone = stored(room).unwrap_or(known);
            }
        }
        self.dropped_through = self.dropped_through.min(end);
    }

    /// The room whose tombstone expires, if there are too many. It is kept until
    /// [`Self::drop_expired`].
    pub(super) fn expire_oldest(&mut self) -> Option<RoomName> {
        let is_full = self.order.len() > self.capacity;
        is_full
            .then(|| self.order.pop_first())?
            .map(|(_, room)| room)
    }

    /// Drops a tombstone that expires, unless it was taken. `newest` is above every
    /// cursor that a reader of the room can have.
    pub(super) fn drop_expired(&mut self, room: &RoomName, newest: u64) {
        let known = self.rooms.get(room);
        if known.is_some_and(|(key, _)| !self.order.contains_key(key)) {
            self.rooms.remove(room);
        }
        self.dropped_through = newest;
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
        forgotten.insert(room("a"), tombstone);
        assert_eq!(forgotten.expire_oldest(), None);
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
            forgotten.insert(room(name), tombstone);
        }
        assert_eq!(forgotten.expire_oldest(), Some(room("a")));
        assert_eq!(forgotten.expire_oldest(), None);
        forgotten.drop_expired(&room("a"), 9);
        assert_eq!(forgotten.rooms.len(), 2);
        assert_eq!(forgotten.order.len(), 2);
        let dropped = Some(RoomTombstone {
            through: 9,
            next: Place::FIRST,
        });
        assert_eq!(forgotten.take(&room("a")), dropped);
        assert_eq!(forgotten.take(&room("c")), Some(tombstone));
    }

    #[test]
    fn a_tombstone_that_expires_can_be_taken_until_it_is_dropped() {
        let tombstone = RoomTombstone {
            through: 7,
            next: Place::FIRST,
        };
        let mut forgotten = ForgottenRooms::with_capacity(1);
        forgotten.insert(room("a"), tombstone);
        forgotten.insert(room("b"), tombstone);
        assert_eq!(forgotten.expire_oldest(), Some(room("a")));
        assert_eq!(forgotten.take(&room("a")), Some(tombstone));
        forgotten.insert(room("a"), tombstone);
        forgotten.drop_expired(&room("a"), 9);
        assert_eq!(forgotten.take(&room("a")), Some(tombstone), "a later one");
        assert_eq!(
            forgotten.take(&room("c")).map(|known| known.through),
            Some(9)
        );
    }
}
