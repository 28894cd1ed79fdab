//! What needs the store: pages, changes and bans of messages that memory does not hold.
//! They are read before the hub is locked; if they change meanwhile, they are read again.

use std::sync::Arc;
use std::time::SystemTime;

use super::bans::BanError;
use super::change::{Change, ChangeError, Requester};
use super::errors::HistoryUnavailable;
use super::history_page::{HistoryPage, HistoryQuery};
use super::hub::Hub;
use super::log::reading::{MAX_READ, ReadsBusy, StoredId};
use super::published::{Commit, Published};
use super::stored_entries::{StoredEntries, StoredItem};
use crate::protocol::{EventId, RoomName};

/// How often something is read again that changed meanwhile.
const MAX_TRIES: usize = 5;

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
                return Ok(planned.in_memory());
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
        for _ in 0..MAX_TRIES {
            let stored = self.stored_item(room, item).await?;
            let changed = self
                .lock()
                .change(room, item, change, requester, stored.as_ref());
            match changed {
                Err(ChangeError::NotFound) if stored.is_some() => {}
                changed => return changed,
            }
        }
        Err(ChangeError::NotFound)
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
        let stored = self.stored_item(room, message).await?;
        self.ban_with(room, message, until, stored.as_ref())
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
        let stored = self.stored_item(room, message).await?;
        self.lock().lift_ban(room, message, stored.as_ref())
    }

    /// What the store has of a message or event, if only the store holds it.
    async fn stored_item(
        &self,
        room: &RoomName,
        item: EventId,
    ) -> Result<Option<StoredItem>, HistoryUnavailable> {
        let (id, as_of) = {
            let rooms = self.lock();
            let id = || {
                let seq = rooms.generations().seq_of(item)?;
                let older = rooms.get(room)?.history.older().item(seq)?;
                Some(older.id_in(room))
            };
            (id(), rooms.newest())
        };
        let Some(id) = id else {
            return Ok(None);
        };
        let seq = id.seq;
        let read = self.read(vec![id], as_of).await?;
        Ok(Some(StoredItem::new(seq, read)))
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
        let found = answer.await.map_err(|_| HistoryUnavailable)?;
        Ok(StoredEntries::new(&ids, found, as_of))
    }
}
