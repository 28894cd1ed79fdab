//! A history in Redis that several servers share. Redis assigns ids and numbers, bounds
//! rooms and finds repeated requests (`sse_chat_redis`). What a server shows it has read
//! from the common log: [`SharedFollower`]. So all servers show the same in the same order.
//!
//! Rooms are loaded when they are first used here: `loading`. What Redis keeps of an entry
//! is in `content`; what is under the hub's lock in `state` and `rooms::shared`.

mod bans;
mod change;
mod client;
mod content;
mod counters;
mod follower;
mod loading;
mod members;
mod publish;
pub(super) mod state;
#[cfg(feature = "tokens")]
mod tickets;

use std::sync::Arc;

use sse_chat_redis::{Bounds, SharedLog};

pub(super) use self::client::SharedClient;
use self::client::{generations, log_settings, refused};
pub(crate) use self::follower::{Followed, SharedFollower};
pub(crate) use self::members::MemberExchange;
use super::hub::Hub;
use super::rooms::HubLimits;
use crate::config::{BadSetting, RedisSettings};

/// A hub of the history that Redis has, and what follows it.
pub(super) async fn connect(
    limits: HubLimits,
    settings: &RedisSettings,
) -> Result<(Arc<Hub>, SharedFollower), BadSetting> {
    let bounds = Bounds {
        entries: limits.history.max(1),
        bytes: limits.history_bytes,
        log: settings.log,
        log_bytes: settings.log_bytes,
    };
    let connected = SharedLog::connect(log_settings(settings, bounds)?).await;
    let (log, opened) = connected.map_err(|error| refused(&error))?;
    let generations = generations(&opened).map_err(|why| BadSetting {
        flag: "--redis",
        why: why.into(),
    })?;
    let reader = log.reader(&opened);
    let client = Arc::new(SharedClient::new(log, &limits, settings));
    let hub = Hub::follow(limits, generations, opened.seq, Arc::clone(&client));
    let follower = SharedFollower::new(Arc::clone(&hub), client, reader);
    Ok((hub, follower))
}
