//! The rooms of a store in memory: for each the seqs of its rows, so that what is
//! evicted or forgotten is found without an index, and what its row says.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use super::checksum::KeySum;
use super::room_row::RoomRow;
use crate::chat::entry::Entry;
use crate::protocol::RoomName;

/// All rooms.
#[derive(Debug, Default)]
pub(super) struct StoredRooms {
    pub(super) by_name: HashMap<RoomName, StoredRoom>,
    /// Rooms whose tombstones are dropped. Their rows go when no row of an entry can
    /// be of them.
    pub(super) dropped: Vec<i64>,
    /// The id of the next room.
    pub(super) next_id: i64,
    /// The place of the next tombstone.
    pub(super) next_tombstone: i64,
    /// Rooms with evictions that are not stored yet.
    evicting: Vec<RoomName>,
    /// About how many entries these are.
    evicted: usize,
    /// The seqs of rows that are to be deleted, the lowest first. Their rooms' rows say
    /// that they are evicted.
    garbage: BinaryHeap<Reverse<u64>>,
    /// Rooms whose rows are to be written with the present transaction.
    changed: Vec<RoomName>,
}

/// A room.
#[derive(Debug)]
pub(super) struct StoredRoom {
    /// What its row says, or will say.
    pub(super) row: RoomRow,
    /// The seqs of its rows after `row.evicted_through`, in order.
    pub(super) rows: VecDeque<u64>,
    /// Entries up to this seq are evicted, which is not stored yet.
    evicting: Option<u64>,
    is_changed: bool,
}

impl StoredRoom {
    pub(super) fn new(row: RoomRow) -> Self {
        Self {
            row,
            rows: VecDeque::new(),
            evicting: None,
            is_changed: false,
        }
    }

    /// Adds the row of a new entry.
    pub(super) fn push(&mut self, entry: &Entry) {
        self.rows.push_back(entry.seq());
        self.row.next = entry.place_after();
        self.row.last_used = self.row.last_used.max(entry.at().cast_signed());
    }

    /// Removes a row. Returns whether it was held.
    pub(super) fn remove(&mut self, seq: u64) -> bool {
        let index = self.rows.binary_search(&seq);
        index.is_ok_and(|index| self.rows.remove(index).is_some())
    }

    pub(super) fn holds(&self, seq: u64) -> bool {
        self.rows.binary_search(&seq).is_ok()
    }
}

impl StoredRooms {
    /// A room of this name. Its row is new if there was none.
    pub(super) fn ensure(&mut self, name: &RoomName, keys: &mut KeySum) -> &mut StoredRoom {
        // Not by `entry`, which would copy the name of each message's room.
        if !self.by_name.contains_key(name) {
            let id = self.next_id;
            self.next_id += 1;
            keys.add(id);
            let row = RoomRow::new(id, name.clone());
            self.by_name.insert(name.clone(), StoredRoom::new(row));
            self.change(name);
        }
        self.by_name.get_mut(name).expect("it is there now")
    }

    /// Has the row of a room written with the present transaction.
    pub(super) fn change(&mut self, name: &RoomName) {
        if let Some(room) = self.by_name.get_mut(name)
            && !std::mem::replace(&mut room.is_changed, true)
        {
            self.changed.push(name.clone());
        }
    }

    /// The rows that are to be written with the present transaction.
    pub(super) fn take_changed(&mut self) -> Vec<&RoomRow> {
        let changed = std::mem::take(&mut self.changed);
        for name in &changed {
            if let Some(room) = self.by_name.get_mut(name) {
                room.is_changed = false;
            }
        }
        let rooms = changed.iter().filter_map(|name| self.by_name.get(name));
        rooms.map(|room| &room.row).collect()
    }

    /// Entries of the room up to `through`, about `count`, are evicted. This is not
    /// stored yet.
    pub(super) fn evict(&mut self, name: &RoomName, through: u64, count: usize) {
        let Some(room) = self.by_name.get_mut(name) else {
            return;
        };
        self.evicted += count;
        if room.evicting.replace(through).is_none() {
            self.evicting.push(name.clone());
        }
    }

    /// About how many evicted entries are not stored as such yet.
    pub(super) fn evicted(&self) -> usize {
        self.evicted
    }

    /// Whether something is to be deleted.
    pub(super) fn is_tidy(&self) -> bool {
        self.evicting.is_empty() && self.garbage.is_empty() && self.dropped.is_empty()
    }

    /// Stores all evictions with the present transaction.
    pub(super) fn apply_evictions(&mut self, keys: &mut KeySum) {
        self.evicted = 0;
        for name in std::mem::take(&mut self.evicting) {
            self.apply_eviction(&name, keys);
        }
    }

    /// The same for one room. It may have none.
    pub(super) fn apply_eviction(&mut self, name: &RoomName, keys: &mut KeySum) {
        let Some(room) = self.by_name.get_mut(name) else {
            return;
        };
        if let Some(through) = room.evicting.take() {
            self.discard(name, through, keys);
        }
    }

    /// The rows of a room up to `through` are garbage.
    pub(super) fn discard(&mut self, name: &RoomName, through: u64, keys: &mut KeySum) {
        let Some(room) = self.by_name.get_mut(name) else {
            return;
        };
        while let Some(seq) = room.rows.pop_front_if(|seq| *seq <= through) {
            keys.remove(seq.cast_signed());
            self.garbage.push(Reverse(seq));
        }
        if room.rows.is_empty() {
            // A room that is forgotten gives its memory back.
            room.rows = VecDeque::new();
        }
        room.row.evicted_through = room.row.evicted_through.max(through);
        self.change(name);
    }

    /// A row of an entry that is evicted or forgotten.
    pub(super) fn add_garbage(&mut self, seq: u64) {
        self.garbage.push(Reverse(seq));
    }

    pub(super) fn garbage(&self) -> usize {
        self.garbage.len()
    }

    /// Takes the lowest seq whose row is to be deleted.
    pub(super) fn pop_garbage(&mut self) -> Option<u64> {
        self.garbage.pop().map(|Reverse(seq)| seq)
    }
}
