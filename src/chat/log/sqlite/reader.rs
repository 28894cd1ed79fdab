//! Reads single entries of a store on a connection of its own, while the store is
//! written.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::connection::connect;
use super::entry_row::{EntryRow, select};
use super::folder::FILE;
use super::open_error::{LoadError, OpenError};
use super::reading_lock::ReadingLock;
use super::store::SqliteStore;
use crate::chat::generations::Generations;
use crate::chat::log::StoreError;
use crate::chat::log::reading::{Found, StoreReader, StoredId};

/// Reads entries of a store that is open.
#[derive(Debug)]
pub(in crate::chat) struct SqliteReader {
    connection: Connection,
    generations: Generations,
    /// Held while it reads.
    reading: Arc<ReadingLock>,
}

impl SqliteReader {
    /// A reader of the store in `dir`, which is open and has these generations.
    ///
    /// # Errors
    ///
    /// Why its file can't be opened.
    pub(in crate::chat) fn open(
        dir: &Path,
        store: &SqliteStore,
        generations: Generations,
    ) -> Result<Self, OpenError> {
        let connection = connect(&dir.join(FILE))?;
        connection.pragma_update(None, "query_only", "ON")?;
        Ok(Self {
            connection,
            generations,
            reading: store.reading(),
        })
    }

    fn read_all(&self, ids: &[StoredId]) -> Result<(Vec<Found>, Option<OpenError>), LoadError> {
        // No checkpoint that has to wait for readers comes in between.
        let _reading = self.reading.lock();
        // All of them as of one moment.
        let transaction = self.connection.unchecked_transaction()?;
        let mut find = transaction.prepare_cached(&select("WHERE seq = ?1"))?;
        let (mut entries, mut error) = (Vec::with_capacity(ids.len()), None);
        for StoredId { room, seq, .. } in ids {
            let mut rows = find.query([seq.cast_signed()])?;
            let Some(row) = rows.next()? else {
                entries.push(Found::Missing);
                continue;
            };
            let id = self.generations.id(*seq);
            match EntryRow::read(row).and_then(|row| row.entry(id, room)) {
                Ok(entry) => entries.push(Found::Entry(entry)),
                Err(LoadError::Sqlite(error)) => return Err(error.into()),
                Err(damaged) => {
                    entries.push(Found::Unreadable);
                    error = Some(OpenError::from(damaged));
                }
            }
        }
        Ok((entries, error))
    }
}

impl StoreReader for SqliteReader {
    fn read(&mut self, ids: &[StoredId]) -> (Vec<Found>, Option<StoreError>) {
        let text = |error: OpenError| StoreError(error.to_string());
        match self.read_all(ids) {
            Ok((entries, error)) => (entries, error.map(text)),
            Err(error) => (vec![Found::Unreadable; ids.len()], Some(text(error.into()))),
        }
    }
}
