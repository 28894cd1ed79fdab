//! In place of `shared`, in a program that is built without Redis.

use std::sync::Arc;
#[cfg(feature = "tokens")]
use std::time::Duration;
use std::time::SystemTime;

pub(super) use self::NoSharedClient as SharedClient;
pub(crate) use self::NoSharedFollower as SharedFollower;
use super::bans::BanError;
use super::change::{Change, ChangeError, Requester};
use super::draft::Draft;
#[cfg(feature = "tokens")]
use super::errors::TicketError;
use super::errors::{HistoryUnavailable, PublishError, RoomLimitReached, RoomLoadError};
use super::hub::Hub;
use super::published::Published;
use super::rooms::HubLimits;
use super::shared_totals::SharedTotals;
use crate::config::{BadSetting, RedisSettings};
use crate::protocol::{Cursor, EventId, RoomName};

pub(super) mod state {
    pub(in crate::chat) use self::NoSharedState as SharedState;

    /// There is none.
    #[derive(Debug)]
    pub(in crate::chat) enum NoSharedState {}
}

/// There is none.
#[derive(Debug)]
pub(super) enum NoSharedClient {}

/// There is none.
#[derive(Debug)]
pub(crate) enum NoSharedFollower {}

impl NoSharedClient {
    pub(super) fn totals(&self) -> SharedTotals {
        match *self {}
    }

    pub(super) async fn publish(
        &self,
        _hub: &Hub,
        _room: &RoomName,
        _draft: Draft,
    ) -> Result<Published, PublishError> {
        match *self {}
    }

    pub(super) async fn change(
        &self,
        _hub: &Hub,
        _room: &RoomName,
        _item: EventId,
        _change: &Change,
        _requester: &Requester,
    ) -> Result<Published, ChangeError> {
        match *self {}
    }

    pub(super) async fn ban(
        &self,
        _hub: &Hub,
        _room: &RoomName,
        _message: EventId,
        _until: SystemTime,
    ) -> Result<(), BanError> {
        match *self {}
    }

    pub(super) async fn lift_ban(
        &self,
        _hub: &Hub,
        _room: &RoomName,
        _message: EventId,
    ) -> Result<bool, HistoryUnavailable> {
        match *self {}
    }

    pub(super) async fn load_to_read(
        &self,
        _hub: &Hub,
        _room: &RoomName,
    ) -> Result<(), RoomLoadError> {
        match *self {}
    }

    pub(super) async fn known(&self, _hub: &Hub, _cursor: Cursor) -> Cursor {
        match *self {}
    }

    #[cfg(feature = "tokens")]
    pub(super) async fn put_ticket(
        &self,
        _id: &str,
        _content: &[u8],
        _lifetime: Duration,
        _most: usize,
    ) -> Result<(), TicketError> {
        match *self {}
    }

    #[cfg(feature = "tokens")]
    pub(super) async fn ticket(&self, _id: &str) -> Result<Option<Vec<u8>>, HistoryUnavailable> {
        match *self {}
    }

    #[cfg(feature = "tokens")]
    pub(super) async fn take_ticket(&self, _id: &str) -> Result<bool, HistoryUnavailable> {
        match *self {}
    }

    pub(super) async fn load_for_stream(
        &self,
        _hub: &Hub,
        _rooms: &[RoomName],
    ) -> Result<(), RoomLimitReached> {
        match *self {}
    }
}

/// There is none.
pub(super) async fn connect(
    _limits: HubLimits,
    _settings: &RedisSettings,
) -> Result<(Arc<Hub>, SharedFollower), BadSetting> {
    Err(BadSetting {
        flag: "--redis",
        why: "this program is built without it (the Cargo feature `redis`)".into(),
    })
}
