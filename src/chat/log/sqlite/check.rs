//! The check of all of a store, which takes time in proportion to its size.

use std::collections::HashMap;

use rusqlite::Connection;

use super::entry_row::{EntryRow, select};
use super::generation_rows;
use super::open_error::LoadError;
use super::room_row::RoomRow;
use super::state_row::StateRow;

/// Checks every page of the file and every row of `entries`; a start reads the other rows,
/// all of them.
pub(super) fn check_all(connection: &Connection) -> Result<(), LoadError> {
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    match &*found {
        "ok" => check_entries(connection),
        _ => Err(LoadError::Damaged(found.replace('\n', " "))),
    }
}

fn check_entries(connection: &Connection) -> Result<(), LoadError> {
    let state = StateRow::read(connection)?;
    let generations = generation_rows::read(connection, state.generations)?;
    let rooms = RoomRow::read_all(connection)?.into_iter();
    let rooms: HashMap<_, _> = rooms.map(|room| (room.id, room.name)).collect();
    let mut read = connection.prepare(&select("ORDER BY seq"))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let row = EntryRow::read(row)?;
        // That each row has a room is checked by `load`.
        if let Some(room) = rooms.get(&row.room) {
            row.entry(generations.id(row.seq), room)?;
        }
    }
    Ok(())
}
