//! What all requests share. There is one of it a server, and nothing global,
//! so two servers can run in one process.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Once};

use super::counts::Counts;
use super::draining::Draining;
use super::guard::{Admission, Origins, Rates, Replays};
use super::page::{Page, Settings};
use super::room_pages::RoomPages;
use crate::chat::{Hub, HubLimits};
use crate::config::{BadSetting, Config};
use crate::protocol::RoomName;

/// One server's state.
#[derive(Debug)]
pub struct App {
    /// What it was told at its start.
    pub config: Arc<Config>,
    /// Its rooms.
    pub hub: Arc<Hub>,
    /// The room of `/`, `send.php` and `sse.php`.
    pub default_room: RoomName,
    /// Whether it is shutting down.
    pub draining: Draining,
    /// How many readers were closed because they took nothing for the time of
    /// `--stall`.
    pub stalled: AtomicU64,
    /// Who is here.
    pub admission: Arc<Admission>,
    pub(super) rates: Rates,
    pub(super) replays: Replays,
    /// The operator was told of a proxy that does not say whom it asks for, or
    /// is not believed.
    pub(super) mistaken_proxy: Once,
    pub(super) origins: Origins,
    /// What is counted of its requests.
    pub counts: Counts,
    pub(super) page: Page,
    pub(super) room_pages: RoomPages,
}

impl App {
    /// A server's state from its settings.
    ///
    /// # Errors
    ///
    /// The first setting that no server can run with.
    pub fn new(mut config: Config) -> Result<Self, BadSetting> {
        config.check()?;
        let endpoints = config.listen.iter().chain(&config.metrics);
        config.access.local_names = endpoints
            .filter_map(|endpoint| endpoint.name().map(str::to_owned))
            .collect();
        let default_room = RoomName::parse(&config.default_room).map_err(|_| BadSetting {
            flag: "--default-room",
            why: "a room's name is 1 to 64 letters, digits, '_', '-' or '.', and not '.' or '..'"
                .into(),
        })?;
        let hub = Hub::new(HubLimits {
            history: config.history,
            history_bytes: config.history_bytes,
            history_budget: config.history_budget,
            max_rooms: config.max_rooms,
            default_room: default_room.clone(),
            max_members: config.limits.max_members,
            room_idle: config.room_idle,
            presence_rate: config.limits.presence_rate,
            presence_rate_total: config.limits.presence_rate_total,
            channel_slots: config.fanout_queue,
            channel_large: config.fanout_large,
        });
        let settings = Settings {
            default_room: default_room.as_str(),
            max_message_bytes: config.max_message_bytes,
        };
        let page =
            Page::new(config.assets_dir.as_deref(), settings).map_err(|error| BadSetting {
                flag: "--assets-dir",
                why: format!("can't read index.html in it: {error}").into(),
            })?;
        Ok(Self {
            page,
            admission: Admission::new(config.limits.clone()),
            rates: Rates::new(&config.limits),
            replays: Replays::new(&config.limits),
            mistaken_proxy: Once::new(),
            origins: Origins::new(&config.access),
            room_pages: RoomPages::default(),
            draining: Draining::default(),
            stalled: AtomicU64::new(0),
            counts: Counts::default(),
            config: Arc::new(config),
            hub,
            default_room,
        })
    }

    /// Each rate (`publish`, `room`, `stream`, `request`) with how often it
    /// refused something.
    pub fn rate_limited(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.rates.limited()
    }
}
