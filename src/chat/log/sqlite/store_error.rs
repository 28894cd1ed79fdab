//! Why a store that is open fails, in one line.

use rusqlite::ErrorCode;

use super::folder::FILE;
use super::open_error::one_line;
use super::writer::WriteError;
use crate::chat::log::StoreError;

pub(super) fn not_synced(error: &std::io::Error) -> StoreError {
    StoreError(format!("the write-ahead log can't be synced: {error}"))
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Sqlite(error) => error.into(),
            WriteError::Order(text) => Self(text.to_owned()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self(format!("another program holds a lock on {FILE}"))
            }
            _ => Self(one_line(&error)),
        }
    }
}
