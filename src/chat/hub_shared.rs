//! The hub of a history that several servers share: what requests ask of it, whatever has
//! the history.

#[cfg(feature = "tokens")]
use std::time::Duration;
use std::time::SystemTime;

use super::bans::BanError;
use super::change::{Change, ChangeError, Requester};
use super::draft::Draft;
#[cfg(feature = "tokens")]
use super::errors::TicketError;
use super::errors::{HistoryUnavailable, PublishError, RoomLimitReached, RoomLoadError};
use super::hub::Hub;
use super::published::Published;
use super::shared_totals::SharedTotals;
use super::subscribe_options::RoomList;
use crate::protocol::{Cursor, EventId, RoomName};

impl Hub {
    /// Publishes `draft` in `room`, and waits until it is durable. As [`Hub::publish`] and
    /// [`Published::durable`], and also for a history that several servers share.
    ///
    /// # Errors
    ///
    /// As of [`Hub::publish`]. After [`HistoryUnavailable`] it may be published all the
    /// same: repeat it with its client id.
    pub async fn publish_durably(
        &self,
        room: &RoomName,
        draft: Draft,
    ) -> Result<Published, PublishError> {
        match self.shared() {
            Some(shared) => shared.publish(self, room, draft).await,
            None => Ok(self.publish(room, draft)?.durable().await?),
        }
    }

    /// As [`Hub::change_with_store`], and waits until it is durable.
    ///
    /// # Errors
    ///
    /// As of [`Hub::change`].
    pub async fn change_durably(
        &self,
        room: &RoomName,
        item: EventId,
        change: &Change,
        requester: &Requester,
    ) -> Result<Published, ChangeError> {
        match self.shared() {
            Some(shared) => shared.change(self, room, item, change, requester).await,
            None => {
                let changed = self.change_with_store(room, item, change, requester);
                Ok(changed.await?.durable().await?)
            }
        }
    }

    /// As [`Hub::ban_with_store`], and waits until it lasts.
    ///
    /// # Errors
    ///
    /// As of [`Hub::ban`].
    pub async fn ban_durably(
        &self,
        room: &RoomName,
        message: EventId,
        until: SystemTime,
    ) -> Result<(), BanError> {
        match self.shared() {
            Some(shared) => shared.ban(self, room, message, until).await,
            None => {
                let ban = self.ban_with_store(room, message, until).await?;
                Ok(ban.done().await?)
            }
        }
    }

    /// As [`Hub::lift_ban_with_store`], and waits until it lasts. Returns whether there was
    /// a ban.
    ///
    /// # Errors
    ///
    /// As of [`Hub::lift_ban`].
    pub async fn lift_ban_durably(
        &self,
        room: &RoomName,
        message: EventId,
    ) -> Result<bool, HistoryUnavailable> {
        if let Some(shared) = self.shared() {
            return shared.lift_ban(self, room, message).await;
        }
        match self.lift_ban_with_store(room, message).await? {
            Some(lifted) => lifted.done().await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Whether several servers share the history.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared().is_some()
    }

    /// The shared history in numbers, if there is one.
    pub(crate) fn shared_totals(&self) -> Option<SharedTotals> {
        let totals = self.shared()?.totals();
        let rooms = self.lock();
        Some(SharedTotals {
            is_stale: rooms.news_of_staleness(false).is_some(),
            shown: rooms.newest(),
            ..totals
        })
    }

    /// Does the work of the shared history that is due.
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if it is not reached.
    #[cfg(feature = "redis")]
    pub(crate) async fn maintain_shared(&self) -> Result<(), HistoryUnavailable> {
        match self.shared() {
            Some(shared) => shared.maintain(self).await,
            None => Ok(()),
        }
    }

    /// Makes the history of a room that is to be read or changed available here, if
    /// several servers share it.
    ///
    /// # Errors
    ///
    /// [`RoomLoadError`] if it is not available.
    pub(crate) async fn load_room(&self, room: &RoomName) -> Result<(), RoomLoadError> {
        match self.shared() {
            Some(shared) => shared.load_to_read(self, room).await,
            None => Ok(()),
        }
    }

    /// The same for the rooms of a stream. What is not available now is so later.
    ///
    /// # Errors
    ///
    /// [`RoomLimitReached`] if this server can't have these rooms.
    pub(crate) async fn load_for_stream(&self, rooms: &RoomList) -> Result<(), RoomLimitReached> {
        match self.shared() {
            Some(shared) => shared.load_for_stream(self, rooms.as_slice()).await,
            None => Ok(()),
        }
    }

    /// The cursor of a stream: unknown if it is beyond all entries of a shared history.
    pub(crate) async fn known_cursor(&self, cursor: Cursor) -> Cursor {
        match self.shared() {
            Some(shared) => shared.known(self, cursor).await,
            None => cursor,
        }
    }
}

/// Tickets of a shared history, by the hash of each.
#[cfg(feature = "tokens")]
impl Hub {
    /// Keeps what a ticket stands for. Only a shared history has tickets.
    ///
    /// # Errors
    ///
    /// [`TicketError`] if it is not kept.
    pub(crate) async fn put_ticket(
        &self,
        id: &str,
        content: &[u8],
        lifetime: Duration,
        most: usize,
    ) -> Result<(), TicketError> {
        match self.shared() {
            Some(shared) => shared.put_ticket(id, content, lifetime, most).await,
            None => Err(HistoryUnavailable.into()),
        }
    }

    /// What a ticket stands for. `None` if it is used, expired or none.
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if the history is not reached.
    pub(crate) async fn ticket(&self, id: &str) -> Result<Option<Vec<u8>>, HistoryUnavailable> {
        match self.shared() {
            Some(shared) => shared.ticket(id).await,
            None => Ok(None),
        }
    }

    /// Uses a ticket up. Returns whether this call did.
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if the history is not reached.
    pub(crate) async fn take_ticket(&self, id: &str) -> Result<bool, HistoryUnavailable> {
        match self.shared() {
            Some(shared) => shared.take_ticket(id).await,
            None => Ok(false),
        }
    }
}
