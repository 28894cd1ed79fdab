//! The server's configuration: one plain struct, each default a documented
//! constant.
//!
//! [`Config::check`] validates it once, at the start. The command line is not
//! known here: see `cli::serve`.

mod access;
mod data;
mod endpoint;
mod http2;
mod limits;
mod listen;
mod redis;
mod tls;
mod tokens;

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

pub use self::access::{Access, ForwardedHeader, InvalidOrigin, Origin};
pub use self::data::{
    DEFAULT_COMMIT_QUEUE, DEFAULT_DATA_HISTORY_BUDGET, DEFAULT_DATA_READ_BUDGET, DataSettings,
    MAX_SYNC_INTERVAL, MIN_COMMIT_QUEUE, SyncMode,
};
pub use self::endpoint::{Endpoint, InvalidEndpoint};
pub use self::http2::{DEFAULT_HTTP2_MAX_STREAMS, Http2Settings};
pub use self::limits::{
    Block, DEFAULT_ACCEPT_QUEUE, DEFAULT_ANSWER_TIMEOUT, DEFAULT_BODY_TIMEOUT, DEFAULT_BUSY_RETRY,
    DEFAULT_FIRST_BYTE_TIMEOUT, DEFAULT_HEAD_BUDGET, DEFAULT_HEAD_TIMEOUT, DEFAULT_IDLE_TIMEOUT,
    DEFAULT_IPV6_48_FACTOR, DEFAULT_IPV6_56_FACTOR, DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_CONNECTIONS_PER_ADDRESS, DEFAULT_MAX_HEAD_BYTES, DEFAULT_MAX_MEMBERS,
    DEFAULT_MAX_ROOMS_PER_ADDRESS, DEFAULT_MAX_STREAMS, DEFAULT_MAX_STREAMS_PER_ADDRESS,
    DEFAULT_MAX_TYPING_MEMBERS, DEFAULT_PRESENCE_RATE, DEFAULT_PRESENCE_RATE_TOTAL,
    DEFAULT_PUBLISH_BURST, DEFAULT_PUBLISH_RATE, DEFAULT_REPLAY_BURST, DEFAULT_REPLAY_RATE,
    DEFAULT_REQUEST_BURST, DEFAULT_REQUEST_RATE, DEFAULT_ROOM_BURST, DEFAULT_ROOM_RATE,
    DEFAULT_SEND_BUFFER, DEFAULT_STALL, DEFAULT_STREAM_BURST, DEFAULT_STREAM_RATE, Limits,
    MIN_HEAD_BYTES, MIN_REPLAY_RATE, Rate, SMALL_HEAD_BYTES,
};
pub use self::listen::{InvalidListen, Listen, Scheme};
pub use self::redis::{
    DEFAULT_REDIS_CONNECTIONS, DEFAULT_REDIS_LOG, DEFAULT_REDIS_LOG_BYTES, DEFAULT_REDIS_NAMESPACE,
    DEFAULT_REDIS_TIMEOUT, DEFAULT_REDIS_WAIT_TIMEOUT, MAX_REDIS_CONNECTIONS, REDIS_TIMEOUTS,
    RedisSettings,
};
pub use self::tls::{DEFAULT_MAX_HANDSHAKES, DEFAULT_TLS_HANDSHAKE_TIMEOUT, TlsPair, TlsSettings};
pub use self::tokens::{Anonymous, InvalidJwksLocation, JwksLocation, TokenSettings};

/// The listening address: this machine only, by default.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Messages of history per room.
pub const DEFAULT_HISTORY: usize = 1000;
/// Bytes of history per room: most of 1,000 messages of the largest size.
pub const DEFAULT_HISTORY_BYTES: usize = 4 << 20;
/// Bytes of history over all rooms: 64 full rooms.
pub const DEFAULT_HISTORY_BUDGET: usize = 256 << 20;
/// The silence after which a stream gets a ping: below the idle timeout of common
/// proxies.
pub const DEFAULT_PING: Duration = Duration::from_secs(15);
/// The time after which clients reconnect, drawn for each connection from this range.
pub const DEFAULT_RETRY: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(5);
/// Bytes of a message's text.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 4096;
/// Bytes of an event's payload.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 64 << 10;
/// The room of `/`, `send.php` and `sse.php`.
pub const DEFAULT_ROOM: &str = "lobby";
/// Rooms at one time.
pub const DEFAULT_MAX_ROOMS: usize = 10_000;
/// How long a room without readers and new messages is kept.
pub const DEFAULT_ROOM_IDLE: Duration = Duration::from_secs(3600);
/// The longest time of a shutdown.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// Bytes of log lines that wait for standard error: some 20,000 lines of the
/// access log, a pause of a second at the rate of two cores.
pub const DEFAULT_LOG_QUEUE: usize = 4 << 20;
/// The smallest queue of log lines: a few of the longest lines that a request can
/// cause.
pub const MIN_LOG_QUEUE: usize = 16 << 10;
/// How long the end of the process waits for log lines to be written.
pub const LOG_FLUSH: Duration = Duration::from_secs(1);
/// The same when a second signal ends it at once.
pub const LOG_FLUSH_INTERRUPTED: Duration = Duration::from_millis(100);

/// The largest [`Config::fanout_queue`].
pub const MAX_FANOUT_QUEUE: usize = 1 << 20;
/// The default of [`Config::fanout_queue`]: four seconds at a thousand messages
/// per second.
pub const DEFAULT_FANOUT_QUEUE: usize = 4096;

/// The default of [`Config::fanout_large`].
pub const DEFAULT_FANOUT_LARGE: usize = 4 << 20;

/// The largest [`Config::workers`].
pub const MAX_WORKERS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The default of [`Config::workers`]: one for each core of this process.
pub fn default_workers() -> NonZeroUsize {
    std::thread::available_parallelism()
        .unwrap_or(NonZeroUsize::MIN)
        .min(MAX_WORKERS)
}

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The listening addresses; port 0 takes a free one.
    pub listen: Vec<Listen>,
    /// Most messages of history per room; 0 keeps none.
    pub history: usize,
    /// Most bytes of history per room.
    pub history_bytes: usize,
    /// Most bytes of history over all rooms.
    pub history_budget: usize,
    /// The silence after which a stream gets a ping.
    pub ping: Duration,
    /// The range of each stream's `retry`.
    pub retry: RangeInclusive<Duration>,
    /// Most bytes of a message's text.
    pub max_message_bytes: usize,
    /// Most bytes of an event's payload.
    pub max_event_bytes: usize,
    /// Whether everybody who may write may also publish events.
    pub open_events: bool,
    /// The room of `/`, `send.php` and `sse.php`.
    pub default_room: String,
    /// Most rooms at one time.
    pub max_rooms: usize,
    /// How long an entry of history is kept; `None` for as long as there is room for it.
    pub history_age: Option<Duration>,
    /// How long a room without readers and new messages is kept.
    pub room_idle: Duration,
    /// Whether `GET /rooms` lists the rooms' names.
    pub list_rooms: bool,
    /// Whether `send.php` and `sse.php` answer.
    pub demo: bool,
    /// A folder of files that replace the embedded page.
    pub assets_dir: Option<PathBuf>,
    /// The longest time of a shutdown.
    pub grace: Duration,
    /// Threads that write to readers.
    pub workers: NonZeroUsize,
    /// Events that may wait for a worker before its readers go back to history.
    /// Rounded up to a power of two.
    pub fanout_queue: usize,
    /// Bytes of entries over 8 KiB that may wait for a worker; entries beyond
    /// it are read from history.
    pub fanout_large: usize,
    /// The address of `GET /metrics`, if any; port 0 takes a free one.
    pub metrics: Option<Endpoint>,
    /// Whether requests are logged.
    pub access_log: bool,
    /// Limits of connections, rates, bytes and time.
    pub limits: Limits,
    /// Settings of HTTP/2.
    pub http2: Http2Settings,
    /// Trusted proxies, allowed hosts and origins.
    pub access: Access,
    /// Certificates of the TLS listeners.
    pub tls: TlsSettings,
    /// Keys of tokens, and what is permitted without a token.
    pub tokens: TokenSettings,
    /// Where history is stored.
    pub data: DataSettings,
    /// The history that several servers share, in place of one of its own.
    pub redis: RedisSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![DEFAULT_LISTEN.into()],
            history: DEFAULT_HISTORY,
            history_bytes: DEFAULT_HISTORY_BYTES,
            history_budget: DEFAULT_HISTORY_BUDGET,
            ping: DEFAULT_PING,
            retry: DEFAULT_RETRY,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
            open_events: false,
            default_room: DEFAULT_ROOM.to_owned(),
            max_rooms: DEFAULT_MAX_ROOMS,
            history_age: None,
            room_idle: DEFAULT_ROOM_IDLE,
            list_rooms: false,
            demo: true,
            assets_dir: None,
            grace: DEFAULT_GRACE,
            workers: default_workers(),
            fanout_queue: DEFAULT_FANOUT_QUEUE,
            fanout_large: DEFAULT_FANOUT_LARGE,
            metrics: None,
            access_log: false,
            limits: Limits::default(),
            http2: Http2Settings::default(),
            access: Access::default(),
            tls: TlsSettings::default(),
            tokens: TokenSettings::default(),
            data: DataSettings::default(),
            redis: RedisSettings::default(),
        }
    }
}

/// A setting that no server can run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSetting {
    /// The flag that sets it, such as `--ping`.
    pub flag: &'static str,
    /// What is wrong, and what would be right.
    pub why: Cow<'static, str>,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.flag, self.why)
    }
}

impl std::error::Error for BadSetting {}

impl Config {
    /// Checks all settings but those whose types are of other modules.
    ///
    /// # Errors
    ///
    /// The first setting that no server can run with.
    pub fn check(&self) -> Result<(), BadSetting> {
        match self
            .checks()
            .chain(self.tls.checks(&self.listen))
            .chain(self.limits.checks())
            .chain(self.tokens.checks())
            .chain(self.data.checks(self.history))
            .chain(self.redis.checks(self.data.dir.is_some()))
            .find(|(_, holds, _)| !holds)
        {
            Some((flag, _, why)) => Err(BadSetting {
                flag,
                why: why.into(),
            }),
            None => Ok(()),
        }
    }

    /// Flags of no group, each with whether its value is valid, and what would be.
    fn checks(&self) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        [
            (
                "--listen",
                !self.listen.is_empty(),
                "give at least one address",
            ),
            (
                "--ping",
                self.ping >= Duration::from_millis(1),
                "must be at least 1ms",
            ),
            (
                "--retry",
                !self.retry.is_empty(),
                "the first time must not be longer than the second",
            ),
            (
                "--max-message-bytes",
                self.max_message_bytes > 0,
                "must be at least 1",
            ),
            (
                "--max-message-bytes",
                self.max_message_bytes <= 1 << 20,
                "must be at most 1 MiB (1048576)",
            ),
            (
                "--max-event-bytes",
                (1..=1 << 20).contains(&self.max_event_bytes),
                "must be 1 to 1 MiB (1048576)",
            ),
            (
                "--history-age",
                self.history_age.is_none_or(|age| !age.is_zero()),
                "must be more than 0s",
            ),
            ("--max-rooms", self.max_rooms > 0, "must be at least 1"),
            (
                "--workers",
                self.workers <= MAX_WORKERS,
                "must be at most 1024",
            ),
            (
                "--fanout-queue",
                (1..=MAX_FANOUT_QUEUE).contains(&self.fanout_queue),
                "must be 1 to 1048576",
            ),
        ]
        .into_iter()
    }

    /// Most bytes of a request's body. By default the largest message with every
    /// byte escaped as `\uXXXX`, and 4 KiB for the rest.
    pub fn max_body_bytes(&self) -> usize {
        self.limits
            .max_body_bytes
            .unwrap_or(self.max_message_bytes * 6 + 4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_server_that_starts() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn an_invalid_setting_is_refused_with_its_flag() {
        let bad = |flag, spoil: fn(&mut Config)| {
            let mut config = Config::default();
            spoil(&mut config);
            assert_eq!(config.check().map_err(|error| error.flag), Err(flag));
        };
        bad("--listen", |config| config.listen.clear());
        bad("--ping", |config| config.ping = Duration::ZERO);
        bad("--retry", |config| {
            config.retry = Duration::from_secs(5)..=Duration::from_secs(2)
        });
        bad("--max-message-bytes", |config| config.max_message_bytes = 0);
        bad("--max-message-bytes", |config| {
            config.max_message_bytes = 1 << 30
        });
        bad("--max-event-bytes", |config| config.max_event_bytes = 0);
        bad("--max-event-bytes", |config| {
            config.max_event_bytes = (1 << 20) + 1;
        });
        bad("--history-age", |config| {
            config.history_age = Some(Duration::ZERO);
        });
        bad("--max-rooms", |config| config.max_rooms = 0);
        bad("--workers", |config| {
            config.workers = MAX_WORKERS.saturating_add(1);
        });
        bad("--fanout-queue", |config| config.fanout_queue = 0);
        bad("--fanout-queue", |config| {
            config.fanout_queue = MAX_FANOUT_QUEUE + 1;
        });
    }
}
