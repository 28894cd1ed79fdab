//! What a store held at the start, or when a room is loaded anew.

use std::time::SystemTime;

use crate::chat::bans::{Ban, BanKey};
use crate::chat::entry::Entry;
use crate::chat::forgotten_rooms::RoomTombstone;
use crate::chat::generations::Generations;
use crate::chat::older_entries::OlderEntry;
use crate::chat::place::Place;
use crate::protocol::RoomName;

/// What a store held at the start.
#[derive(Debug)]
pub(in crate::chat) struct Restored {
    pub(in crate::chat) generations: Generations,
    /// The newest seq that was used.
    pub(in crate::chat) seq: u64,
    /// The `through` of the last tombstone that was dropped; 0 if none was.
    pub(in crate::chat) dropped_through: u64,
    /// The tombstones, oldest first.
    pub(in crate::chat) forgotten: Vec<(RoomName, RoomTombstone)>,
    pub(in crate::chat) rooms: Vec<RestoredRoom>,
    /// Entries of these rooms that the store held and that exceed its limits. They are
    /// deleted.
    pub(in crate::chat) excess: usize,
}

impl Restored {
    /// How many entries the store held.
    pub(in crate::chat) fn stored_entries(&self) -> usize {
        let rooms = self.rooms.iter();
        let kept = rooms.map(|room| room.older.len() + room.entries.len());
        self.excess + kept.sum::<usize>()
    }
}

/// A room that a store held.
#[derive(Debug)]
pub(in crate::chat) struct RestoredRoom {
    pub(in crate::chat) name: RoomName,
    /// The seq of the newest evicted entry; 0 if none was evicted.
    pub(in crate::chat) evicted_through: u64,
    /// The place behind the newest entry.
    pub(in crate::chat) next: Place,
    /// Whether the first place is that of the first entry ever published in the room.
    pub(in crate::chat) is_counted_from_start: bool,
    pub(in crate::chat) last_used: SystemTime,
    /// Those that are left in the store, in the order of their ids.
    pub(in crate::chat) older: Vec<OlderEntry>,
    /// Those after them, in their present state.
    pub(in crate::chat) entries: Vec<Entry>,
    pub(in crate::chat) bans: Vec<(BanKey, Ban)>,
}

impl RestoredRoom {
    /// The seq of the newest entry that was ever in the room's history; 0 if there was
    /// none.
    pub(in crate::chat) fn newest(&self) -> u64 {
        let newest = self.entries.last().map(Entry::seq);
        let older = || self.older.last().map(|entry| entry.seq);
        newest.or_else(older).unwrap_or(self.evicted_through)
    }

    /// Evicts the entries up to `seq`, if there are any.
    pub(in crate::chat) fn evict_through(&mut self, seq: u64) {
        let through = seq.min(self.newest()).max(self.evicted_through);
        self.older.retain(|entry| entry.seq > through);
        self.entries.retain(|entry| entry.seq() > through);
        self.evicted_through = through;
    }
}
