//! The row of an entry: what is written of it, and the entry that is read from it.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, Statement, ToSql, params};
use serde::{Deserialize, Serialize};

use super::bounded;
use super::checksum::RowChecksum;
use super::open_error::LoadError;
use super::values::Values;
use crate::chat::author::{Author, Fingerprint};
use crate::chat::draft::{RequestHash, RetryKey};
use crate::chat::entry::Entry;
use crate::chat::entry::parts::{EntryParts, StoredState};
use crate::chat::log::{hex, reaction_list};
use crate::chat::place::{EntryKind, Place};
use crate::protocol::{ClientId, EventId, RoomName};

/// Its parameters are the columns of [`COLUMNS`].
pub(super) const INSERT: &str = "INSERT INTO entries (seq, room, kind, change_of, cost, \
    assigned_at, number, counted, deleted, client_id, request, subject, edit_key, address, event, \
    created_at, state, reactions, checksum) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
/// The same in place of the row of this seq.
pub(super) const REPLACE: &str = "REPLACE INTO entries (seq, room, kind, change_of, cost, \
    assigned_at, number, counted, deleted, client_id, request, subject, edit_key, address, event, \
    created_at, state, reactions, checksum) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
/// All columns, in the order in which [`EntryRow::read`] expects them.
const COLUMNS: &str = "seq, room, kind, change_of, cost, assigned_at, number, counted, \
    deleted, client_id, request, subject, edit_key, address, event, created_at, state, reactions, \
    checksum";

/// The values of a row of `entries`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EntryRow<'a> {
    #[serde(deserialize_with = "bounded::number")]
    pub(super) seq: u64,
    #[serde(deserialize_with = "bounded::number")]
    pub(super) room: i64,
    kind: i64,
    #[serde(
        default,
        deserialize_with = "bounded::optional",
        skip_serializing_if = "Option::is_none"
    )]
    change_of: Option<i64>,
    #[serde(deserialize_with = "bounded::cost")]
    cost: i64,
    #[serde(deserialize_with = "bounded::number")]
    pub(super) assigned_at: i64,
    #[serde(deserialize_with = "bounded::number")]
    number: i64,
    #[serde(deserialize_with = "bounded::number")]
    counted: i64,
    deleted: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<Cow<'a, str>>,
    #[serde(default, with = "hex", skip_serializing_if = "Option::is_none")]
    request: Option<Cow<'a, [u8]>>,
    #[serde(default, with = "hex", skip_serializing_if = "Option::is_none")]
    subject: Option<Cow<'a, [u8]>>,
    #[serde(default, with = "hex", skip_serializing_if = "Option::is_none")]
    edit_key: Option<Cow<'a, [u8]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<Cow<'a, str>>,
    #[serde(with = "text")]
    state: Cow<'a, [u8]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reactions: Option<Cow<'a, str>>,
}

/// The query of rows for [`EntryRow::read`]: `which` follows the name of the table.
pub(super) fn select(which: &str) -> String {
    format!("SELECT {COLUMNS} FROM entries {which}")
}

/// What an entry is, by the columns `kind` and `change_of`.
pub(super) fn kind_of(kind: i64, change_of: Option<i64>) -> EntryKind {
    match (kind, change_of) {
        (_, Some(of)) => EntryKind::Change {
            of: of.cast_unsigned(),
        },
        (1, None) => EntryKind::Event,
        _ => EntryKind::Message,
    }
}

/// A value that is stored as text without another check that it is UTF-8.
struct Text<'a>(&'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

impl<'a> EntryRow<'a> {
    /// The row of `entry`, whose parts are `parts`, in the room with this id.
    pub(super) fn of(entry: &Entry, parts: &'a EntryParts<'a>, room: i64) -> Self {
        let (kind, change_of) = match parts.kind {
            EntryKind::Message => (0, None),
            EntryKind::Event => (1, None),
            EntryKind::Change { of } => (2, Some(of.cast_signed())),
        };
        let (mut event, mut created_at, mut deleted) = (None, None, 0);
        let state: &[u8] = match &parts.state {
            StoredState::Message(json) => json,
            StoredState::Deleted(json) => {
                deleted = 1;
                json
            }
            StoredState::Event {
                name,
                payload,
                created_at: at,
            } => {
                event = Some(Cow::Borrowed(&**name));
                created_at = Some(Cow::Borrowed(&**at));
                payload.as_bytes()
            }
        };
        let retry_key = parts.retry_key.as_ref();
        let author = &parts.author;
        let hash = |hash: &'a Fingerprint| Cow::Borrowed(hash.as_bytes());
        Self {
            seq: entry.seq(),
            room,
            kind,
            change_of,
            cost: i64::try_from(entry.cost()).unwrap_or(i64::MAX),
            assigned_at: parts.at.cast_signed(),
            number: parts.place.number.cast_signed(),
            counted: parts.place.counted.cast_signed(),
            deleted,
            client_id: retry_key.map(|key| Cow::Borrowed(key.client_id.as_str())),
            request: retry_key.map(|key| hash(key.request.fingerprint())),
            subject: author.subject.as_ref().map(hash),
            edit_key: author.edit_key.as_ref().map(hash),
            address: author.address.map(|address| address.to_string().into()),
            event,
            created_at,
            state: Cow::Borrowed(state),
            reactions: parts
                .reactions
                .as_ref()
                .map(|reactions| reaction_list::to_json(reactions).into()),
        }
    }

    /// The row of this message or event with the state that `change` announces.
    pub(super) fn with_state(self, change: Self) -> Self {
        let (mut event, mut created_at) = (self.event, self.created_at);
        if change.deleted != 0 {
            (event, created_at) = (None, None);
        }
        Self {
            cost: change.cost,
            deleted: change.deleted,
            event,
            created_at,
            state: change.state,
            reactions: change.reactions,
            ..self
        }
    }

    /// Writes the row by [`INSERT`] or [`REPLACE`].
    pub(super) fn write(&self, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
        statement.execute(params![
            self.seq.cast_signed(),
            self.room,
            self.kind,
            self.change_of,
            self.cost,
            self.assigned_at,
            self.number,
            self.counted,
            self.deleted,
            self.client_id,
            self.request,
            self.subject,
            self.edit_key,
            self.address,
            self.event,
            self.created_at,
            Text(&self.state),
            self.reactions,
            self.checksum(),
        ])?;
        Ok(())
    }

    /// Reads the columns of [`COLUMNS`].
    pub(super) fn read(row: &'a Row<'_>) -> Result<Self, LoadError> {
        let values = Values(row);
        let read = Self {
            seq: values.int(0)?.cast_unsigned(),
            room: values.int(1)?,
            kind: values.int(2)?,
            change_of: values.optional_int(3)?,
            cost: values.int(4)?,
            assigned_at: values.int(5)?,
            number: values.int(6)?,
            counted: values.int(7)?,
            deleted: values.int(8)?,
            client_id: values.text(9)?.map(Cow::Borrowed),
            request: values.blob(10)?.map(Cow::Borrowed),
            subject: values.blob(11)?.map(Cow::Borrowed),
            edit_key: values.blob(12)?.map(Cow::Borrowed),
            address: values.text(13)?.map(Cow::Borrowed),
            event: values.text(14)?.map(Cow::Borrowed),
            created_at: values.text(15)?.map(Cow::Borrowed),
            state: values.text(16)?.unwrap_or_default().as_bytes().into(),
            reactions: values.text(17)?.map(Cow::Borrowed),
        };
        match values.int(18)? == read.checksum() {
            true => Ok(read),
            false => Err(read.damaged()),
        }
    }

    fn checksum(&self) -> i64 {
        RowChecksum::of("entries")
            .int(self.seq.cast_signed())
            .int(self.room)
            .int(self.kind)
            .optional_int(self.change_of)
            .int(self.cost)
            .int(self.assigned_at)
            .int(self.number)
            .int(self.counted)
            .int(self.deleted)
            .optional_text(self.client_id.as_deref())
            .optional_bytes(self.request.as_deref())
            .optional_bytes(self.subject.as_deref())
            .optional_bytes(self.edit_key.as_deref())
            .optional_text(self.address.as_deref())
            .optional_text(self.event.as_deref())
            .optional_text(self.created_at.as_deref())
            .bytes(&self.state)
            .optional_text(self.reactions.as_deref())
            .value()
    }

    /// The entry. Its row is as it was written, so that what can't be parsed is of
    /// another version.
    pub(super) fn entry(&self, id: EventId, room: &RoomName) -> Result<Entry, LoadError> {
        let parts = self.parts().ok_or_else(|| self.damaged())?;
        Ok(Entry::restore(id, room, parts))
    }

    fn parts(&self) -> Option<EntryParts<'_>> {
        let kind = match (self.kind, self.change_of) {
            (0, None) => EntryKind::Message,
            (1, None) => EntryKind::Event,
            (2, Some(of)) => EntryKind::Change {
                of: of.cast_unsigned(),
            },
            _ => return None,
        };
        let state = match (self.deleted, kind) {
            (0, EntryKind::Event) => StoredState::Event {
                name: self.event.as_deref()?.into(),
                payload: std::str::from_utf8(&self.state).ok()?.into(),
                created_at: self.created_at.as_deref()?.into(),
            },
            (0, _) => StoredState::Message(Cow::Borrowed(&self.state)),
            _ => StoredState::Deleted(Cow::Borrowed(&self.state)),
        };
        let reactions = match self.reactions.as_deref() {
            Some(json) => Some(reaction_list::from_json(json)?.into()),
            None => None,
        };
        Some(EntryParts {
            kind,
            place: Place {
                number: self.number.cast_unsigned(),
                counted: self.counted.cast_unsigned(),
            },
            at: self.assigned_at.cast_unsigned(),
            state,
            retry_key: self.retry_key()?,
            author: self.author()?,
            reactions,
        })
    }

    fn retry_key(&self) -> Option<Option<RetryKey>> {
        let Some(client_id) = self.client_id.as_deref() else {
            return Some(None);
        };
        let request = Fingerprint::from_slice(self.request.as_deref()?)?;
        Some(Some(RetryKey {
            client_id: ClientId::parse(client_id).ok()?,
            request: RequestHash::from_fingerprint(request),
        }))
    }

    fn author(&self) -> Option<Author> {
        let hash = |hash: Option<&[u8]>| {
            hash.map(Fingerprint::from_slice)
                .map_or(Some(None), |hash| hash.map(Some))
        };
        Some(Author {
            subject: hash(self.subject.as_deref())?,
            edit_key: hash(self.edit_key.as_deref())?,
            address: match self.address.as_deref() {
                Some(address) => Some(address.parse().ok()?),
                None => None,
            },
        })
    }

    fn damaged(&self) -> LoadError {
        LoadError::Damaged(format!("entry {} is not as it was written", self.seq))
    }
}

/// Bytes that are text, as a field of JSON.
mod text {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Cow<'static, [u8]>, D::Error> {
        Ok(Cow::Owned(String::deserialize(deserializer)?.into_bytes()))
    }
}
