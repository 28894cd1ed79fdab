//! The rooms of a store, at the start.

use std::time::SystemTime;

use tokio::time::Instant;

use super::{HubLimits, Rooms};
use crate::chat::history_size::HistorySize;
use crate::chat::log::restored::{Restored, RestoredRoom};
use crate::chat::log::{CommitQueue, EntryLog};

impl Rooms {
    /// The rooms that a store held. What exceeds the limits is evicted, from the store
    /// as well.
    pub(in crate::chat) fn restore(
        limits: HubLimits,
        restored: Restored,
        queue: CommitQueue,
    ) -> Self {
        let mut rooms = Self::new(restored.generations, restored.seq, limits);
        rooms.log = EntryLog::Stored(queue);
        rooms
            .forgotten
            .restore(restored.forgotten, restored.dropped_through);
        let now = (Instant::now(), SystemTime::now());
        for room in restored.rooms {
            rooms.restore_room(room, now);
        }
        rooms
    }

    fn restore_room(&mut self, restored: RestoredRoom, (now, time): (Instant, SystemTime)) {
        let name = restored.name.clone();
        let age = time.duration_since(restored.last_used).unwrap_or_default();
        self.create(&name, now);
        let room = self.by_name.get_mut(&name).expect("it was just created");
        room.restore(restored, now.checked_sub(age).unwrap_or(now));
        self.resized(&name, HistorySize::default());
        self.schedule(&name, now);
        self.log_evictions(&name);
        self.evict_to_budget();
    }
}
