//! The store: opened, written in transactions, tidied and closed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::check::check_all;
use super::connection::{BUSY_TIMEOUT, configure, connect, no_checkpoint_on_close};
use super::folder::{FILE, StoreFolder, WAL};
use super::load::{LoadedStore, load};
use super::machine::Machine;
use super::open_error::OpenError;
use super::open_files::OpenFiles;
use super::reading_lock::ReadingLock;
use super::state_row::{RunMark, StateRow};
use super::store_error::not_synced;
use super::stored_rooms::StoredRooms;
use super::wal_scan::scan;
use super::wal_sync::WalSync;
use super::writer::{StoreWriter, WriteError};
use super::{generation_rows, schema};
use crate::chat::generations::Generations;
use crate::chat::log::restored::Restored;
use crate::chat::log::{Record, Store, StoreError};
use crate::chat::rooms::HubLimits;
use crate::config::SyncMode;

/// Pages of the write-ahead log that are moved into the file in a quiet moment.
const CHECKPOINT_PAGES: usize = 1024;

/// What a store is opened with.
#[derive(Debug, Clone)]
pub(in crate::chat) struct StoreOptions {
    pub(in crate::chat) sync: SyncMode,
    /// Whether all of it is checked, which takes time in proportion to its size.
    pub(in crate::chat) check: bool,
    /// Whether a new generation begins, as of a copy of another store.
    pub(in crate::chat) new_generation: bool,
    /// Bounds on the entries that are loaded.
    pub(in crate::chat) limits: HubLimits,
}

/// A store in a folder that no other process has open. Its drop closes it.
#[derive(Debug)]
pub(in crate::chat) struct SqliteStore {
    /// Before the folder: it is closed while the folder is locked.
    connection: Connection,
    sync: WalSync,
    files: OpenFiles,
    rooms: StoredRooms,
    state: StateRow,
    /// Something was deleted that is still in the write-ahead log.
    has_erased: bool,
    /// About how many pages the write-ahead log has that the file has not.
    wal_pages: usize,
    has_failed: bool,
    /// Held during a checkpoint that reads would stop.
    reading: Arc<ReadingLock>,
    _folder: StoreFolder,
}

impl SqliteStore {
    /// Opens the store in `dir`, or makes one.
    ///
    /// # Errors
    ///
    /// Why it can't be opened. It is then as it was before.
    pub(in crate::chat) fn open(
        dir: &Path,
        options: &StoreOptions,
    ) -> Result<(Self, Restored), OpenError> {
        Self::open_on(&Machine::present(), dir, options)
    }

    pub(super) fn open_on(
        machine: &Machine,
        dir: &Path,
        options: &StoreOptions,
    ) -> Result<(Self, Restored), OpenError> {
        let folder = StoreFolder::open(dir)?;
        if !folder.has_store() {
            folder.create_store(&Generations::new())?;
        }
        let wal = scan(&folder.path(WAL)).map_err(OpenError::Access);
        let read = wal.and_then(|wal| {
            let connection = connect(&folder.path(FILE))?;
            let loaded = read(&connection, options)?;
            let run = &loaded.state.run;
            let has_lost = run.has_lost_wal(wal, machine.boot.as_deref())?;
            Ok((connection, loaded, has_lost))
        });
        match read {
            Ok((connection, loaded, has_lost)) => {
                let options = StoreOptions {
                    new_generation: options.new_generation || has_lost,
                    ..options.clone()
                };
                Self::accept(machine, &options, folder, connection, loaded)
            }
            Err(error) => {
                folder.leave();
                Err(error)
            }
        }
    }

    /// Begins to write to a store that was read.
    fn accept(
        machine: &Machine,
        options: &StoreOptions,
        folder: StoreFolder,
        connection: Connection,
        loaded: LoadedStore,
    ) -> Result<(Self, Restored), OpenError> {
        let LoadedStore {
            mut state,
            rooms,
            mut restored,
        } = loaded;
        configure(&connection, options.sync)?;
        let boot = machine.boot.as_deref();
        let begins = options.new_generation || state.run.may_have_lost(boot);
        state.run = RunMark {
            is_synced: options.sync == SyncMode::Full,
            is_closed: false,
            boot: machine.boot.clone(),
        };
        connection.execute_batch("BEGIN IMMEDIATE")?;
        if begins {
            restored.generations.begin_next(state.seq, machine.now);
            state.generations = generation_rows::write(&connection, &restored.generations)?;
        }
        state.write(&connection)?;
        connection.execute_batch("COMMIT")?;
        let sync = WalSync::open(&folder.path(WAL), options.sync).map_err(OpenError::Access)?;
        folder.sync().map_err(OpenError::Access)?;
        let files = OpenFiles::find(folder.dir(), &[FILE, WAL]).map_err(OpenError::Access)?;
        let mut store = Self {
            connection,
            sync,
            files,
            rooms,
            state,
            // What the last run deleted may be in the log.
            has_erased: true,
            wal_pages: 0,
            has_failed: false,
            reading: Arc::default(),
            _folder: folder,
        };
        // The mark is in the file itself: a log that is removed is then missed. If a reader
        // of the file is in the way, `tidy` does it.
        store.has_erased = !store.checkpoint("TRUNCATE")?;
        Ok((store, restored))
    }

    /// Held by the server's own reads.
    pub(super) fn reading(&self) -> Arc<ReadingLock> {
        Arc::clone(&self.reading)
    }

    fn transaction(
        &mut self,
        write: impl FnOnce(&mut StoreWriter<'_>) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let run = |sql| -> Result<(), WriteError> {
            self.connection.prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        run("BEGIN IMMEDIATE")?;
        let mut writer = StoreWriter {
            connection: &self.connection,
            rooms: &mut self.rooms,
            state: &mut self.state,
            erased: BTreeSet::new(),
            has_erased: &mut self.has_erased,
        };
        write(&mut writer)?;
        run("COMMIT")
    }

    fn try_commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.transaction(|writer| writer.write(records))?;
        self.wal_pages += 2 + records.len() / 4;
        self.sync.committed().map_err(|error| not_synced(&error))
    }

    fn try_tidy(&mut self) -> Result<(), StoreError> {
        self.check_files()?;
        self.sync.check().map_err(|error| not_synced(&error))?;
        if !self.rooms.is_tidy() {
            self.wal_pages += 2 + self.rooms.garbage() / 4;
            self.transaction(|writer| writer.tidy())?;
            self.sync.committed().map_err(|error| not_synced(&error))?;
        }
        if self.has_erased {
            // A reader of the file, such as a backup, still needs the log.
            self.has_erased = !self.checkpoint("TRUNCATE")?;
        } else if self.wal_pages >= CHECKPOINT_PAGES {
            self.checkpoint("PASSIVE")?;
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), StoreError> {
        match self.files.replaced() {
            Some(name) => Err(StoreError(format!("{name} was removed or replaced"))),
            None => Ok(()),
        }
    }

    /// Moves the write-ahead log into the file. Returns whether all of it was.
    fn checkpoint(&mut self, mode: &str) -> rusqlite::Result<bool> {
        let _reading = self.reading.lock();
        self.connection.busy_timeout(Duration::ZERO)?;
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let is_busy = self
            .connection
            .query_row(&sql, [], |row| row.get::<_, i64>(0));
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        self.wal_pages = 0;
        Ok(is_busy? == 0)
    }

    /// Marks the store as closed once all commits are on the disk.
    fn try_close(&mut self) -> Result<(), StoreError> {
        self.check_files()?;
        self.sync.sync().map_err(|error| not_synced(&error))?;
        let full = self.connection.pragma_update(None, "synchronous", "FULL");
        full?;
        self.checkpoint("TRUNCATE")?;
        self.state.run.is_closed = true;
        self.transaction(|writer| writer.tidy())?;
        self.sync.sync().map_err(|error| not_synced(&error))?;
        self.checkpoint("TRUNCATE")?;
        Ok(())
    }

    /// Writes nothing any more.
    fn fail(&mut self) {
        self.has_failed = true;
        // The connection may be of no use.
        let _ = self.connection.execute_batch("ROLLBACK");
        let _ = no_checkpoint_on_close(&self.connection, true);
    }

    fn guarded(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(StoreError("the store failed before".to_owned()));
        }
        let written = write(self);
        if written.is_err() {
            self.fail();
        }
        written
    }
}

#[cfg(test)]
impl SqliteStore {
    /// The only number that a query or a pragma returns.
    pub(super) fn number(&self, sql: &str) -> i64 {
        let number = self.connection.query_row(sql, [], |row| row.get(0));
        number.expect("the store is open")
    }

    /// Ends as the process does that is killed: what was not committed is lost, and the
    /// store is not closed.
    pub(in crate::chat) fn crash(mut self) {
        self.fail();
    }

    /// Commits do not wait for other programs.
    pub(super) fn wait_for_no_lock(&self) {
        let set = self.connection.busy_timeout(Duration::ZERO);
        set.expect("the store is open");
    }

    /// The file grows no more, as on a full disk.
    pub(super) fn fill_up(&self) {
        let pages = self.number("PRAGMA page_count");
        let limited = self.connection.pragma_update(None, "max_page_count", pages);
        limited.expect("the store is open");
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.guarded(|store| store.try_commit(records))
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        self.guarded(Self::try_tidy)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // After a panic within a transaction.
        if !self.connection.is_autocommit() {
            self.fail();
        }
        // What failed is found by the next start.
        let _ = self.guarded(Self::try_close);
    }
}

/// Reads a store and writes nothing.
pub(super) fn read(
    connection: &Connection,
    options: &StoreOptions,
) -> Result<LoadedStore, OpenError> {
    if let Some(table) = schema::missing(connection)? {
        let text = format!("{table} is not as this version makes it");
        return Err(OpenError::Damaged(text));
    }
    if options.check {
        check_all(connection)?;
    }
    Ok(load(connection, &options.limits)?)
}
