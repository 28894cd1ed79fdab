//! The way from an assigned entry to a shown one: at once without a store, otherwise
//! when it is durable. What history no longer holds leaves the store, too.

use tokio::time::Instant;

use super::Rooms;
use crate::chat::entry::Entry;
use crate::chat::forgotten_rooms::RoomTombstone;
use crate::chat::log::{EntryLog, Record};
use crate::chat::published::Published;
use crate::protocol::RoomName;

impl Rooms {
    /// Shows an entry that was just assigned, or keeps it until it is durable.
    /// `current` is as of [`Record::Entry`].
    pub(super) fn log_entry(
        &mut self,
        name: &RoomName,
        entry: Entry,
        current: Option<Entry>,
        now: Instant,
    ) -> Published {
        self.assigned = entry.seq();
        let EntryLog::Stored(queue) = &mut self.log else {
            self.show(name, entry.clone(), current, now);
            return Published::New(entry);
        };
        let room = self.by_name.get_mut(name).expect("the room exists");
        room.add_pending(entry.clone(), current.clone());
        queue.push(Record::Entry {
            room: name.clone(),
            entry: entry.clone(),
            current,
            evicted_through: room.history.evicted_through(),
        });
        Published::Pending {
            entry,
            is_new: true,
            commit: queue.wait(),
        }
    }

    /// The answer to a request that adds nothing. `state` is the present state of a
    /// message or event of the room.
    pub(super) fn nothing_new(&mut self, name: &RoomName, state: Entry) -> Published {
        let is_pending = self.get(name).is_some_and(|room| room.is_pending(&state));
        match is_pending {
            true => Published::Pending {
                entry: state,
                is_new: false,
                commit: self.log.wait(),
            },
            false => Published::Duplicate(state),
        }
    }

    /// Shows what is durable.
    pub(in crate::chat) fn show_record(&mut self, record: Record, now: Instant) {
        match record {
            Record::Entry {
                room,
                entry,
                current,
                ..
            } => {
                self.show(&room, entry, current, now);
                // A room is not scheduled to be forgotten while something of it waits.
                if self.get(&room).is_some_and(|room| room.due.is_none()) {
                    self.schedule(&room, now);
                }
            }
            Record::TombstoneDropped { room, through } => {
                self.forgotten.drop_expired(&room, through);
                self.shown = through;
            }
            // They were in effect before.
            Record::Evicted { .. }
            | Record::FlushEvictions
            | Record::Forgotten { .. }
            | Record::Banned { .. }
            | Record::BansLifted { .. } => {}
        }
    }

    /// Removes from the store what the room no longer holds.
    pub(super) fn log_evictions(&mut self, name: &RoomName) {
        let Some(queue) = self.log.queue() else {
            return;
        };
        let Some(room) = self.by_name.get_mut(name) else {
            return;
        };
        let count = room.take_evicted();
        if count > 0 {
            queue.push(Record::Evicted {
                room: name.clone(),
                count,
                through: room.history.evicted_through(),
            });
        }
    }

    /// Keeps the tombstone of a room. There may be too many of them: then the oldest
    /// is dropped, and that room's numbers start again at 1. This uses up one seq, so
    /// that even a reader with the newest message of that room is behind it and gets a
    /// gap.
    pub(super) fn keep_tombstone(&mut self, name: &RoomName, tombstone: RoomTombstone) {
        self.forgotten.insert(name.clone(), tombstone);
        self.log.push(|| Record::Forgotten {
            room: name.clone(),
            tombstone,
        });
        let Some(oldest) = self.forgotten.expire_oldest() else {
            return;
        };
        self.assigned += 1;
        let dropped = Record::TombstoneDropped {
            room: oldest,
            through: self.assigned,
        };
        match self.log.queue() {
            Some(queue) => queue.push(dropped),
            None => self.show_record(dropped, Instant::now()),
        }
    }
}
