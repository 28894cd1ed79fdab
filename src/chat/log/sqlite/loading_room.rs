//! A room while a store is read.

use super::open_error::LoadError;
use super::room_row::RoomRow;
use super::stored_rooms::{StoredRoom, StoredRooms};
use super::time;
use crate::chat::bans::{Ban, BanKey};
use crate::chat::entry::Entry;
use crate::chat::log::restored::RestoredRoom;
use crate::chat::older_entries::OlderEntry;
use crate::chat::place::Place;

/// A room while a store is read.
#[derive(Debug)]
pub(super) struct LoadingRoom {
    pub(super) row: RoomRow,
    /// The rows that are held, the newest first.
    pub(super) keys: Vec<OlderEntry>,
    /// The place before the last of `keys`.
    first_place: Option<Place>,
    pub(super) last_used: i64,
    /// The lowest seq that is loaded.
    pub(super) first: u64,
    /// How many of `keys` are loaded.
    loaded: usize,
    /// How many of `keys` are kept, loaded or not.
    kept: usize,
    entries: Vec<Entry>,
    pub(super) bans: Vec<(BanKey, Ban)>,
}

impl LoadingRoom {
    pub(super) fn new(row: RoomRow) -> Self {
        Self {
            last_used: row.last_used,
            row,
            keys: Vec::new(),
            first_place: None,
            first: u64::MAX,
            loaded: 0,
            kept: 0,
            entries: Vec::new(),
            bans: Vec::new(),
        }
    }

    /// Decides what is loaded: the newest entries, at most `count` and `bytes` of them.
    /// The store keeps older ones, up to `stored` with those that are loaded. Returns
    /// the bytes of what is loaded.
    pub(super) fn select(&mut self, count: usize, bytes: usize, stored: usize) -> usize {
        let mut loaded_bytes = 0;
        for key in self.keys.iter().take(count) {
            if loaded_bytes + key.cost > bytes {
                break;
            }
            loaded_bytes += key.cost;
            self.loaded += 1;
            self.first = key.seq;
        }
        self.kept = stored.min(self.keys.len()).max(self.loaded);
        loaded_bytes
    }

    /// Adds the row before those that were added. Places are consecutive, so that a hole is
    /// noticed.
    pub(super) fn push_key(&mut self, key: OlderEntry, place: Place) -> Result<(), LoadError> {
        let later = self.first_place.replace(place);
        if later.is_some_and(|later| later != place.after(key.kind)) {
            let text = format!("an entry after {} is missing", key.seq);
            return Err(LoadError::Damaged(text));
        }
        self.keys.push(key);
        Ok(())
    }

    /// Adds the next entry. Places are consecutive, so that a hole is noticed.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), LoadError> {
        let is_first_ever = self.row.evicted_through == 0
            && self.row.is_counted_from_start
            && self.keys.last().is_some_and(|key| key.seq == entry.seq());
        let place = match self.entries.last() {
            Some(last) => last.place_after(),
            None if is_first_ever => Place::FIRST,
            None => entry.place(),
        };
        if place != entry.place() {
            let text = format!("an entry before {} is missing", entry.seq());
            return Err(LoadError::Damaged(text));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// How many entries are not kept.
    pub(super) fn excess(&self) -> usize {
        self.keys.len() - self.kept
    }

    /// The room as it is restored. What is not kept is evicted.
    pub(super) fn finish(mut self, rooms: &mut StoredRooms) -> RestoredRoom {
        if let Some(last) = self.entries.last() {
            self.row.next = last.place_after();
        }
        self.row.last_used = self.last_used;
        let name = self.row.name.clone();
        let skipped = self.keys.get(self.kept).map(|key| key.seq);
        let mut room = StoredRoom::new(self.row.clone());
        room.rows = self.keys.iter().rev().map(|key| key.seq).collect();
        rooms.by_name.insert(name.clone(), room);
        if let Some(through) = skipped {
            rooms.evict(&name, through, self.excess());
        }
        let older = self.keys[self.loaded..self.kept].iter().rev();
        RestoredRoom {
            name,
            evicted_through: skipped.unwrap_or(0).max(self.row.evicted_through),
            next: self.row.next,
            is_counted_from_start: self.row.is_counted_from_start,
            last_used: time::from_millis(self.last_used),
            older: older.copied().collect(),
            entries: self.entries,
            bans: self.bans,
        }
    }
}
