//! Writes records within a transaction. When it begins and ends is decided in `store`.
//!
//! Evicted entries are not deleted at once: first the row of their room says that they
//! are evicted, then their rows are deleted in slices, the lowest seq first. Rows that
//! are next to one another are often deleted together, which writes fewer pages.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};

use super::ban_rows;
use super::entry_row::{EntryRow, INSERT, REPLACE, select};
use super::open_error::LoadError;
use super::room_row::{RoomRow, RoomStatus};
use super::scrub::scrub;
use super::state_row::StateRow;
use super::stored_rooms::{StoredRoom, StoredRooms};
use crate::chat::entry::Entry;
use crate::chat::forgotten_rooms::RoomTombstone;
use crate::chat::log::Record;
use crate::chat::place::EntryKind;
use crate::protocol::RoomName;

/// Evictions that a commit stores along with its records.
const EVICTED_WITH_COMMIT: usize = 1024;
/// Rows that wait to be deleted before a commit deletes some of them.
const GARBAGE_WITH_COMMIT: usize = 256;
/// Rows that a commit deletes, or twice its records.
const DELETED_WITH_COMMIT: usize = 512;
/// Rows that are deleted in a quiet moment.
const DELETED_WHILE_IDLE: usize = 4096;

/// A transaction on the store.
#[derive(Debug)]
pub(super) struct StoreWriter<'a> {
    pub(super) connection: &'a Connection,
    pub(super) rooms: &'a mut StoredRooms,
    pub(super) state: &'a mut StateRow,
    /// The seqs at which something was that this transaction deletes for its author or a
    /// moderator.
    pub(super) erased: BTreeSet<u64>,
    /// Something was deleted that is still in the write-ahead log.
    pub(super) has_erased: &'a mut bool,
}

type WriteResult = Result<(), WriteError>;

/// Why records can't be written.
#[derive(Debug)]
pub(super) enum WriteError {
    Sqlite(rusqlite::Error),
    /// A record does not fit what was stored before.
    Order(&'static str),
}

impl StoreWriter<'_> {
    pub(super) fn write(&mut self, records: &[Record]) -> WriteResult {
        for record in records {
            self.write_record(record)?;
        }
        let is_flush = |record: &Record| matches!(record, Record::FlushEvictions);
        if self.rooms.evicted() >= EVICTED_WITH_COMMIT || records.iter().any(is_flush) {
            self.rooms.apply_evictions(&mut self.state.entries);
        }
        if self.rooms.garbage() >= GARBAGE_WITH_COMMIT {
            self.delete_garbage(DELETED_WITH_COMMIT.max(2 * records.len()))?;
        }
        // With the deletion itself: after a crash nothing says what is still to be erased.
        *self.has_erased |= !self.erased.is_empty();
        scrub(self.connection, std::mem::take(&mut self.erased))?;
        self.finish()
    }

    /// Stores evictions and deletes a slice of rows.
    pub(super) fn tidy(&mut self) -> WriteResult {
        self.rooms.apply_evictions(&mut self.state.entries);
        self.delete_garbage(DELETED_WHILE_IDLE)?;
        if self.rooms.garbage() == 0 {
            for id in std::mem::take(&mut self.rooms.dropped) {
                RoomRow::delete(self.connection, id)?;
                self.state.rooms.remove(id);
            }
        }
        self.finish()
    }

    /// Writes the rows of rooms that changed, and the state.
    fn finish(&mut self) -> WriteResult {
        for row in self.rooms.take_changed() {
            row.write(self.connection)?;
        }
        Ok(self.state.write(self.connection)?)
    }

    fn write_record(&mut self, record: &Record) -> WriteResult {
        match record {
            Record::Entry {
                room,
                entry,
                current,
                evicted_through,
            } => {
                self.prepare_room(room, entry, *evicted_through);
                self.write_entry(room, entry, current.as_ref())?;
            }
            Record::Evicted {
                room,
                count,
                through,
            } => self.rooms.evict(room, *through, *count),
            // After all records.
            Record::FlushEvictions => {}
            Record::Forgotten { room, tombstone } => self.forget(room, *tombstone)?,
            Record::TombstoneDropped { room, through } => self.drop_tombstone(room, *through)?,
            Record::Banned { room, key, ban } => {
                let stored = self.rooms.ensure(room, &mut self.state.rooms);
                if ban_rows::write(self.connection, stored.row.id, *key, ban)? {
                    stored.row.bans += 1;
                    self.rooms.change(room);
                }
            }
            Record::BansLifted { room, keys } => {
                let stored = self.rooms.ensure(room, &mut self.state.rooms);
                for key in keys {
                    let is_deleted = ban_rows::delete(self.connection, stored.row.id, *key)?;
                    stored.row.bans -= i64::from(is_deleted);
                }
                self.rooms.change(room);
            }
        }
        Ok(())
    }

    /// Makes sure that the room of a new entry is there.
    fn prepare_room(&mut self, name: &RoomName, entry: &Entry, evicted_through: u64) {
        let keys = &mut self.state.rooms;
        let is_present = |room: &StoredRoom| room.row.status == RoomStatus::Present;
        if self.rooms.by_name.get(name).is_some_and(is_present) {
            return;
        }
        let row = &mut self.rooms.ensure(name, keys).row;
        row.status = RoomStatus::Present;
        row.evicted_through = row.evicted_through.max(evicted_through);
        row.is_counted_from_start = evicted_through == 0 || entry.place().counted > 0;
        self.rooms.change(name);
    }

    fn write_entry(
        &mut self,
        name: &RoomName,
        entry: &Entry,
        current: Option<&Entry>,
    ) -> WriteResult {
        if entry.seq() <= self.state.seq {
            return Err(WriteError::Order("an entry has a seq that was used before"));
        }
        if let EntryKind::Change { of } = entry.kind() {
            let earlier = self.replace_change(name, of)?;
            match current {
                Some(current) => self.replace_own(name, current)?,
                None if self.holds(name, of) => self.change_own(of, entry)?,
                None if entry.is_deleted() => self.delete_evicted(name, of)?,
                // After a crash it must not be there again, in the state of before.
                None => self.rooms.apply_eviction(name, &mut self.state.entries),
            }
            if entry.is_deleted() {
                self.erased.extend(earlier.into_iter().chain([of]));
            }
        }
        let room = self.rooms.by_name.get_mut(name);
        let room = room.ok_or(WriteError::Order("the room of an entry is not there"))?;
        let parts = entry.parts();
        let row = EntryRow::of(entry, &parts, room.row.id);
        let mut insert = self.connection.prepare_cached(INSERT)?;
        row.write(&mut insert)?;
        room.push(entry);
        self.state.entries.add(entry.seq().cast_signed());
        self.state.seq = entry.seq();
        Ok(())
    }

    /// Deletes the earlier change of a message or event. Returns its seq.
    fn replace_change(&mut self, name: &RoomName, of: u64) -> Result<Option<u64>, WriteError> {
        let mut find = self
            .connection
            .prepare_cached("SELECT seq FROM entries WHERE change_of = ?1")?;
        let earlier = find.query_row([of.cast_signed()], |row| row.get::<_, i64>(0));
        let earlier = earlier.optional()?.map(i64::cast_unsigned);
        if let Some(earlier) = earlier {
            self.delete_row(name, earlier)?;
        }
        Ok(earlier)
    }

    /// Gives a message or event its new state in its own place.
    fn replace_own(&mut self, name: &RoomName, current: &Entry) -> WriteResult {
        let mut find = self
            .connection
            .prepare_cached("SELECT room FROM entries WHERE seq = ?1")?;
        let seq = current.seq();
        let found = find.query_row([seq.cast_signed()], |row| row.get(0));
        let is_held = self.holds(name, seq);
        match found.optional()? {
            Some(room) => {
                let parts = current.parts();
                let row = EntryRow::of(current, &parts, room);
                let mut replace = self.connection.prepare_cached(REPLACE)?;
                Ok(row.write(&mut replace)?)
            }
            None if is_held => Err(WriteError::MISSING),
            None => Ok(()),
        }
    }

    /// Gives a message or event, of which only the store has the row, the state that
    /// `change` announces.
    fn change_own(&mut self, of: u64, change: &Entry) -> WriteResult {
        let mut find = self.connection.prepare_cached(&select("WHERE seq = ?1"))?;
        let mut rows = find.query([of.cast_signed()])?;
        let row = rows.next()?.ok_or(WriteError::MISSING)?;
        let own = EntryRow::read(row)?;
        let parts = change.parts();
        let changed = own.with_state(EntryRow::of(change, &parts, 0));
        let mut replace = self.connection.prepare_cached(REPLACE)?;
        Ok(changed.write(&mut replace)?)
    }

    fn holds(&self, name: &RoomName, seq: u64) -> bool {
        let room = self.rooms.by_name.get(name);
        room.is_some_and(|room| room.holds(seq))
    }

    /// Deletes the row of an evicted message or event at once: nothing of its content is
    /// to be left.
    fn delete_evicted(&mut self, name: &RoomName, seq: u64) -> WriteResult {
        self.rooms.apply_eviction(name, &mut self.state.entries);
        self.delete_row(name, seq)
    }

    fn delete_row(&mut self, name: &RoomName, seq: u64) -> WriteResult {
        if let Some(room) = self.rooms.by_name.get_mut(name)
            && room.remove(seq)
        {
            self.state.entries.remove(seq.cast_signed());
        }
        self.delete(seq)
    }

    fn forget(&mut self, name: &RoomName, tombstone: RoomTombstone) -> WriteResult {
        let place = self.rooms.next_tombstone;
        self.rooms.next_tombstone += 1;
        let row = &mut self.rooms.ensure(name, &mut self.state.rooms).row;
        row.status = RoomStatus::Tombstone(place);
        row.next = tombstone.next;
        if row.bans > 0 {
            row.bans = 0;
            ban_rows::delete_all(self.connection, row.id)?;
        }
        self.rooms
            .discard(name, tombstone.through, &mut self.state.entries);
        Ok(())
    }

    fn drop_tombstone(&mut self, name: &RoomName, through: u64) -> WriteResult {
        self.state.seq = self.state.seq.max(through);
        self.state.dropped_through = through;
        let is_present = |room: &StoredRoom| room.row.status == RoomStatus::Present;
        if self.rooms.by_name.get(name).is_none_or(is_present) {
            return Ok(());
        }
        if let Some(mut room) = self.rooms.by_name.remove(name) {
            room.row.status = RoomStatus::Dropped;
            room.row.write(self.connection)?;
            self.rooms.dropped.push(room.row.id);
        }
        Ok(())
    }

    fn delete_garbage(&mut self, most: usize) -> WriteResult {
        for _ in 0..most {
            let Some(seq) = self.rooms.pop_garbage() else {
                break;
            };
            self.delete(seq)?;
        }
        Ok(())
    }

    fn delete(&self, seq: u64) -> WriteResult {
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM entries WHERE seq = ?1")?;
        delete.execute([seq.cast_signed()])?;
        Ok(())
    }
}

impl WriteError {
    /// The row of an entry that should be there is not.
    const MISSING: Self = Self::Order("a changed entry is not there");
}

impl From<LoadError> for WriteError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Sqlite(error) => Self::Sqlite(error),
            LoadError::Damaged(_) => Self::Order("a changed entry is not as it was written"),
        }
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
