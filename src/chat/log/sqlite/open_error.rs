//! Why a store can't be opened: one line each, which says what to do. The store is then
//! as it was before.

use std::fmt;
use std::io;

use rusqlite::ErrorCode;

use super::schema::FORMAT;

/// Why a store can't be opened.
#[derive(Debug)]
pub(in crate::chat) enum OpenError {
    /// The path is not that of a folder.
    NotAFolder,
    /// A file of the store is a link, a named pipe or the like.
    NotAFile(&'static str),
    /// The folder can't be made, read or written.
    Access(io::Error),
    /// Another process has it open.
    InUse,
    /// The file is of another program.
    Foreign,
    /// It is of a later version.
    Newer { format: i32 },
    /// It is not as it was written. The text says where.
    Damaged(String),
    /// There is none.
    Missing,
    /// There is one where another is to be made.
    Occupied,
    /// Reading or writing failed.
    Failed(String),
}

/// Why a store can't be read.
#[derive(Debug)]
pub(super) enum LoadError {
    Damaged(String),
    Sqlite(rusqlite::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFolder => f.write_str("it is not a folder; name another one"),
            Self::NotAFile(name) => write!(
                f,
                "its {name} is not a regular file; put the file itself there, or name another \
                 folder"
            ),
            Self::Access(error) => write!(
                f,
                "it can't be read and written ({error}); give the user of this process the \
                 rights to, or name another folder"
            ),
            Self::InUse => {
                f.write_str("another process has this store open; stop it, or name another folder")
            }
            Self::Foreign => {
                f.write_str("its history.sqlite3 is no store of sse-chat; name another folder")
            }
            Self::Newer { format } => write!(
                f,
                "the store has format {format} and this version reads formats up to {FORMAT}; \
                 start a later version"
            ),
            Self::Damaged(place) => write!(
                f,
                "the store is damaged ({place}); restore a backup, or move the folder away to \
                 begin without history"
            ),
            Self::Missing => f.write_str("there is no store in it; name another folder"),
            Self::Occupied => f.write_str("there is a store in it; name another folder"),
            Self::Failed(error) => write!(f, "the store can't be opened: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<rusqlite::Error> for LoadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<LoadError> for OpenError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Damaged(place) => Self::Damaged(place),
            LoadError::Sqlite(error) => error.into(),
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        let text = one_line(&error);
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(text),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Access(io::Error::other(text))
            }
            _ => Self::Failed(text),
        }
    }
}

/// An error of SQLite in one line.
pub(super) fn one_line(error: &rusqlite::Error) -> String {
    error.to_string().replace(['\n', '\r'], " ")
}
