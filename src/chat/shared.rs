//! A history in Redis that several servers share. Redis assigns ids and numbers, bounds
//! rooms and finds repeated requests (`sse_chat_redis`). What a server shows it has read
//! from the common log: [`SharedFollower`]. So all servers show the same in the same order.
//!
//! Rooms are loaded when they are first used here: `loading`. What Redis keeps of an entry
//! is in `content`; what is under the hub's lock in `state` and `rooms::shared`.

mod bans;
mod change;
mod content;
mod follower;
mod loading;
mod members;
mod publish;
pub(super) mod state;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sse_chat_redis::{
    Bounds, CallError, ConnectError, Namespace, NotANamespace, Opened, Replicas, Settings,
    SharedLog,
};
use tokio::sync::Notify;

pub(crate) use self::follower::{Followed, SharedFollower};
pub(crate) use self::members::MemberExchange;
use super::errors::HistoryUnavailable;
use super::generations::{EndedGeneration, Generations};
use super::hub::Hub;
use super::rooms::HubLimits;
use crate::config::{BadSetting, RedisSettings};
use crate::protocol::Epoch;

/// Most attempts of a request: each fails only because something else came first.
const MAX_TRIES: usize = 16;

/// Calls of the shared history.
#[derive(Debug)]
pub(super) struct SharedClient {
    log: SharedLog,
    /// Most entries of a room.
    entries: usize,
    /// The longest wait for what was assigned to be shown.
    timeout: Duration,
    /// How long Redis keeps a room that is not used.
    room_idle: Duration,
    /// Most forgotten rooms of which Redis knows the numbers.
    max_tombstones: usize,
    /// Notified when another generation begins.
    generation: Notify,
    /// Redis was not reached by the last read.
    is_away: AtomicBool,
}

impl SharedClient {
    /// A hub of the history that Redis has, and what follows it.
    pub(super) async fn open(
        limits: HubLimits,
        settings: &RedisSettings,
    ) -> Result<(Arc<Hub>, SharedFollower), BadSetting> {
        let bounds = Bounds {
            entries: limits.history.max(1),
            bytes: limits.history_bytes,
            log: settings.log,
            log_bytes: settings.log_bytes,
        };
        let connected = SharedLog::connect(crate_settings(settings, bounds)?).await;
        let (log, opened) = connected.map_err(|error| refused(&error))?;
        let generations = generations(&opened).map_err(|why| BadSetting {
            flag: "--redis",
            why: why.into(),
        })?;
        let reader = log.reader(&opened);
        let client = Arc::new(Self {
            log,
            entries: bounds.entries,
            timeout: settings.timeout + settings.wait_timeout,
            room_idle: limits.room_idle,
            max_tombstones: limits.max_rooms,
            generation: Notify::new(),
            is_away: AtomicBool::new(false),
        });
        let hub = Hub::follow(limits, generations, opened.seq, Arc::clone(&client));
        let follower = SharedFollower::new(Arc::clone(&hub), client, reader);
        Ok((hub, follower))
    }

    /// Waits until the entry with this seq is shown, which was assigned in the generation
    /// `epoch`.
    async fn shown(&self, hub: &Hub, epoch: Epoch, seq: u64) -> Result<(), HistoryUnavailable> {
        let shown = hub.lock().wait_shown(epoch, seq)?;
        match tokio::time::timeout(self.timeout, shown.done()).await {
            Ok(shown) => shown,
            Err(_) => Err(HistoryUnavailable),
        }
    }

    /// Waits until another generation than `epoch` has begun here.
    async fn next_generation(&self, hub: &Hub, epoch: Epoch) -> Result<(), HistoryUnavailable> {
        let mut begun = std::pin::pin!(self.generation.notified());
        begun.as_mut().enable();
        if hub.epoch() != epoch {
            return Ok(());
        }
        match tokio::time::timeout(self.timeout, begun).await {
            Ok(()) => Ok(()),
            Err(_) => Err(HistoryUnavailable),
        }
    }
}

/// What follows from a call without an answer.
enum Failed {
    /// Nothing was done: another generation has to begin here first.
    OtherEpoch,
    Unavailable,
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        match error {
            CallError::OtherEpoch(_) => Self::OtherEpoch,
            _ => Self::Unavailable,
        }
    }
}

fn crate_settings(settings: &RedisSettings, bounds: Bounds) -> Result<Settings, BadSetting> {
    let namespace: Result<Namespace, NotANamespace> = settings.namespace.parse();
    let namespace = namespace.map_err(|error| BadSetting {
        flag: "--redis-namespace",
        why: error.to_string().into(),
    })?;
    let ca_certificates = match &settings.ca {
        Some(path) => Some(fs::read(path).map_err(|error| BadSetting {
            flag: "--redis-ca",
            why: format!("{}: {error}", path.display()).into(),
        })?),
        None => None,
    };
    Ok(Settings {
        url: settings.url.clone().unwrap_or_default(),
        user: settings.user.clone(),
        password: settings.password.clone(),
        ca_certificates,
        namespace,
        bounds,
        replicas: (settings.wait > 0).then_some(Replicas {
            count: settings.wait,
            within: settings.wait_timeout,
        }),
        connections: settings.connections,
        timeout: settings.timeout,
    })
}

fn refused(error: &ConnectError) -> BadSetting {
    BadSetting {
        flag: "--redis",
        why: error.to_string().into(),
    }
}

/// The generations of a history.
fn generations(opened: &Opened) -> Result<Generations, &'static str> {
    let why = "the epochs of the history are not in order";
    let mut ended = Vec::with_capacity(opened.ended.len());
    for (epoch, end) in &opened.ended {
        let epoch = epoch.parse().map_err(|_| why)?;
        ended.push(EndedGeneration { epoch, end: *end });
    }
    let present = opened.epoch.parse().map_err(|_| why)?;
    Generations::restore(ended, present).map_err(|_| why)
}
