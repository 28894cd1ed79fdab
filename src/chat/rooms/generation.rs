//! The end of a generation while the hub runs: what lies beyond it leaves history, and one
//! event of the channel sends the readers of it back. Where their streams go on is in
//! `resume`.

use std::collections::HashMap;

use tokio::time::Instant;

use super::Rooms;
use crate::chat::forgotten_rooms::RoomTombstone;
use crate::chat::generations::{CursorPlace, EndedGeneration};
use crate::chat::history::History;
use crate::chat::log::restored::RestoredRoom;
use crate::chat::room_event::RoomEvent;
use crate::protocol::{Epoch, EventId, RoomName};

impl Rooms {
    /// The present generation ends at seq `end`, and the generation `next` begins: all
    /// entries after `end` are lost. The arguments are those of
    /// [`Hub::begin_generation`](crate::chat::Hub). Returns the histories before, so that
    /// they are freed without the lock.
    pub(in crate::chat) fn begin_generation(
        &mut self,
        end: u64,
        next: Epoch,
        reloaded: Vec<RestoredRoom>,
    ) -> Vec<History> {
        debug_assert!(end <= self.shown, "only what is shown can be lost");
        debug_assert_eq!(self.shown, self.assigned, "nothing waits to be durable");
        let (now, position) = (Instant::now(), self.channel.position());
        let reloaded = reloaded.into_iter().map(|room| (room.name.clone(), room));
        let mut reloaded: HashMap<RoomName, RestoredRoom> = reloaded.collect();
        let rooms = self.by_name.values();
        let lost = rooms.filter(|room| room.history.newest() > end);
        let lost: Vec<RoomName> = lost.map(|room| room.name.clone()).collect();
        let mut before = Vec::with_capacity(lost.len());
        for name in lost {
            let stored = reloaded.remove(&name);
            before.extend(self.lose_after(&name, end, stored, (position, now)));
        }
        self.forgotten.lose_after(end, |name| {
            let room = reloaded.get(name)?;
            Some(RoomTombstone {
                through: room.newest(),
                next: room.next,
            })
        });
        self.ends.push(position, self.generations.present());
        self.generations.begin(end, next);
        self.assigned = end;
        self.shown = end;
        let ended = RoomEvent::GenerationEnded { end };
        self.channel.send_to_all(ended, now);
        self.evict_to_budget();
        before
    }

    fn lose_after(
        &mut self,
        name: &RoomName,
        end: u64,
        stored: Option<RestoredRoom>,
        (position, now): (u64, Instant),
    ) -> Option<History> {
        let room = self.by_name.get_mut(name)?;
        let size = room.history.size();
        let before = room.lose_after(end, stored, position);
        self.resized(name, size);
        self.log_evictions(name);
        self.schedule(name, now);
        Some(before)
    }

    /// The generation that was present at `position` of the channel, if it has ended
    /// since.
    pub(in crate::chat) fn ended_since(&self, position: u64) -> Option<EndedGeneration> {
        let epoch = self.ends.ended_since(position)?;
        let seq = u64::MAX;
        let end = match self.generations.place(EventId { epoch, seq }) {
            CursorPlace::Beyond { end, .. } => end,
            // More have ended since than are known.
            CursorPlace::At(_) | CursorPlace::Foreign => 0,
        };
        Some(EndedGeneration { epoch, end })
    }
}
