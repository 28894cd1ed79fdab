//! Parts of a room's history: what `GET /rooms/{room}/messages` returns.

use std::sync::Arc;

use super::entry::Entry;
use super::generations::{CursorPlace, Generations};
use super::history::History;
use super::log::reading::{ReadBytes, StoredId};
use super::older_entries::OlderKey;
use super::room::Room;
use super::rooms::Rooms;
use super::stored_entries::{StoredEntries, StoredEntry};
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
    /// The bytes of what was read from the store for it.
    pub(crate) read: Option<Arc<ReadBytes>>,
}

/// A page of which the first entries are still to be read from the store.
#[derive(Debug, Default)]
pub(super) struct PlannedPage {
    /// The first ones, which only the store holds.
    pub(super) unread: Vec<StoredId>,
    /// The newest seq that was shown when it was planned.
    pub(super) as_of: u64,
    /// The generation that was present then.
    generation: Option<Epoch>,
    /// What is in memory.
    page: HistoryPage,
}

impl HistoryPage {
    /// A page of what memory holds.
    pub(super) fn in_memory(rooms: &Rooms, room: &Room, query: &HistoryQuery) -> Self {
        let (after, before) = query.bounds(rooms.generations());
        let items = room.history.items_between(after.unwrap_or(0), before);
        let mut entries: Vec<_> = match after {
            Some(_) => items.take(query.limit).cloned().collect(),
            None => items.rev().take(query.limit).cloned().collect(),
        };
        if after.is_none() {
            entries.reverse();
        }
        Self {
            entries,
            oldest: rooms.oldest_item(room),
            newest: rooms.newest_item(room),
            read: None,
        }
    }
}

impl PlannedPage {
    pub(super) fn new(rooms: &Rooms, room: &Room, query: &HistoryQuery) -> Self {
        let (older, entries) = query.select(&room.history, rooms.generations());
        let unread = older.into_iter().map(|key| key.id_in(&room.name));
        Self {
            unread: unread.collect(),
            as_of: rooms.newest(),
            generation: Some(rooms.generations().present()),
            page: HistoryPage {
                entries,
                oldest: rooms.oldest_item(room),
                newest: rooms.newest_item(room),
                read: None,
            },
        }
    }

    /// The page, for which nothing is still to be read.
    pub(super) fn whole(self) -> HistoryPage {
        debug_assert!(self.unread.is_empty(), "it has to be completed");
        self.page
    }

    /// The page with what was read, unless that was changed or evicted meanwhile, or a
    /// generation has ended.
    pub(super) fn complete(mut self, rooms: &Rooms, read: &StoredEntries) -> Option<HistoryPage> {
        if self.generation != Some(rooms.generations().present()) {
            return None;
        }
        let find = |id: &StoredId| match read.get(rooms.get(&id.room)?, id.seq) {
            StoredEntry::Found(entry) => Some(entry.clone()),
            StoredEntry::Missing | StoredEntry::Unreadable | StoredEntry::Unread => None,
        };
        let mut entries: Vec<_> = self.unread.iter().map(find).collect::<Option<_>>()?;
        entries.append(&mut self.page.entries);
        self.page.entries = entries;
        Some(self.page)
    }
}

impl HistoryQuery {
    /// Those that only the store holds, and those after them.
    fn select(&self, history: &History, generations: &Generations) -> (Vec<OlderKey>, Vec<Entry>) {
        match self.bounds(generations) {
            (Some(after), before) => self.first(history, after, before),
            (None, before) => self.last(history, before),
        }
    }

    /// The seqs between which the entries are.
    fn bounds(&self, generations: &Generations) -> (Option<u64>, u64) {
        let place = |cursor| match cursor {
            Cursor::Id(id) => generations.place(id),
            Cursor::Unknown => CursorPlace::Foreign,
        };
        let before = self
            .before
            .map_or(u64::MAX, |cursor| first_not_before(place(cursor)));
        (
            self.after.map(|cursor| last_not_after(place(cursor))),
            before,
        )
    }

    fn first(&self, history: &History, after: u64, before: u64) -> (Vec<OlderKey>, Vec<Entry>) {
        let older = history.older().items_after(after);
        let older = older.take_while(|key| key.seq < before);
        let older: Vec<_> = older.take(self.limit).collect();
        let items = history.items_between(after, before);
        let items = items.take(self.limit - older.len());
        (older, items.cloned().collect())
    }

    fn last(&self, history: &History, before: u64) -> (Vec<OlderKey>, Vec<Entry>) {
        let items = history.items_between(0, before).rev().take(self.limit);
        let mut items: Vec<_> = items.cloned().collect();
        items.reverse();
        let older = history.older().items_before(before);
        let older = older.take(self.limit - items.len());
        let mut older: Vec<_> = older.collect();
        older.reverse();
        (older, items)
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
