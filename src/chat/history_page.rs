//! Parts of a room's history: what `GET /rooms/{room}/messages` returns.

use super::entry::Entry;
use super::generations::{CursorPlace, Generations};
use super::room::Room;
use super::rooms::Rooms;
use crate::protocol::{Cursor, EventId};

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
            entries: query.select(room, rooms.generations()),
            oldest: rooms.oldest_item(room),
            newest: rooms.newest_item(room),
        }
    }
}

impl HistoryQuery {
    fn select(&self, room: &Room, generations: &Generations) -> Vec<Entry> {
        let place = |cursor| match cursor {
            Cursor::Id(id) => generations.place(id),
            Cursor::Unknown => CursorPlace::Foreign,
        };
        let before = self
            .before
            .map_or(u64::MAX, |cursor| first_not_before(place(cursor)));
        let after = self.after.map(|cursor| last_not_after(place(cursor)));
        let items = room.history.items_between(after.unwrap_or(0), before);
        let skip = match after {
            Some(_) => 0,
            None => items.len().saturating_sub(self.limit),
        };
        items.skip(skip).take(self.limit).cloned().collect()
    }
}

/// The seq up to which nothing is after the cursor. A foreign one is before all of
/// history.
fn last_not_after(cursor: CursorPlace) -> u64 {
    match cursor {
        CursorPlace::At(seq) => seq,
        CursorPlace::Beyond { end, .. } => end,
        CursorPlace::Foreign => 0,
    }
}

/// The seq from which on nothing is before the cursor. The entries after the end of a
/// generation are lost, so all that it still has is before a cursor among them.
fn first_not_before(cursor: CursorPlace) -> u64 {
    match cursor {
        CursorPlace::Beyond { end, .. } => end + 1,
        cursor => last_not_after(cursor),
    }
}
