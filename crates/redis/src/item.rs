//! Items of the streams: entries, and what else concerns a room or the history.

use std::collections::HashMap;

use crate::value::{BadAnswer, Parts, parse, unknown};

/// A place between the entries of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the next message.
    pub number: u64,
    /// How many messages and events come before it.
    pub counted: u64,
}

/// An entry of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place among all entries of the history, from 1 on.
    pub seq: u64,
    /// What it is.
    pub kind: EntryKind,
    /// The place before it in its room.
    pub place: Place,
    /// When it was assigned, in milliseconds since 1970.
    pub at: u64,
    /// What only nodes read.
    pub content: Vec<u8>,
    /// The client id of its request: with a deletion, of what it deleted.
    pub client_id: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A message.
    Message,
    /// An event of a program.
    Event,
    /// A later state of the message with this seq.
    Change {
        /// The seq of the message.
        of: u64,
    },
    /// What is left of the message or event with this seq.
    Deletion {
        /// The seq of the message or event.
        of: u64,
    },
}

/// A ban of an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBan {
    /// The author, by a name that nodes agree on.
    pub author: String,
    /// The end, in milliseconds since 1970.
    pub until: u64,
    /// What only nodes read.
    pub content: String,
}

/// An item of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An entry of a room.
    Entry {
        /// The room.
        room: String,
        /// The entry.
        entry: Entry,
    },
    /// The tombstone of a forgotten room was dropped: any room that is not known may have
    /// lost entries up to its seq.
    TombstoneDropped {
        /// The room.
        room: String,
    },
    /// Another generation begins with this item.
    Generation {
        /// Its epoch.
        epoch: String,
    },
    /// Of this room only a tombstone is left.
    Forgotten {
        /// The room.
        room: String,
    },
    /// An author is banned.
    Banned {
        /// The room.
        room: String,
        /// The ban.
        ban: StoredBan,
    },
    /// The ban of an author is lifted.
    Lifted {
        /// The room.
        room: String,
        /// The author.
        author: String,
    },
    /// Something that a later version of this program has written.
    Other,
}

/// The seq and the fields of an item.
struct Fields {
    seq: u64,
    fields: HashMap<String, Vec<u8>>,
}

impl Fields {
    fn read(mut parts: Parts) -> Result<Self, BadAnswer> {
        let id: String = parts.next()?;
        let seq = id.strip_suffix("-0").ok_or_else(|| unknown(&id))?;
        Ok(Self {
            seq: parse(seq)?,
            fields: parts.next()?,
        })
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, BadAnswer> {
        let value = self.fields.remove(name);
        value.ok_or_else(|| unknown(&format!("item {} has no {name}", self.seq)))
    }

    fn text(&mut self, name: &str) -> Result<String, BadAnswer> {
        String::from_utf8(self.bytes(name)?).map_err(|error| unknown(&error.to_string()))
    }

    fn number(&mut self, name: &str) -> Result<u64, BadAnswer> {
        parse(&self.text(name)?)
    }

    fn entry(mut self, kind: &str) -> Result<Entry, BadAnswer> {
        let kind = match kind {
            "m" => EntryKind::Message,
            "e" => EntryKind::Event,
            "c" => EntryKind::Change {
                of: self.number("o")?,
            },
            "d" => EntryKind::Deletion {
                of: self.number("o")?,
            },
            other => return Err(unknown(other)),
        };
        let client_id = match self.fields.contains_key("i") {
            true => Some(self.text("i")?),
            false => None,
        };
        Ok(Entry {
            seq: self.seq,
            kind,
            place: Place {
                number: self.number("n")?,
                counted: self.number("c")?,
            },
            at: self.number("t")?,
            content: self.bytes("d")?,
            client_id,
        })
    }
}

impl Entry {
    /// An entry of a room's history.
    pub(crate) fn read(parts: Parts) -> Result<Self, BadAnswer> {
        let mut fields = Fields::read(parts)?;
        let kind = fields.text("k")?;
        fields.entry(&kind)
    }
}

impl StoredBan {
    pub(crate) fn read(author: String, value: &str) -> Result<Self, BadAnswer> {
        let (until, content) = value.split_once(' ').ok_or_else(|| unknown(value))?;
        Ok(Self {
            author,
            until: parse(until)?,
            content: content.to_owned(),
        })
    }
}

impl Item {
    /// An item of the log, and its seq.
    pub(crate) fn read(parts: Parts) -> Result<(u64, Self), BadAnswer> {
        let mut fields = Fields::read(parts)?;
        let seq = fields.seq;
        let kind = fields.text("k")?;
        let item = match kind.as_str() {
            "g" => Self::Generation {
                epoch: fields.text("e")?,
            },
            "f" => Self::Forgotten {
                room: fields.text("r")?,
            },
            "x" => Self::TombstoneDropped {
                room: fields.text("r")?,
            },
            "b" => Self::Banned {
                room: fields.text("r")?,
                ban: StoredBan::read(fields.text("a")?, &fields.text("d")?)?,
            },
            "u" => Self::Lifted {
                room: fields.text("r")?,
                author: fields.text("a")?,
            },
            "m" | "e" | "c" | "d" => Self::Entry {
                room: fields.text("r")?,
                entry: fields.entry(&kind)?,
            },
            _ => Self::Other,
        };
        Ok((seq, item))
    }
}
