//! What the functions answer.

use redis::Value;

use crate::item::{Entry, Place, StoredBan};
use crate::value::{BadAnswer, Parts, parse, unknown};

/// The state of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The epoch of what is assigned now.
    pub epoch: String,
    /// The newest seq.
    pub seq: u64,
    /// The generations that have ended, the oldest first, each with the seq at which it did.
    pub ended: Vec<(String, u64)>,
    /// The number of the newest change of members.
    pub presence: u64,
}

/// The place of an entry that was assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// Its place among all entries of the history, from 1 on.
    pub seq: u64,
    /// The place before it in its room.
    pub place: Place,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// The answer to a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishAnswer {
    /// A new entry.
    Assigned(Assigned),
    /// The request was published before, with this seq.
    Repeated(u64),
    /// The client id is that of another request.
    Reused,
    /// The caller knows another generation as the present one: nothing is published.
    OtherEpoch(String),
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeAnswer {
    /// A new entry.
    Assigned(Assigned),
    /// Another change came first. This is the seq of the latest one that is held; 0 if none.
    Conflict(u64),
    /// The room does not hold it.
    Gone,
    /// The caller knows another generation as the present one: nothing is changed.
    OtherEpoch(String),
}

/// A room as the history has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The newest seq of all rooms, as of which this is.
    pub as_of: u64,
    /// The place of its next entry; behind `up_to` that of the oldest one that is held.
    pub next: Place,
    /// The seq of its newest evicted entry; 0 if none was evicted.
    pub evicted: u64,
    /// The room may have had entries before its first number.
    pub is_late: bool,
    /// Its newest entries, the oldest first.
    pub entries: Vec<Entry>,
    /// Its bans, some of which may have ended.
    pub bans: Vec<StoredBan>,
}

/// The answer of a function, or the epoch that it is refused for.
pub(crate) enum Outcome {
    /// The rest of an answer that begins with `OK`.
    Done(Parts),
    /// The first word of another answer, and its rest.
    Other(String, Parts),
}

pub(crate) fn outcome(value: Value) -> Result<Outcome, BadAnswer> {
    let mut parts = Parts::of(value)?;
    let word: String = parts.next()?;
    Ok(match word.as_str() {
        "OK" => Outcome::Done(parts),
        _ => Outcome::Other(word, parts),
    })
}

impl Opened {
    pub(crate) fn read(mut parts: Parts) -> Result<Self, BadAnswer> {
        let (epoch, seq) = (parts.next()?, parts.next()?);
        let lines: Vec<String> = parts.next()?;
        let end_of = |line: &String| {
            let (epoch, end) = line.split_once(' ').ok_or_else(|| unknown(line))?;
            Ok((epoch.to_owned(), parse(end)?))
        };
        let ended = lines.iter().map(end_of).collect::<Result<_, BadAnswer>>()?;
        Ok(Self {
            epoch,
            seq,
            ended,
            presence: parts.next()?,
        })
    }
}

impl Assigned {
    fn read(mut parts: Parts) -> Result<Self, BadAnswer> {
        Ok(Self {
            seq: parts.next()?,
            place: Place {
                number: parts.next()?,
                counted: parts.next()?,
            },
            at: parts.next()?,
        })
    }
}

impl PublishAnswer {
    pub(crate) fn read(value: Value) -> Result<Self, BadAnswer> {
        read_write(
            value,
            Self::Assigned,
            Self::OtherEpoch,
            |word, parts| match word {
                "REPEATED" => parts.next().map(Self::Repeated),
                "REUSED" => Ok(Self::Reused),
                other => Err(unknown(other)),
            },
        )
    }
}

impl ChangeAnswer {
    pub(crate) fn read(value: Value) -> Result<Self, BadAnswer> {
        read_write(
            value,
            Self::Assigned,
            Self::OtherEpoch,
            |word, parts| match word {
                "CONFLICT" => parts.next().map(Self::Conflict),
                "GONE" => Ok(Self::Gone),
                other => Err(unknown(other)),
            },
        )
    }
}

/// The answer to a call that writes an entry: the place of the entry, the present epoch,
/// or another `refusal`, which depends on the call.
fn read_write<T>(
    value: Value,
    assigned: fn(Assigned) -> T,
    other_epoch: fn(String) -> T,
    refusal: fn(&str, &mut Parts) -> Result<T, BadAnswer>,
) -> Result<T, BadAnswer> {
    match outcome(value)? {
        Outcome::Done(parts) => Assigned::read(parts).map(assigned),
        Outcome::Other(word, mut parts) if word == "EPOCH" => parts.next().map(other_epoch),
        Outcome::Other(word, mut parts) => refusal(&word, &mut parts),
    }
}

impl Loaded {
    pub(crate) fn read(mut parts: Parts) -> Result<Self, BadAnswer> {
        let as_of = parts.next()?;
        let next = Place {
            number: parts.next()?,
            counted: parts.next()?,
        };
        let (evicted, is_late) = (parts.next()?, parts.next::<u8>()? == 1);
        let mut newest_first = parts.next_parts()?;
        let mut entries = Vec::new();
        while !newest_first.is_empty() {
            entries.push(Entry::read(newest_first.next_parts()?)?);
        }
        entries.reverse();
        let mut stored = parts.next_parts()?;
        let mut bans = Vec::new();
        while !stored.is_empty() {
            let (author, value): (String, String) = (stored.next()?, stored.next()?);
            bans.push(StoredBan::read(author, &value)?);
        }
        Ok(Self {
            as_of,
            next,
            evicted,
            is_late,
            entries,
            bans,
        })
    }
}
