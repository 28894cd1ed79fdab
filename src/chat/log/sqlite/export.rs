//! Writes a store as lines of JSON.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use super::connection::connect;
use super::entry_row::{EntryRow, select};
use super::folder::{FILE, has_store};
use super::open_error::OpenError;
use super::room_row::RoomRow;
use super::state_row::StateRow;
use super::transfer::{BanLine, EndLine, RoomLine, StoreLine, TransferError, TransferLine};
use super::{ban_rows, generation_rows};

/// Writes all that the store in `dir` holds, as it is at one time; a server may have it
/// open. Returns the number of lines.
pub(in crate::chat) fn export(dir: &Path, lines: &mut dyn Write) -> Result<u64, TransferError> {
    if !has_store(dir)? {
        return Err(OpenError::Missing.into());
    }
    let connection = connect(&dir.join(FILE))?;
    // All is read in one transaction.
    connection.execute_batch("BEGIN")?;
    let mut lines = LineWriter { lines, count: 0 };
    let state = StateRow::read(&connection)?;
    let generations = generation_rows::read(&connection, state.generations)?;
    lines.write(&TransferLine::Store(StoreLine::of(&state, &generations)))?;
    let mut evicted_through = HashMap::new();
    for room in RoomRow::read_all(&connection)? {
        evicted_through.insert(room.id, room.evicted_through);
        if let Some(room) = RoomLine::of(&room) {
            lines.write(&TransferLine::Room(room))?;
        }
    }
    let mut bans = Vec::new();
    ban_rows::read(&connection, |room, key, ban| {
        bans.push(BanLine::of(room, key, ban));
        Ok(())
    })?;
    for ban in bans {
        lines.write(&TransferLine::Ban(ban))?;
    }
    let mut read = connection.prepare(&select("ORDER BY seq"))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let row = EntryRow::read(row)?;
        if evicted_through
            .get(&row.room)
            .is_some_and(|through| row.seq > *through)
        {
            lines.write(&TransferLine::Entry(Box::new(row)))?;
        }
    }
    let end = EndLine { lines: lines.count };
    lines.write(&TransferLine::End(end))?;
    lines.lines.flush().map_err(TransferError::Lines)?;
    Ok(lines.count)
}

/// Writes and counts lines.
struct LineWriter<'a> {
    lines: &'a mut dyn Write,
    count: u64,
}

impl LineWriter<'_> {
    fn write(&mut self, line: &TransferLine<'_>) -> Result<(), TransferError> {
        let mut json = serde_json::to_vec(line).expect("a line has a JSON form");
        json.push(b'\n');
        self.count += 1;
        self.lines.write_all(&json).map_err(TransferError::Lines)
    }
}
