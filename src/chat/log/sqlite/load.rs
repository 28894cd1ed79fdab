//! Reads a store at the start.
//!
//! The first pass reads a few columns of all entries, the newest first: it compares them
//! with the sums of the state, so that no row can be missing, and it decides what is
//! loaded. The second reads the entries that are. What does not fit into memory stays
//! in the store, as far as it is to keep more, or is evicted: its rows are deleted later.

use std::cmp::Reverse;
use std::collections::HashMap;

use rusqlite::Connection;

use super::checksum::KeySum;
use super::entry_row::{EntryRow, kind_of, select};
use super::loading_room::LoadingRoom;
use super::open_error::LoadError;
use super::room_row::{RoomRow, RoomStatus};
use super::state_row::StateRow;
use super::stored_rooms::{StoredRoom, StoredRooms};
use super::values::Values;
use super::{ban_rows, generation_rows};
use crate::chat::forgotten_rooms::RoomTombstone;
use crate::chat::generations::Generations;
use crate::chat::log::restored::Restored;
use crate::chat::older_entries::OlderEntry;
use crate::chat::place::Place;
use crate::chat::rooms::HubLimits;

/// A store as it was read.
#[derive(Debug)]
pub(super) struct LoadedStore {
    pub(super) state: StateRow,
    pub(super) rooms: StoredRooms,
    pub(super) restored: Restored,
}

/// Reads all of a store but what exceeds `limits`.
pub(super) fn load(connection: &Connection, limits: &HubLimits) -> Result<LoadedStore, LoadError> {
    let state = StateRow::read(connection)?;
    let generations = generation_rows::read(connection, state.generations)?;
    let mut loading = Loading::read_rooms(connection, &state)?;
    loading.read_keys(connection, &state)?;
    loading.select(limits);
    loading.read_entries(connection, &generations)?;
    loading.read_bans(connection)?;
    Ok(loading.finish(state, generations))
}

/// The rooms while they are read.
#[derive(Debug)]
struct Loading {
    rooms: Vec<LoadingRoom>,
    /// The place of each room in `rooms`, by its id.
    by_id: HashMap<i64, usize>,
    garbage: Vec<u64>,
    /// The lowest seq that is loaded.
    first: u64,
}

impl Loading {
    fn read_rooms(connection: &Connection, state: &StateRow) -> Result<Self, LoadError> {
        let mut keys = KeySum::default();
        let rows = RoomRow::read_all(connection)?;
        let rooms = rows.into_iter().map(|row| {
            keys.add(row.id);
            LoadingRoom::new(row)
        });
        let rooms: Vec<_> = rooms.collect();
        if keys != state.rooms {
            return Err(LoadError::Damaged("a room is missing".to_owned()));
        }
        let ids = rooms.iter().enumerate();
        Ok(Self {
            by_id: ids.map(|(place, room)| (room.row.id, place)).collect(),
            rooms,
            garbage: Vec::new(),
            first: u64::MAX,
        })
    }

    /// The first pass.
    fn read_keys(&mut self, connection: &Connection, state: &StateRow) -> Result<(), LoadError> {
        let mut read = connection.prepare(
            "SELECT seq, room, cost, assigned_at, kind, change_of, number, counted FROM entries \
             ORDER BY seq DESC",
        )?;
        let mut rows = read.query([])?;
        let mut keys = KeySum::default();
        while let Some(row) = rows.next()? {
            let values = Values(row);
            let (seq, cost) = (values.int(0)?.cast_unsigned(), values.int(2)?);
            let place = self.by_id.get(&values.int(1)?);
            let room = place.map(|place| &mut self.rooms[*place]);
            let Some(room) = room.filter(|_| seq <= state.seq) else {
                let text = format!("entry {seq} is of no room, or was never assigned");
                return Err(LoadError::Damaged(text));
            };
            if seq <= room.row.evicted_through {
                self.garbage.push(seq);
                continue;
            }
            let at = values.int(3)?;
            if room.keys.is_empty() {
                room.last_used = room.last_used.max(at);
            }
            let place = Place {
                number: values.int(6)?.cast_unsigned(),
                counted: values.int(7)?.cast_unsigned(),
            };
            let entry = OlderEntry {
                seq,
                kind: kind_of(values.int(4)?, values.optional_int(5)?),
                cost: usize::try_from(cost).unwrap_or(0),
                at: at.max(0).cast_unsigned(),
                number: place.number,
            };
            room.push_key(entry, place)?;
            keys.add(seq.cast_signed());
        }
        match keys == state.entries {
            true => Ok(()),
            false => Err(LoadError::Damaged(format!(
                "it has {} entries and should have {}, or others",
                keys.count, state.entries.count
            ))),
        }
    }

    /// Decides which entries are loaded: of each room its newest ones within the limits
    /// of a room, the rooms last used first.
    fn select(&mut self, limits: &HubLimits) {
        self.rooms.sort_by_key(|room| Reverse(room.last_used));
        let places = self.rooms.iter().enumerate();
        self.by_id = places.map(|(place, room)| (room.row.id, place)).collect();
        let mut budget = limits.history_budget;
        for room in &mut self.rooms {
            let most = budget.min(limits.history_bytes);
            budget -= room.select(limits.history, most, limits.stored_history);
            self.first = self.first.min(room.first);
        }
    }

    /// The second pass.
    fn read_entries(
        &mut self,
        connection: &Connection,
        generations: &Generations,
    ) -> Result<(), LoadError> {
        self.read_next_places(connection, generations)?;
        if self.first == u64::MAX {
            return Ok(());
        }
        let mut read = connection.prepare(&select("WHERE seq >= ?1 ORDER BY seq"))?;
        let mut rows = read.query([self.first.cast_signed()])?;
        while let Some(row) = rows.next()? {
            let values = Values(row);
            let (seq, id) = (values.int(0)?.cast_unsigned(), values.int(1)?);
            let place = self.by_id.get(&id).copied();
            let Some(room) = place.map(|place| &mut self.rooms[place]) else {
                continue;
            };
            if seq < room.first || seq <= room.row.evicted_through {
                continue;
            }
            let entry = EntryRow::read(row)?.entry(generations.id(seq), &room.row.name)?;
            room.push(entry)?;
        }
        Ok(())
    }

    /// Reads where the rooms continue of which no entry is loaded.
    fn read_next_places(
        &mut self,
        connection: &Connection,
        generations: &Generations,
    ) -> Result<(), LoadError> {
        let mut read = connection.prepare(&select("WHERE seq = ?1"))?;
        for room in self.rooms.iter_mut().filter(|room| room.first == u64::MAX) {
            let Some(newest) = room.keys.first().map(|key| key.seq) else {
                continue;
            };
            let mut rows = read.query([newest.cast_signed()])?;
            if let Some(row) = rows.next()? {
                let id = generations.id(newest);
                let entry = EntryRow::read(row)?.entry(id, &room.row.name)?;
                room.row.next = entry.place_after();
            }
        }
        Ok(())
    }

    fn read_bans(&mut self, connection: &Connection) -> Result<(), LoadError> {
        ban_rows::read(connection, |room, key, ban| {
            let place = self.by_id.get(&room);
            let room = place.map(|place| &mut self.rooms[*place]);
            room.ok_or_else(ban_rows::damaged)?.bans.push((key, ban));
            Ok(())
        })?;
        let is_whole = |room: &LoadingRoom| room.bans.len() as i64 == room.row.bans;
        match self.rooms.iter().all(is_whole) {
            true => Ok(()),
            false => Err(ban_rows::damaged()),
        }
    }

    fn finish(self, state: StateRow, generations: Generations) -> LoadedStore {
        let mut rooms = StoredRooms::default();
        rooms.next_id = self.by_id.keys().max().map_or(1, |id| id + 1);
        rooms.next_tombstone = 1;
        let (mut forgotten, mut restored) = (Vec::new(), Vec::new());
        let mut excess = 0;
        for room in self.rooms {
            match room.row.status {
                RoomStatus::Present => {
                    excess += room.excess();
                    restored.push(room.finish(&mut rooms));
                }
                RoomStatus::Tombstone(place) => {
                    rooms.next_tombstone = rooms.next_tombstone.max(place + 1);
                    let tombstone = RoomTombstone {
                        through: room.row.evicted_through,
                        next: room.row.next,
                    };
                    forgotten.push((place, (room.row.name.clone(), tombstone)));
                    let name = room.row.name.clone();
                    rooms.by_name.insert(name, StoredRoom::new(room.row));
                }
                RoomStatus::Dropped => rooms.dropped.push(room.row.id),
            }
        }
        for seq in self.garbage {
            rooms.add_garbage(seq);
        }
        forgotten.sort_by_key(|(place, _)| *place);
        let restored = Restored {
            generations,
            seq: state.seq,
            dropped_through: state.dropped_through,
            forgotten: forgotten.into_iter().map(|(_, room)| room).collect(),
            rooms: restored,
            excess,
        };
        LoadedStore {
            state,
            rooms,
            restored,
        }
    }
}
