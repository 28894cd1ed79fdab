//! The rows of `rooms`.

use rusqlite::{Connection, params};

use super::checksum::RowChecksum;
use super::open_error::LoadError;
use super::values::Values;
use crate::chat::place::Place;
use crate::protocol::RoomName;

/// The mark of a room whose tombstone is dropped.
const DROPPED: i64 = 0;

/// A row of `rooms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoomRow {
    pub(super) id: i64,
    pub(super) name: RoomName,
    /// All entries up to this seq are evicted.
    pub(super) evicted_through: u64,
    /// The place of the next entry, when the row was written.
    pub(super) next: Place,
    pub(super) is_counted_from_start: bool,
    /// When the row was written, or later.
    pub(super) last_used: i64,
    pub(super) bans: i64,
    pub(super) status: RoomStatus,
}

/// Whether a room is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomStatus {
    Present,
    /// Forgotten: the place of its tombstone among all, from 1 on.
    Tombstone(i64),
    /// Its tombstone is dropped. Rows of its entries may still be there.
    Dropped,
}

impl RoomRow {
    pub(super) fn new(id: i64, name: RoomName) -> Self {
        Self {
            id,
            name,
            evicted_through: 0,
            next: Place::FIRST,
            is_counted_from_start: true,
            last_used: 0,
            bans: 0,
            status: RoomStatus::Present,
        }
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut write = connection.prepare_cached(
            "REPLACE INTO rooms (id, name, evicted_through, number, counted, from_start, \
             last_used, bans, forgotten, checksum) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        write.execute(params![
            self.id,
            self.name.as_str(),
            self.evicted_through.cast_signed(),
            self.next.number.cast_signed(),
            self.next.counted.cast_signed(),
            self.is_counted_from_start,
            self.last_used,
            self.bans,
            self.forgotten(),
            self.checksum(),
        ])?;
        Ok(())
    }

    pub(super) fn delete(connection: &Connection, id: i64) -> rusqlite::Result<()> {
        let mut delete = connection.prepare_cached("DELETE FROM rooms WHERE id = ?1")?;
        delete.execute([id])?;
        Ok(())
    }

    /// Reads all rows.
    pub(super) fn read_all(connection: &Connection) -> Result<Vec<Self>, LoadError> {
        let mut read = connection.prepare(
            "SELECT id, name, evicted_through, number, counted, from_start, last_used, bans, \
             forgotten, checksum FROM rooms ORDER BY id",
        )?;
        let mut rows = read.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(Self::from_row(Values(row))?);
        }
        Ok(all)
    }

    fn from_row(values: Values<'_>) -> Result<Self, LoadError> {
        let id = values.int(0)?;
        let damaged = || LoadError::Damaged(format!("room {id} is not as it was written"));
        let name = RoomName::parse(values.text(1)?.unwrap_or_default());
        let row = Self {
            id,
            name: name.map_err(|_| damaged())?,
            evicted_through: values.int(2)?.cast_unsigned(),
            next: Place {
                number: values.int(3)?.cast_unsigned(),
                counted: values.int(4)?.cast_unsigned(),
            },
            is_counted_from_start: values.int(5)? != 0,
            last_used: values.int(6)?,
            bans: values.int(7)?,
            status: match values.optional_int(8)? {
                None => RoomStatus::Present,
                Some(DROPPED) => RoomStatus::Dropped,
                Some(place) => RoomStatus::Tombstone(place),
            },
        };
        match values.int(9)? == row.checksum() {
            true => Ok(row),
            false => Err(damaged()),
        }
    }

    fn forgotten(&self) -> Option<i64> {
        match self.status {
            RoomStatus::Present => None,
            RoomStatus::Tombstone(place) => Some(place),
            RoomStatus::Dropped => Some(DROPPED),
        }
    }

    fn checksum(&self) -> i64 {
        RowChecksum::of("rooms")
            .int(self.id)
            .bytes(self.name.as_str().as_bytes())
            .int(self.evicted_through.cast_signed())
            .int(self.next.number.cast_signed())
            .int(self.next.counted.cast_signed())
            .int(self.is_counted_from_start.into())
            .int(self.last_used)
            .int(self.bans)
            .optional_int(self.forgotten())
            .value()
    }
}
