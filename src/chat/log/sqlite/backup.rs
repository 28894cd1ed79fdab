//! A copy of a store, made while a server has it open.
//!
//! SQLite writes all that it reads in one transaction into a new file, without free
//! pages: so nothing is in it of what was deleted. The server goes on; its write-ahead
//! log grows until the copy is made.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::connection::connect;
use super::folder::{FILE, has_store, in_folder, make_store};
use super::load::load;
use super::open_error::OpenError;
use super::state_row::{RunMark, StateRow};
use crate::chat::rooms::HubLimits;

/// Why there is no copy.
#[derive(Debug)]
pub(in crate::chat) enum BackupError {
    /// The store can't be read.
    Store(OpenError),
    /// The copy can't be made.
    Target(OpenError),
}

impl From<OpenError> for BackupError {
    /// An error of the copy.
    fn from(error: OpenError) -> Self {
        Self::Target(error)
    }
}

/// Copies the store in `dir` into the folder `target`, which has none. A start from the
/// copy begins a new generation. Returns the bytes of the copy.
///
/// # Errors
///
/// Why there is no copy.
pub(in crate::chat) fn backup(dir: &Path, target: &Path) -> Result<u64, BackupError> {
    if !has_store(dir).map_err(BackupError::Store)? {
        return Err(BackupError::Store(OpenError::Missing));
    }
    let source = connect(&dir.join(FILE)).map_err(BackupError::Store)?;
    in_folder(target, || copy(&source, target))
}

fn copy(source: &Connection, target: &Path) -> Result<u64, BackupError> {
    if has_store(target)? {
        return Err(OpenError::Occupied.into());
    }
    let written = make_store(target, |new| write_copy(source, new));
    written.map_err(|error| match error {
        // What is damaged in the copy came from the store.
        OpenError::Damaged(_) | OpenError::InUse => BackupError::Store(error),
        _ => BackupError::Target(error),
    })?;
    let copied = fs::metadata(target.join(FILE));
    Ok(copied.map_err(OpenError::Access)?.len())
}

fn write_copy(source: &Connection, new: &Path) -> Result<(), OpenError> {
    let path = new.to_str().ok_or_else(|| {
        OpenError::Access(io::Error::other("SQLite takes only paths that are UTF-8"))
    })?;
    source.execute("VACUUM INTO ?1", [path])?;
    let copy = connect(new)?;
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    // More may be shown than the copy has.
    let state = StateRow {
        run: RunMark::default(),
        ..load(&copy, &HubLimits::default())?.state
    };
    state.write(&copy)?;
    Ok(())
}
