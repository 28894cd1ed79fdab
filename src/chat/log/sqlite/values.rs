//! The values of a row that was read. One of another type than its column's is damage.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::open_error::LoadError;

/// The values of a row, by column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(pub(super) &'a Row<'a>);

impl<'a> Values<'a> {
    pub(super) fn int(self, column: usize) -> Result<i64, LoadError> {
        self.optional_int(column)?.ok_or_else(|| wrong_type(column))
    }

    pub(super) fn optional_int(self, column: usize) -> Result<Option<i64>, LoadError> {
        match self.0.get_ref(column)? {
            ValueRef::Integer(value) => Ok(Some(value)),
            ValueRef::Null => Ok(None),
            _ => Err(wrong_type(column)),
        }
    }

    pub(super) fn text(self, column: usize) -> Result<Option<&'a str>, LoadError> {
        match self.0.get_ref(column)? {
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(wrong_type(column)),
            },
            ValueRef::Null => Ok(None),
            _ => Err(wrong_type(column)),
        }
    }

    pub(super) fn blob(self, column: usize) -> Result<Option<&'a [u8]>, LoadError> {
        match self.0.get_ref(column)? {
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            ValueRef::Null => Ok(None),
            _ => Err(wrong_type(column)),
        }
    }
}

fn wrong_type(column: usize) -> LoadError {
    LoadError::Damaged(format!(
        "a row has a value of another type in column {column}"
    ))
}
