//! The rows of `bans`.

use rusqlite::{Connection, params};

use super::checksum::RowChecksum;
use super::open_error::LoadError;
use super::time;
use super::values::Values;
use crate::chat::author::Fingerprint;
use crate::chat::bans::{Ban, BanKey};

/// Adds a ban, or changes it. Returns whether it is a new row.
pub(super) fn write(
    connection: &Connection,
    room: i64,
    key: BanKey,
    ban: &Ban,
) -> rusqlite::Result<bool> {
    let is_new = !delete(connection, room, key)?;
    let mut write = connection.prepare_cached(
        "INSERT INTO bans (room, author, message, name, until, checksum) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let (author, message) = (key.fingerprint().as_bytes(), ban.message.to_string());
    let until = time::to_millis(ban.until);
    let checksum = checksum(room, author, &message, ban.name.as_deref(), until);
    write.execute(params![room, author, message, ban.name, until, checksum])?;
    Ok(is_new)
}

/// Removes a ban. Returns whether there was one.
pub(super) fn delete(connection: &Connection, room: i64, key: BanKey) -> rusqlite::Result<bool> {
    let mut delete =
        connection.prepare_cached("DELETE FROM bans WHERE room = ?1 AND author = ?2")?;
    let removed = delete.execute(params![room, key.fingerprint().as_bytes()])?;
    Ok(removed > 0)
}

/// Removes all bans of a room.
pub(super) fn delete_all(connection: &Connection, room: i64) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM bans WHERE room = ?1")?;
    delete.execute([room])?;
    Ok(())
}

/// Reads all bans, each with the id of its room.
pub(super) fn read(
    connection: &Connection,
    mut each: impl FnMut(i64, BanKey, Ban) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut read =
        connection.prepare("SELECT room, author, message, name, until, checksum FROM bans")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let values = Values(row);
        let (room, until) = (values.int(0)?, values.int(4)?);
        let author = values.blob(1)?.unwrap_or_default();
        let message = values.text(2)?.unwrap_or_default();
        let name = values.text(3)?;
        if values.int(5)? != checksum(room, author, message, name, until) {
            return Err(damaged());
        }
        let key = BanKey::from_fingerprint(Fingerprint::from_slice(author).ok_or_else(damaged)?);
        let ban = Ban {
            message: message.parse().map_err(|_| damaged())?,
            name: name.map(str::to_owned),
            until: time::from_millis(until),
        };
        each(room, key, ban)?;
    }
    Ok(())
}

fn checksum(room: i64, author: &[u8], message: &str, name: Option<&str>, until: i64) -> i64 {
    RowChecksum::of("bans")
        .int(room)
        .bytes(author)
        .bytes(message.as_bytes())
        .optional_text(name)
        .int(until)
        .value()
}

pub(super) fn damaged() -> LoadError {
    LoadError::Damaged("its bans are not as they were written".to_owned())
}
