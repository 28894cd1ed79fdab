//! Reads single entries of a store on a connection of its own, while the store is
//! written.

use std::path::Path;

use rusqlite::Connection;

use super::connection::connect;
use super::entry_row::{COLUMNS, EntryRow};
use super::folder::FILE;
use super::open_error::OpenError;
use crate::chat::entry::Entry;
use crate::chat::generations::Generations;
use crate::chat::log::StoreError;
use crate::chat::log::reading::{StoreReader, StoredId};

/// Reads entries of a store that is open.
#[derive(Debug)]
pub(in crate::chat) struct SqliteReader {
    connection: Connection,
    generations: Generations,
}

impl SqliteReader {
    /// A reader of the store in `dir`, which has these generations.
    ///
    /// # Errors
    ///
    /// Why its file can't be opened.
    pub(in crate::chat) fn open(dir: &Path, generations: Generations) -> Result<Self, OpenError> {
        let connection = connect(&dir.join(FILE))?;
        connection.pragma_update(None, "query_only", "ON")?;
        Ok(Self {
            connection,
            generations,
        })
    }

    fn read_all(&self, ids: &[StoredId]) -> Result<Vec<Option<Entry>>, OpenError> {
        // All of them as of one moment.
        let transaction = self.connection.unchecked_transaction()?;
        let sql = format!("SELECT {COLUMNS} FROM entries WHERE seq = ?1");
        let mut find = transaction.prepare_cached(&sql)?;
        let mut entries = Vec::with_capacity(ids.len());
        for StoredId { room, seq, .. } in ids {
            let mut rows = find.query([seq.cast_signed()])?;
            let entry = match rows.next()? {
                Some(row) => Some(EntryRow::read(row)?.entry(self.generations.id(*seq), room)?),
                None => None,
            };
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl StoreReader for SqliteReader {
    fn read(&mut self, ids: &[StoredId]) -> Result<Vec<Option<Entry>>, StoreError> {
        self.read_all(ids)
            .map_err(|error| StoreError(error.to_string()))
    }
}
