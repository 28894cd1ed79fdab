//! Copies of a store: backups, exports and imports. How they are made is in
//! `log::sqlite`.

use std::fmt;
use std::io::{BufRead, Write};
use std::path::Path;

use super::log::sqlite::{self, BackupError, TransferError};

/// Why a store was not copied, in one line.
#[derive(Debug)]
pub enum CopyError {
    /// A store can't be read or made. The text begins with its folder.
    Folder(String),
    /// Lines can't be read or written, or are not those of a store.
    Lines(String),
}

impl CopyError {
    fn new(dir: &Path, error: impl fmt::Display) -> Self {
        Self::Folder(format!("{}: {error}", dir.display()))
    }

    fn of_transfer(dir: &Path, error: TransferError) -> Self {
        match error {
            TransferError::Store(error) => Self::new(dir, error),
            TransferError::Lines(_) | TransferError::Line(..) => Self::Lines(error.to_string()),
        }
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(why) | Self::Lines(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CopyError {}

/// Copies the store in `dir` into the folder `target`, which has none and is made if it is
/// missing. A server may have the store open. A start from the copy begins a new
/// generation. Returns the bytes of the copy.
///
/// # Errors
///
/// [`CopyError`] says why there is no copy.
pub fn back_up(dir: &Path, target: &Path) -> Result<u64, CopyError> {
    sqlite::backup(dir, target).map_err(|error| match error {
        BackupError::Store(error) => CopyError::new(dir, error),
        BackupError::Target(error) => CopyError::new(target, error),
    })
}

/// Writes the store in `dir` as lines of JSON. A server may have it open. Returns the
/// number of lines.
///
/// # Errors
///
/// [`CopyError`] says why not all of it was written.
pub fn export(dir: &Path, lines: &mut dyn Write) -> Result<u64, CopyError> {
    sqlite::export(dir, lines).map_err(|error| CopyError::of_transfer(dir, error))
}

/// Makes a store of the lines of [`export`] in the folder `dir`, which has none and is
/// made if it is missing. A start from it begins a new generation. Returns the number
/// of lines.
///
/// # Errors
///
/// [`CopyError`] says why there is no store.
pub fn import(dir: &Path, lines: &mut dyn BufRead) -> Result<u64, CopyError> {
    sqlite::import(dir, lines).map_err(|error| CopyError::of_transfer(dir, error))
}
