//! The state that all requests share: one per server and nothing global, so that
//! two servers can run in one process.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Once};

use hyper::header::HeaderValue;

use super::acme;
use super::authenticator::Authenticator;
use super::draining::Draining;
use super::guard::{Admission, Origins, Rates, ReplayBudgets};
use super::https;
use super::page::{ChatPage, PageSettings};
use super::request_counters::RequestCounters;
use super::room_list::RoomListCache;
#[cfg(feature = "redis")]
use crate::chat::SharedFollower;
use crate::chat::{Hub, HubLimits, LoadedHistory, StoreError, StoreTotals, StoredHistory};
use crate::config::{BadSetting, Config};
use crate::protocol::RoomName;
#[cfg(feature = "tokens")]
use crate::tokens::Verifier;

/// The state of one server.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// Closed before the rooms are dropped.
    history: StoredHistory,
    /// The rooms.
    pub hub: Arc<Hub>,
    /// The room of `/`, `send.php` and `sse.php`.
    pub(crate) default_room: RoomName,
    /// The state of the drain.
    pub(crate) draining: Draining,
    /// The readers that were closed because they took no bytes for `--stall`.
    pub stalled: AtomicU64,
    /// The limits on connections and streams.
    pub admission: Arc<Admission>,
    pub(super) rates: Rates,
    pub(super) replays: ReplayBudgets,
    pub(super) authenticator: Authenticator,
    /// Whether the log has the warning about a misconfigured proxy.
    pub(super) proxy_warning: Once,
    pub(super) origins: Origins,
    /// Counters of requests.
    pub(crate) counts: RequestCounters,
    pub(super) page: ChatPage,
    pub(super) room_list: RoomListCache,
    /// The port that requests in clear are redirected to; `None` if they are
    /// answered. The listeners know it.
    pub(crate) redirect_port: Option<u16>,
    /// `Strict-Transport-Security` of answers over TLS.
    pub(super) hsts: Option<HeaderValue>,
}

impl App {
    /// Makes the state of a server with these settings.
    ///
    /// # Errors
    ///
    /// The first setting that no server can run with.
    pub fn new(config: Config) -> Result<Self, BadSetting> {
        let (config, limits) = prepare(config)?;
        if config.redis.url.is_some() {
            return Err(BadSetting {
                flag: "--redis",
                why: "a shared history is connected to first: use `App::connect`".into(),
            });
        }
        let (hub, history) = StoredHistory::open(limits, &config.data)?;
        log_loaded(&hub, &history);
        Self::with_history(config, hub, history)
    }

    /// As [`App::new`], also with a history that several servers share.
    ///
    /// # Errors
    ///
    /// As of [`App::new`], and if the history is not reached.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub async fn connect(config: Config) -> Result<Self, BadSetting> {
        if config.redis.url.is_none() {
            return Self::new(config);
        }
        let (config, limits) = prepare(config)?;
        let (hub, history) = StoredHistory::connect(limits, &config.redis).await?;
        Self::with_history(config, hub, history)
    }

    fn with_history(
        config: Config,
        hub: Arc<Hub>,
        history: StoredHistory,
    ) -> Result<Self, BadSetting> {
        let default_room = default_room(&config)?;
        let settings = PageSettings {
            default_room: default_room.as_str(),
            max_message_bytes: config.max_message_bytes,
            tokens: config.tokens.are_enabled(),
            anonymous: config.tokens.without_token(),
        };
        let page =
            ChatPage::new(config.assets_dir.as_deref(), settings).map_err(|error| BadSetting {
                flag: "--assets-dir",
                why: format!("can't read index.html in it: {error}").into(),
            })?;
        Ok(Self {
            page,
            admission: Admission::new(config.limits.clone()),
            rates: Rates::new(&config.limits),
            replays: ReplayBudgets::new(&config.limits),
            authenticator: Authenticator::new(&config)?,
            proxy_warning: Once::new(),
            origins: Origins::new(&config.access),
            room_list: RoomListCache::default(),
            draining: Draining::default(),
            stalled: AtomicU64::new(0),
            counts: RequestCounters::default(),
            redirect_port: None,
            hsts: config.tls.hsts.map(https::strict_transport_security),
            config: Arc::new(config),
            history,
            hub,
            default_room,
        })
    }

    /// What shows the entries of a shared history here, for the task that does. `None` if
    /// none is shared, and after the first call.
    #[cfg(feature = "redis")]
    pub(crate) fn take_follower(&self) -> Option<SharedFollower> {
        self.history.take_follower()
    }

    /// Waits until the store of history fails; for ever without a store. From then on
    /// nothing can be published, and the server is to end.
    pub async fn history_fails(&self) {
        self.history.fails().await;
    }

    /// Why the store of history failed, if it did.
    pub fn history_failure(&self) -> Option<StoreError> {
        self.history.failure()
    }

    /// The store of history in numbers, if there is one.
    pub(crate) fn store_totals(&self) -> Option<StoreTotals> {
        self.history.totals()
    }

    /// Stores what waits, and closes the store of history. Nothing can be published
    /// from then on.
    ///
    /// It takes as long as the disk does: not for a thread of a runtime.
    pub fn close_history(&self) {
        self.history.close();
    }

    /// What verifies tokens, if there are keys. A program that embeds the server
    /// loads the key set of a URL by it.
    #[cfg(feature = "tokens")]
    pub fn verifier(&self) -> Option<&Verifier> {
        self.authenticator.verifier()
    }

    /// Each rate (`publish`, `room`, `stream`, `request`) with how often it
    /// refused a request.
    pub(crate) fn rate_limited(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.rates.limited()
    }
}

/// Checks the settings. Returns them with what follows from them.
fn prepare(mut config: Config) -> Result<(Config, HubLimits), BadSetting> {
    config.check()?;
    acme::check(&config.tls)?;
    let listen = config.listen.iter().map(|listen| &listen.endpoint);
    let endpoints = listen.chain(&config.metrics);
    config.access.local_names = endpoints
        .filter_map(|endpoint| endpoint.name().map(str::to_owned))
        .collect();
    let limits = hub_limits(&config, &default_room(&config)?);
    Ok((config, limits))
}

fn default_room(config: &Config) -> Result<RoomName, BadSetting> {
    RoomName::parse(&config.default_room).map_err(|_| BadSetting {
        flag: "--default-room",
        why: "a room's name is 1 to 64 letters, digits, '_', '-' or '.', and not '.' or '..'"
            .into(),
    })
}

fn hub_limits(config: &Config, default_room: &RoomName) -> HubLimits {
    HubLimits {
        history: config.history,
        history_bytes: config.history_bytes,
        history_budget: config.history_budget,
        max_rooms: config.max_rooms,
        default_room: default_room.clone(),
        max_members: config.limits.max_members,
        max_typing_members: config.limits.max_typing_members,
        stored_history: config.data.history.unwrap_or(0),
        stored_history_budget: config.data.history_budget,
        history_age: config.history_age,
        room_idle: config.room_idle,
        presence_rate: config.limits.presence_rate,
        presence_rate_total: config.limits.presence_rate_total,
        channel_slots: config.fanout_queue,
        channel_large: config.fanout_large,
    }
}

/// Logs what was read from a store, how long it took, and what of it is deleted.
fn log_loaded(hub: &Hub, history: &StoredHistory) {
    let Some(LoadedHistory { dir, took, excess }) = history.loaded() else {
        return;
    };
    let totals = hub.totals();
    tracing::info!(
        dir = %dir.display(),
        epoch = %hub.epoch(),
        rooms = totals.rooms,
        entries = totals.history_entries + totals.older_entries,
        bytes = totals.history_bytes + totals.older_bytes,
        ?took,
        "history loaded"
    );
    if excess > 0 {
        tracing::warn!(
            entries = excess,
            "stored history exceeded --history, --data-history or their bytes; what exceeded \
             them is deleted"
        );
    }
}
