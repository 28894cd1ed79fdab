//! Copies of a store: backups, exports and imports. How they are made is in
//! `log::sqlite`.

use std::fmt;
use std::io::{BufRead, Write};
use std::path::Path;

use super::log::sqlite::{self, BackupError};

/// Why a store was not copied, in one line, with the folder.
#[derive(Debug)]
pub struct CopyError(String);

impl CopyError {
    fn new(dir: &Path, error: impl fmt::Display) -> Self {
        Self(format!("{}: {error}", dir.display()))
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
    sqlite::export(dir, lines).map_err(|error| CopyError::new(dir, error))
}

/// Makes a store of the lines of [`export`] in the folder `dir`, which has none and is
/// made if it is missing. A start from it begins a new generation. Returns the number
/// of lines.
///
/// # Errors
///
/// [`CopyError`] says why there is no store.
pub fn import(dir: &Path, lines: &mut dyn BufRead) -> Result<u64, CopyError> {
    sqlite::import(dir, lines).map_err(|error| CopyError::new(dir, error))
}
