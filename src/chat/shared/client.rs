//! Calls of the shared history, and how it is reached.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sse_chat_redis::{
    Bounds, CallError, ConnectError, Namespace, NotANamespace, Opened, Replicas, Settings,
    SharedLog,
};
use tokio::sync::Notify;

use super::counters::SharedCounters;
use crate::chat::errors::HistoryUnavailable;
use crate::chat::generations::{EndedGeneration, Generations};
use crate::chat::hub::Hub;
use crate::chat::rooms::HubLimits;
use crate::chat::shared_totals::SharedTotals;
use crate::config::{BadSetting, RedisSettings};
use crate::protocol::Epoch;

/// Most attempts of a request: each fails only because something else came first.
pub(super) const MAX_TRIES: usize = 16;

/// Calls of the shared history.
#[derive(Debug)]
pub(in crate::chat) struct SharedClient {
    pub(super) log: SharedLog,
    /// Most entries of a room.
    pub(super) entries: usize,
    /// The longest wait for what was assigned to be shown.
    pub(super) timeout: Duration,
    /// How long Redis keeps a room that is not used.
    pub(super) room_idle: Duration,
    /// Most forgotten rooms of which Redis knows the numbers.
    pub(super) max_tombstones: usize,
    /// Notified when another generation begins.
    pub(super) generation: Notify,
    pub(super) counters: SharedCounters,
    /// Notified when a room could not be loaded.
    pub(super) unloaded: Notify,
    /// Redis was not reached by the last read.
    pub(super) is_away: AtomicBool,
}

impl SharedClient {
    pub(super) fn new(log: SharedLog, limits: &HubLimits, settings: &RedisSettings) -> Self {
        Self {
            log,
            entries: limits.history.max(1),
            timeout: settings.timeout + settings.wait_timeout,
            room_idle: limits.room_idle,
            max_tombstones: limits.max_rooms,
            generation: Notify::new(),
            counters: SharedCounters::default(),
            unloaded: Notify::new(),
            is_away: AtomicBool::new(false),
        }
    }

    /// In numbers, without what the hub knows.
    pub(in crate::chat) fn totals(&self) -> SharedTotals {
        self.counters.totals()
    }

    /// Waits until the entry with this seq is shown, which was assigned in the generation
    /// `epoch`.
    pub(super) async fn shown(
        &self,
        hub: &Hub,
        epoch: Epoch,
        seq: u64,
    ) -> Result<(), HistoryUnavailable> {
        let shown = hub.lock().wait_shown(epoch, seq)?;
        match tokio::time::timeout(self.timeout, shown.done()).await {
            Ok(shown) => shown,
            Err(_) => Err(HistoryUnavailable),
        }
    }

    /// Waits until another generation than `epoch` has begun here.
    pub(super) async fn next_generation(
        &self,
        hub: &Hub,
        epoch: Epoch,
    ) -> Result<(), HistoryUnavailable> {
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
pub(super) enum Failed {
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

pub(super) fn log_settings(
    settings: &RedisSettings,
    bounds: Bounds,
) -> Result<Settings, BadSetting> {
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

pub(super) fn refused(error: &ConnectError) -> BadSetting {
    BadSetting {
        flag: "--redis",
        why: error.to_string().into(),
    }
}

/// The generations of a history.
pub(super) fn generations(opened: &Opened) -> Result<Generations, &'static str> {
    let why = "the epochs of the history are not in order";
    let mut ended = Vec::with_capacity(opened.ended.len());
    for (epoch, end) in &opened.ended {
        let epoch = epoch.parse().map_err(|_| why)?;
        ended.push(EndedGeneration { epoch, end: *end });
    }
    let present = opened.epoch.parse().map_err(|_| why)?;
    Generations::restore(ended, present).map_err(|_| why)
}
