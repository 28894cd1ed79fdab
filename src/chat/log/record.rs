//! What is to be durable.

use crate::chat::bans::{Ban, BanKey};
use crate::chat::entry::Entry;
use crate::chat::forgotten_rooms::RoomTombstone;
use crate::protocol::RoomName;

/// The bytes that a record counts in the queue beside its entries.
const RECORD_OVERHEAD_BYTES: usize = 100;

/// Something that is to be durable.
#[derive(Debug, Clone)]
pub(in crate::chat) enum Record {
    /// A message, an event or a change.
    Entry {
        room: RoomName,
        entry: Entry,
        /// With a change: the new state of the message or event in its own place, if
        /// memory holds it there. If only the store does, it takes the state from the
        /// change. The change replaces the earlier one of the same message or event.
        current: Option<Entry>,
        /// The seq of the newest evicted entry of the room. It is news to the store if
        /// the room is.
        evicted_through: u64,
    },
    /// History holds no entry of the room up to `through` any more.
    Evicted {
        room: RoomName,
        /// How many were evicted since the last such record, about.
        count: usize,
        through: u64,
    },
    /// All evictions are to be durable with this commit, and not later.
    FlushEvictions,
    /// Only the tombstone of the room is left.
    Forgotten {
        room: RoomName,
        tombstone: RoomTombstone,
    },
    /// The tombstone of the room is dropped: from now on, a room without one may have
    /// lost entries up to `through`, which uses up this seq.
    TombstoneDropped { room: RoomName, through: u64 },
    /// An author is banned from the room.
    Banned {
        room: RoomName,
        key: BanKey,
        ban: Ban,
    },
    /// The bans of these authors are lifted.
    BansLifted { room: RoomName, keys: Vec<BanKey> },
}

impl Record {
    /// Whether it is committed at once. What is evicted is so for all clients already.
    pub(super) fn is_urgent(&self) -> bool {
        !matches!(self, Self::Evicted { .. })
    }

    /// Whether history has lost something that the store still holds. A dropped tombstone
    /// is none: it is in effect once it is durable.
    pub(super) fn is_eviction(&self) -> bool {
        matches!(self, Self::Evicted { .. } | Self::Forgotten { .. })
    }

    /// The bytes that count against the queue's limit.
    pub(super) fn cost(&self) -> usize {
        let content = match self {
            Self::Entry { entry, current, .. } => {
                entry.cost() + current.as_ref().map_or(0, Entry::cost)
            }
            _ => 0,
        };
        RECORD_OVERHEAD_BYTES + content
    }
}
