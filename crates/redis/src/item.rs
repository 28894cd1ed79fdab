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
    /// What only servers read.
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
    /// The author, by a name that servers agree on.
    pub author: String,
    /// The end, in milliseconds since 1970.
    pub until: u64,
    /// What only servers read.
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
    /// The tombstone of a forgotten room was dropped, which uses a seq.
    TombstoneDropped {
        /// The room.
        room: String,
        /// The seq.
        seq: u64,
    },
    /// Another generation begins behind the entry before.
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
}

/// The id of an item of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemId {
    pub(crate) seq: u64,
    /// 0 if it uses the seq.
    pub(crate) sub: u64,
}

impl ItemId {
    fn parse(text: &str) -> Result<Self, BadAnswer> {
        let (seq, sub) = text.split_once('-').ok_or_else(|| unknown(text))?;
        Ok(Self {
            seq: parse(seq)?,
            sub: parse(sub)?,
        })
    }
}

impl std::fmt::Display for ItemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.seq, self.sub)
    }
}

/// The id and the fields of an item.
struct Fields {
    id: ItemId,
    fields: HashMap<String, Vec<u8>>,
}

impl Fields {
    fn read(mut parts: Parts) -> Result<Self, BadAnswer> {
        let id: String = parts.next()?;
        Ok(Self {
            id: ItemId::parse(&id)?,
            fields: parts.next()?,
        })
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, BadAnswer> {
        let value = self.fields.remove(name);
        value.ok_or_else(|| unknown(&format!("item {} has no {name}", self.id)))
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
            seq: self.id.seq,
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
    /// An item of the log.
    pub(crate) fn read(parts: Parts) -> Result<(ItemId, Self), BadAnswer> {
        let mut fields = Fields::read(parts)?;
        let id = fields.id;
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
                seq: id.seq,
            },
            "b" => Self::Banned {
                room: fields.text("r")?,
                ban: StoredBan::read(fields.text("a")?, &fields.text("d")?)?,
            },
            "u" => Self::Lifted {
                room: fields.text("r")?,
                author: fields.text("a")?,
            },
            _ => Self::Entry {
                room: fields.text("r")?,
                entry: fields.entry(&kind)?,
            },
        };
        Ok((id, item))
    }
}
