//! The lines of JSON that a store is exported as, and imported from: one row in each,
//! rooms before what they hold, and a last line that says that it is whole. Hashes are in hexadecimal, times in milliseconds since
//! 1970.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use super::entry_row::EntryRow;
use super::open_error::{LoadError, OpenError};
use super::room_row::{RoomRow, RoomStatus};
use super::schema::FORMAT;
use super::state_row::StateRow;
use super::{bounded, time};
use crate::chat::author::Fingerprint;
use crate::chat::bans::{Ban, BanKey};
use crate::chat::generations::{EndedGeneration, Generations};
use crate::chat::log::hex;
use crate::chat::place::Place;
use crate::protocol::{EventId, RoomName};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TransferLine<'a> {
    /// The first one.
    Store(StoreLine),
    Room(RoomLine),
    Entry(Box<EntryRow<'a>>),
    Ban(BanLine),
    /// The last one. Without it an export was cut off.
    End(EndLine),
}

/// What is of the whole store.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoreLine {
    pub(super) format: i32,
    #[serde(deserialize_with = "bounded::number")]
    pub(super) seq: u64,
    #[serde(deserialize_with = "bounded::number")]
    pub(super) dropped_through: u64,
    /// The present one last.
    generations: Vec<GenerationLine>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GenerationLine {
    epoch: String,
    #[serde(
        default,
        deserialize_with = "bounded::optional",
        skip_serializing_if = "Option::is_none"
    )]
    ended: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RoomLine {
    #[serde(deserialize_with = "bounded::number")]
    id: i64,
    name: String,
    #[serde(deserialize_with = "bounded::number")]
    evicted_through: u64,
    #[serde(deserialize_with = "bounded::number")]
    number: u64,
    #[serde(deserialize_with = "bounded::number")]
    counted: u64,
    from_start: bool,
    #[serde(deserialize_with = "bounded::number")]
    last_used: i64,
    #[serde(
        default,
        deserialize_with = "bounded::optional",
        skip_serializing_if = "Option::is_none"
    )]
    forgotten: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BanLine {
    #[serde(deserialize_with = "bounded::number")]
    pub(super) room: i64,
    author: String,
    message: EventId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(deserialize_with = "bounded::number")]
    until: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndLine {
    /// How many lines are before it. An import may have fewer: rooms can be left out.
    pub(super) lines: u64,
}

/// Why a store was not exported or imported.
#[derive(Debug)]
pub(in crate::chat) enum TransferError {
    /// The store can't be read or made.
    Store(OpenError),
    /// The lines can't be read or written.
    Lines(io::Error),
    /// A line is not one of a store. The first one has number 1.
    Line(u64, String),
}

impl StoreLine {
    pub(super) fn of(state: &StateRow, generations: &Generations) -> Self {
        let ended = generations.ended().map(|ended| GenerationLine {
            epoch: ended.epoch.to_string(),
            ended: Some(ended.end),
        });
        let present = GenerationLine {
            epoch: generations.present().to_string(),
            ended: None,
        };
        Self {
            format: FORMAT,
            seq: state.seq,
            dropped_through: state.dropped_through,
            generations: ended.chain([present]).collect(),
        }
    }

    pub(super) fn generations(&self) -> Option<Generations> {
        let (present, ended) = self.generations.split_last()?;
        let ended: Option<Vec<_>> = ended
            .iter()
            .map(|line| {
                Some(EndedGeneration {
                    epoch: line.epoch.parse().ok()?,
                    end: line.ended?,
                })
            })
            .collect();
        Generations::restore(ended?, present.epoch.parse().ok()?).ok()
    }
}

impl RoomLine {
    /// `None` if nothing of the room is left.
    pub(super) fn of(row: &RoomRow) -> Option<Self> {
        Some(Self {
            id: row.id,
            name: row.name.as_str().to_owned(),
            evicted_through: row.evicted_through,
            number: row.next.number,
            counted: row.next.counted,
            from_start: row.is_counted_from_start,
            last_used: row.last_used,
            forgotten: match row.status {
                RoomStatus::Present => None,
                RoomStatus::Tombstone(place) => Some(place),
                RoomStatus::Dropped => return None,
            },
        })
    }

    pub(super) fn row(&self) -> Option<RoomRow> {
        Some(RoomRow {
            id: self.id,
            name: RoomName::parse(&self.name).ok()?,
            evicted_through: self.evicted_through,
            next: Place {
                number: self.number,
                counted: self.counted,
            },
            is_counted_from_start: self.from_start,
            last_used: self.last_used,
            bans: 0,
            status: match self.forgotten {
                None => RoomStatus::Present,
                Some(place) if place > 0 => RoomStatus::Tombstone(place),
                Some(_) => return None,
            },
        })
    }
}

impl BanLine {
    pub(super) fn of(room: i64, key: BanKey, ban: Ban) -> Self {
        Self {
            room,
            author: hex::to_text(key.fingerprint().as_bytes()),
            message: ban.message,
            name: ban.name,
            until: time::to_millis(ban.until),
        }
    }

    pub(super) fn ban(self) -> Option<(BanKey, Ban)> {
        let author = Fingerprint::from_slice(&hex::from_text(&self.author)?)?;
        let ban = Ban {
            message: self.message,
            name: self.name,
            until: time::from_millis(self.until),
        };
        Some((BanKey::from_fingerprint(author), ban))
    }
}

impl From<OpenError> for TransferError {
    fn from(error: OpenError) -> Self {
        Self::Store(error)
    }
}

impl From<LoadError> for TransferError {
    fn from(error: LoadError) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for TransferError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Lines(error) => error.fmt(f),
            Self::Line(number, why) => write!(f, "line {number}: {why}"),
        }
    }
}

impl std::error::Error for TransferError {}
