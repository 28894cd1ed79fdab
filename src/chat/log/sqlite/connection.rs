//! The connection to the file, and how SQLite is set for it.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::open_error::OpenError;
use super::scrub;
use crate::config::SyncMode;

/// How long a commit waits for another program that writes to the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of the log from which on a commit moves them into the file: 64 MiB.
const MAX_WAL_PAGES: u32 = 16_384;
/// Statements that are used again.
const STATEMENTS: usize = 32;

/// A connection that leaves the file as it is, as long as nothing is written.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    no_checkpoint_on_close(&connection, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; \
         PRAGMA cache_size = -8192",
    )?;
    Ok(connection)
}

/// Prepares to write to a store that was read.
pub(super) fn configure(connection: &Connection, sync: SyncMode) -> Result<(), OpenError> {
    no_checkpoint_on_close(connection, false)?;
    let synchronous = match sync {
        // The log is synced by `WalSync`; with this, SQLite syncs it before it moves
        // it into the file, and then the file.
        SyncMode::Full | SyncMode::Batch(_) => "NORMAL",
        SyncMode::Off => "OFF",
    };
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", MAX_WAL_PAGES)?;
    Ok(scrub::prepare(connection)?)
}

/// Whether the close of the connection leaves the write-ahead log as it is.
pub(super) fn no_checkpoint_on_close(connection: &Connection, is_on: bool) -> rusqlite::Result<()> {
    let option = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(option, is_on).map(drop)
}
