//! Parts of a room's history: what `GET /rooms/{room}/messages` returns.

use super::entry::Entry;
use super::room::Room;
use super::rooms::Rooms;
use crate::protocol::{Cursor, Epoch, EventId};

/// Selects a part of a room's history.
#[derive(Debug, Clone, Copy)]
pub struct HistoryQuery {
    /// Only messages and events after this one.
    pub after: Option<Cursor>,
    /// Only messages and events before this one.
    pub before: Option<Cursor>,
    /// At most `limit` of them: the first ones if `after` is set, else the last
    /// ones.
    pub limit: usize,
}

/// A part of a room's history.
#[derive(Debug, Clone, Default)]
pub struct HistoryPage {
    /// The selected messages and events in their present state, oldest first.
    pub entries: Vec<Entry>,
    /// The oldest message or event in the room's history.
    pub oldest: Option<EventId>,
    /// The newest message or event in the room's history.
    pub newest: Option<EventId>,
}

impl HistoryPage {
    pub(super) fn read(rooms: &Rooms, room: &Room, query: &HistoryQuery) -> Self {
        Self {
            entries: query.select(room, rooms.epoch()),
            oldest: room.history.oldest_item().map(|seq| rooms.id(seq)),
            newest: room.history.newest_item().map(|seq| rooms.id(seq)),
        }
    }
}

impl HistoryQuery {
    fn select(&self, room: &Room, epoch: Epoch) -> Vec<Entry> {
        // A cursor of another epoch is before all messages of this one.
        let seq_of = |cursor| match cursor {
            Cursor::Id(id) if id.epoch == epoch => id.seq,
            _ => 0,
        };
        let before = self.before.map_or(u64::MAX, seq_of);
        let after = self.after.map(seq_of);
        let items = room.history.items_between(after.unwrap_or(0), before);
        let skip = match after {
            Some(_) => 0,
            None => items.len().saturating_sub(self.limit),
        };
        items.skip(skip).take(self.limit).cloned().collect()
    }
}
