//! For tests: the rooms as a store keeps them at one time, and rooms that begin with
//! that.

use std::time::SystemTime;

use tokio::time::Instant;

use super::{HubLimits, Rooms};
use crate::chat::forgotten_rooms::{ForgottenRooms, RoomTombstone};
use crate::chat::generations::Generations;
use crate::chat::history::{History, HistoryLimits};
use crate::chat::history_size::HistorySize;
use crate::chat::log::restored::RestoredRoom;
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

impl SavedRooms {
    /// The seq of the newest entry.
    pub(in crate::chat) fn seq(&self) -> u64 {
        self.seq
    }

    /// A room as it was then; without entries if there was none.
    pub(in crate::chat) fn restored(&self, name: &RoomName) -> RestoredRoom {
        let mut rooms = self.rooms.iter();
        if let Some((_, history)) = rooms.find(|(room, _)| room == name) {
            return history.restored(name);
        }
        let limits = HistoryLimits::NONE;
        let history = match self.forgotten.clone().take(name) {
            Some(tombstone) => History::after(limits, tombstone.through, tombstone.next),
            None => History::new(limits),
        };
        history.restored(name)
    }
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

    /// A generation ends while the server runs: it loses what these rooms have published
    /// since `saved`, and loads each room anew from there.
    pub(in crate::chat) fn lose_since(&mut self, saved: &SavedRooms, now: SystemTime) {
        let reloaded = self.by_name.keys().map(|name| saved.restored(name));
        let next = self.generations.present().after(now);
        self.begin_generation(saved.seq, next, reloaded.collect());
        let [summed, counted] = self.held();
        assert_eq!(summed, counted, "the sizes of histories");
        let mut forgotten = saved.forgotten.clone();
        for name in self.by_name.keys() {
            forgotten.take(name);
        }
        for (name, history) in &saved.rooms {
            if !self.by_name.contains_key(name) {
                let (through, next) = (history.newest(), history.next_place());
                forgotten.insert(name.clone(), RoomTombstone { through, next });
            }
        }
        self.forgotten = forgotten;
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
