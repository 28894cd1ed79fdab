//! What needs the store: pages, changes and bans of messages that memory does not hold.
//! They are read before the hub is locked; if they change meanwhile, they are read again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::bans::BanError;
use super::change::{Change, ChangeError, Requester};
use super::errors::HistoryUnavailable;
use super::history_page::{HistoryPage, HistoryQuery};
use super::hub::Hub;
use super::log::reading::{MAX_READ, ReadsBusy, StoredId};
use super::published::{Commit, Published};
use super::rooms::Rooms;
use super::stored_entries::{StoredEntries, StoredItem};
use crate::protocol::{Epoch, EventId, RoomName};

/// How often something is read again that changed meanwhile.
const MAX_TRIES: usize = 5;
/// The longest time of a read: a disk that hangs must not hold a request for ever.
const MAX_READ_TIME: Duration = Duration::from_secs(10);

impl Hub {
    /// A part of the history of `room`, also of what only the store holds. Empty if
    /// there is no such room.
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if the store can't be read.
    pub async fn page_with_store(
        &self,
        room: &RoomName,
        query: HistoryQuery,
    ) -> Result<HistoryPage, HistoryUnavailable> {
        let limit = query.limit.min(MAX_READ);
        let query = HistoryQuery { limit, ..query };
        for _ in 0..MAX_TRIES {
            let planned = self.plan_page(room, query);
            if planned.unread.is_empty() {
                return Ok(planned.whole());
            }
            let read = self.read(planned.unread.clone(), planned.as_of).await?;
            if let Some(page) = planned.complete(&self.lock(), &read) {
                let read = read.into_bytes().map(Arc::new);
                return Ok(HistoryPage { read, ..page });
            }
        }
        Err(HistoryUnavailable)
    }

    /// As [`Hub::change`], also of what only the store holds.
    ///
    /// # Errors
    ///
    /// As of [`Hub::change`], and if the store can't be read.
    pub async fn change_with_store(
        &self,
        room: &RoomName,
        item: EventId,
        change: &Change,
        requester: &Requester,
    ) -> Result<Published, ChangeError> {
        self.with_item(room, item, |rooms, stored| {
            rooms.change(room, item, change, requester, stored)
        })
        .await
    }

    /// As [`Hub::ban`], also for a message that only the store holds.
    ///
    /// # Errors
    ///
    /// As of [`Hub::ban`], and if the store can't be read.
    pub async fn ban_with_store(
        &self,
        room: &RoomName,
        message: EventId,
        until: SystemTime,
    ) -> Result<Commit, BanError> {
        self.note_ban();
        self.with_item(room, message, |rooms, stored| {
            rooms.ban(room, message, until, stored)
        })
        .await
    }

    /// As [`Hub::lift_ban`], also for a message that only the store holds.
    ///
    /// # Errors
    ///
    /// As of [`Hub::lift_ban`], and if the store can't be read.
    pub async fn lift_ban_with_store(
        &self,
        room: &RoomName,
        message: EventId,
    ) -> Result<Option<Commit>, HistoryUnavailable> {
        self.with_item(room, message, |rooms, stored| {
            rooms.lift_ban(room, message, stored)
        })
        .await
    }

    /// Does `act` with what the store has of a message or event, if only the store holds
    /// it: in one critical section, in which that is still as it was read.
    async fn with_item<T, E: From<HistoryUnavailable>>(
        &self,
        room: &RoomName,
        item: EventId,
        mut act: impl FnMut(&mut Rooms, Option<&StoredItem>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut read: Option<(Epoch, StoredItem)> = None;
        for _ in 0..MAX_TRIES {
            let (seq, id, as_of) = {
                let rooms = &mut *self.lock();
                // What was read before a generation ended may be lost.
                let generation = rooms.generations().present();
                let stored = read.as_ref().filter(|(epoch, _)| *epoch == generation);
                let stored = stored.map(|(_, stored)| stored);
                match unread(rooms, room, item, stored) {
                    None => return act(rooms, stored),
                    Some((seq, id)) => (seq, id, rooms.cursor_after(rooms.newest())),
                }
            };
            let found = self.read(vec![id], as_of.seq).await?;
            read = Some((as_of.epoch, StoredItem::new(seq, found)));
        }
        Err(HistoryUnavailable.into())
    }

    async fn read(
        &self,
        ids: Vec<StoredId>,
        as_of: u64,
    ) -> Result<StoredEntries, HistoryUnavailable> {
        let queue = self.reads().ok_or(HistoryUnavailable)?;
        let answer = match queue.ask(ids.clone()) {
            Ok(answer) => answer,
            Err(ReadsBusy) => return Err(HistoryUnavailable),
        };
        let found = tokio::time::timeout(MAX_READ_TIME, answer).await;
        let found = found.map_err(|_| HistoryUnavailable)?;
        let found = found.map_err(|_| HistoryUnavailable)?;
        Ok(StoredEntries::new(&ids, found, as_of))
    }
}

/// The seq of a message or event, and what has to be read of it before it can be changed:
/// nothing if memory holds it, if nothing does, or if it was read and is unchanged.
fn unread(
    rooms: &Rooms,
    room: &RoomName,
    item: EventId,
    stored: Option<&StoredItem>,
) -> Option<(u64, StoredId)> {
    let seq = rooms.generations().seq_of(item)?;
    let room = rooms.get(room)?;
    let is_read = stored.is_some_and(|stored| stored.of(room, seq).is_some());
    let key = room.history.older().state_of(seq)?;
    (!is_read && room.item(seq).is_none()).then(|| (seq, key.id_in(&room.name)))
}
