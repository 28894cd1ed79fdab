//! The places between the entries of a room, and the kinds of entries, by which they
//! are counted.

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A message, perhaps deleted.
    Message,
    /// An event of a program, perhaps deleted.
    Event,
    /// A later state of a message, or the deletion of an event.
    Change {
        /// The seq of the message or event.
        of: u64,
    },
}

/// A place between the entries of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the next message.
    pub(super) number: u64,
    /// How many messages and events come before it.
    pub(super) counted: u64,
}

impl Place {
    /// Before the first entry.
    pub(super) const FIRST: Self = Self {
        number: 1,
        counted: 0,
    };

    /// The place behind an entry of this kind.
    pub(super) fn after(self, kind: EntryKind) -> Self {
        Self {
            number: self.number + u64::from(kind == EntryKind::Message),
            counted: self.counted + u64::from(kind.is_item()),
        }
    }

    /// The place before an entry of this kind, if this is the one behind it.
    #[cfg(feature = "redis")]
    pub(super) fn before(self, kind: EntryKind) -> Self {
        let number = self.number - u64::from(kind == EntryKind::Message && self.number > 1);
        Self {
            number,
            counted: self.counted.saturating_sub(u64::from(kind.is_item())),
        }
    }
}

impl EntryKind {
    /// Whether it is a message or an event, and not a change.
    pub(super) fn is_item(self) -> bool {
        !matches!(self, Self::Change { .. })
    }
}
