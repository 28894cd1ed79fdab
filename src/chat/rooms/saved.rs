//! For tests: the rooms as a store keeps them at one time, and rooms that begin with
//! that.

use std::time::SystemTime;

use tokio::time::Instant;

use super::{HubLimits, Rooms};
use crate::chat::forgotten_rooms::ForgottenRooms;
use crate::chat::generations::Generations;
use crate::chat::history::History;
use crate::chat::history_size::HistorySize;
use crate::protocol::RoomName;

/// What is durable of all rooms at one time.
#[derive(Debug)]
pub(crate) struct SavedRooms {
    limits: HubLimits,
    generations: Generations,
    seq: u64,
    forgotten: ForgottenRooms,
    rooms: Vec<(RoomName, History)>,
}

impl Rooms {
    pub(in crate::chat) fn save(&self) -> SavedRooms {
        let used = self.after(None).filter(|room| room.tombstone().is_some());
        SavedRooms {
            limits: self.limits.clone(),
            generations: self.generations.clone(),
            seq: self.shown,
            forgotten: self.forgotten.clone(),
            rooms: used
                .map(|room| (room.name.clone(), room.history.reopened()))
                .collect(),
        }
    }

    /// The rooms of a server that goes on in the generation of `saved`.
    pub(in crate::chat) fn reopen(saved: &SavedRooms) -> Self {
        Self::with_saved(saved, saved.generations.clone())
    }

    /// The rooms of a server that lost what these have published since `saved`.
    pub(in crate::chat) fn reopen_older(&self, saved: &SavedRooms, now: SystemTime) -> Self {
        let mut generations = self.generations.clone();
        generations.begin_next(saved.seq, now);
        Self::with_saved(saved, generations)
    }

    fn with_saved(saved: &SavedRooms, generations: Generations) -> Self {
        let mut rooms = Self::new(generations, saved.seq, saved.limits.clone());
        let now = Instant::now();
        for (name, history) in &saved.rooms {
            rooms.create(name, now);
            let room = rooms.by_name.get_mut(name).expect("the room exists");
            room.history = history.reopened();
            room.has_messages = true;
            rooms.resized(name, HistorySize::default());
            rooms.schedule(name, now);
        }
        rooms.forgotten = saved.forgotten.clone();
        rooms
    }
}
