//! Entries that were read from the store, and whether they are still as it has them.

use std::collections::HashMap;

use super::entry::Entry;
use super::log::reading::{Found, FoundEntries, ReadBytes, StoredId};
use super::room::Room;

/// Entries that were read from the store.
#[derive(Debug, Default)]
pub(super) struct StoredEntries {
    /// By their seqs.
    found: HashMap<u64, Found>,
    /// The newest seq that was shown when they were asked for.
    as_of: u64,
    /// `None` if nothing was read.
    bytes: Option<ReadBytes>,
}

/// What is known of an entry that only the store holds.
#[derive(Debug)]
pub(super) enum StoredEntry<'a> {
    Found(&'a Entry),
    /// The store does not have it.
    Missing,
    Unreadable,
    /// It has to be read, perhaps once more.
    Unread,
}

impl StoredEntries {
    /// What was found of `ids`, which were asked for when `as_of` was the newest seq.
    pub(super) fn new(ids: &[StoredId], found: FoundEntries, as_of: u64) -> Self {
        let seqs = ids.iter().map(|id| id.seq);
        Self {
            found: seqs.zip(found.entries).collect(),
            as_of,
            bytes: Some(found.bytes),
        }
    }

    /// What counts the bytes of the entries, for those that keep them.
    pub(super) fn into_bytes(self) -> Option<ReadBytes> {
        self.bytes
    }

    /// The entry of `room` with this seq, which only the store holds.
    pub(super) fn get(&self, room: &Room, seq: u64) -> StoredEntry<'_> {
        match self.found.get(&seq) {
            Some(Found::Entry(entry)) if self.is_current(room, entry) => StoredEntry::Found(entry),
            Some(Found::Missing) => StoredEntry::Missing,
            Some(Found::Unreadable) => StoredEntry::Unreadable,
            Some(Found::Entry(_)) | None => StoredEntry::Unread,
        }
    }

    /// Whether the entry is still as it was read: a change since then is in history, as
    /// long as the entry is.
    fn is_current(&self, room: &Room, entry: &Entry) -> bool {
        let change = room.history.change_of(entry.item_seq());
        change.is_none_or(|seq| seq <= self.as_of)
    }
}

/// The state of a message or event that was read from the store.
#[derive(Debug)]
pub(super) struct StoredItem {
    /// The seq of the message or event.
    item: u64,
    read: StoredEntries,
}

impl StoredItem {
    pub(super) fn new(item: u64, read: StoredEntries) -> Self {
        Self { item, read }
    }

    /// The entry with the state of the message or event `item`, if it is what was read,
    /// only the store holds it, and it is still as it was read.
    pub(super) fn of(&self, room: &Room, item: u64) -> Option<&Entry> {
        let key = room.history.older().state_of(item)?;
        match self.read.get(room, key.seq) {
            StoredEntry::Found(entry) if item == self.item => Some(entry),
            _ => None,
        }
    }
}
