//! For tests: a server with a store ends and starts again, or a generation of it ends, in
//! memory.

use std::sync::Arc;
use std::time::SystemTime;

use super::generations::{CursorPlace, Generations};
use super::hub::Hub;
use super::rooms::{Rooms, SavedRooms};
use crate::protocol::{Epoch, EventId, RoomName};

impl Hub {
    /// What is durable now.
    pub(crate) fn save(&self) -> SavedRooms {
        self.lock().save()
    }

    /// A server that goes on in the generation of `saved`.
    pub(crate) fn reopen(saved: &SavedRooms) -> Arc<Self> {
        Self::of(Rooms::reopen(saved))
    }

    /// A server that lost what this one has published since `saved`: it begins another
    /// generation.
    pub(crate) fn reopen_older(&self, saved: &SavedRooms) -> Arc<Self> {
        Self::of(self.lock().reopen_older(saved, SystemTime::now()))
    }

    /// This server loses what it has published since `saved` while it runs: a generation
    /// ends.
    pub(crate) fn lose_since(&self, saved: &SavedRooms) {
        self.lock().lose_since(saved, SystemTime::now());
    }

    /// A server without rooms and without this one's history, in a later epoch.
    pub(crate) fn replace(&self) -> Arc<Self> {
        let rooms = self.lock();
        let epoch: Epoch = rooms.generations().present().after(SystemTime::now());
        let generations = Generations::restore([], epoch).expect("a chain of one");
        Self::with_generations(rooms.limits().clone(), generations, 0)
    }

    /// The seq of the newest entry of a room that it does not hold any more. That of a
    /// forgotten room is not known.
    pub(crate) fn evicted_through(&self, room: &RoomName) -> Option<u64> {
        let rooms = self.lock();
        Some(rooms.get(room)?.history.evicted_through())
    }

    /// The place of a cursor in this history.
    pub(crate) fn place(&self, cursor: EventId) -> CursorPlace {
        self.lock().generations().place(cursor)
    }
}
