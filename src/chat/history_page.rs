//! Parts of a room's history: what `GET /rooms/{room}/messages` returns.

use super::entry::Entry;
use super::room::Room;
use super::rooms::Rooms;
use crate::protocol::{Cursor, Epoch, EventId};

/// Selects a part of a room's history.
#[derive(Debug, Clone, Copy)]
pub struct HistoryQuery {
    /// Only messages after this one.
    pub after: Option<Cursor>,
    /// Only messages before this one.
    pub before: Option<Cursor>,
    /// At most `limit` messages: the first ones if `after` is set, else the last
    /// ones.
    pub limit: usize,
}

/// A part of a room's history.
#[derive(Debug, Clone, Default)]
pub struct HistoryPage {
    /// The selected messages, oldest first.
    pub entries: Vec<Entry>,
    /// The oldest message in the room's history.
    pub oldest: Option<EventId>,
    /// The newest message in the room's history.
    pub newest: Option<EventId>,
}

impl HistoryPage {
    pub(super) fn read(rooms: &Rooms, room: &Room, query: &HistoryQuery) -> Self {
        Self {
            entries: query.select(room, rooms.epoch()),
            oldest: room.history.oldest().map(|entry| rooms.id(entry.seq())),
            newest: room.history.newest().map(|entry| rooms.id(entry.seq())),
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
        match self.after.map(seq_of) {
            Some(after) => {
                let since = room.history.since(after);
                since
                    .take_while(|entry| entry.seq() < before)
                    .take(self.limit)
                    .cloned()
                    .collect()
            }
            None => {
                let until = room.history.until(before);
                let skip = until.len().saturating_sub(self.limit);
                until.skip(skip).cloned().collect()
            }
        }
    }
}
