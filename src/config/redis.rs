//! The history that several servers share. How it is reached is in the crate
//! `sse-chat-redis`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The default of [`RedisSettings::namespace`].
pub const DEFAULT_REDIS_NAMESPACE: &str = "sse-chat";
/// The default of [`RedisSettings::connections`].
pub const DEFAULT_REDIS_CONNECTIONS: usize = 2;
/// The default of [`RedisSettings::timeout`].
pub const DEFAULT_REDIS_TIMEOUT: Duration = Duration::from_secs(3);
/// The default of [`RedisSettings::wait_timeout`].
pub const DEFAULT_REDIS_WAIT_TIMEOUT: Duration = Duration::from_secs(1);
/// The default of [`RedisSettings::log`].
pub const DEFAULT_REDIS_LOG: usize = 100_000;
/// The default of [`RedisSettings::log_bytes`].
pub const DEFAULT_REDIS_LOG_BYTES: usize = 256 << 20;
/// The most [`RedisSettings::connections`].
pub const MAX_REDIS_CONNECTIONS: usize = 64;
/// The shortest and the longest [`RedisSettings::timeout`]: a frozen server is noticed
/// within it.
pub const REDIS_TIMEOUTS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(60)];

/// Where several servers share one history.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// The address of Redis or Valkey; `None` if this server has a history of its own.
    pub url: Option<String>,
    /// The user, in place of the URL's.
    pub user: Option<String>,
    /// The password, in place of the URL's.
    pub password: Option<String>,
    /// A file with the certificates that a server behind `rediss://` is checked against, in
    /// place of the system's.
    pub ca: Option<PathBuf>,
    /// What all keys begin with. Servers with another one have another history.
    pub namespace: String,
    /// The replicas that have to have a message before it is answered.
    pub wait: u32,
    /// The longest wait for them.
    pub wait_timeout: Duration,
    /// Connections over which requests are sent.
    pub connections: usize,
    /// The longest wait for an answer of Redis.
    pub timeout: Duration,
    /// Most items of the log that carries messages to the servers.
    pub log: usize,
    /// Most bytes of it.
    pub log_bytes: usize,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: None,
            user: None,
            password: None,
            ca: None,
            namespace: DEFAULT_REDIS_NAMESPACE.to_owned(),
            wait: 0,
            wait_timeout: DEFAULT_REDIS_WAIT_TIMEOUT,
            connections: DEFAULT_REDIS_CONNECTIONS,
            timeout: DEFAULT_REDIS_TIMEOUT,
            log: DEFAULT_REDIS_LOG,
            log_bytes: DEFAULT_REDIS_LOG_BYTES,
        }
    }
}

impl fmt::Debug for RedisSettings {
    /// Without what may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("is_shared", &self.url.is_some())
            .field("namespace", &self.namespace)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

impl RedisSettings {
    /// Every flag, whether its value is valid, and what would be. `has_data` says whether
    /// history is stored on disk.
    pub(super) fn checks(
        &self,
        has_data: bool,
    ) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let of_url = (
            "--redis",
            self.url.is_none() || cfg!(feature = "redis"),
            "this program is built without it (the Cargo feature `redis`)",
        );
        let of_data = (
            "--data",
            self.url.is_none() || !has_data,
            "history is either on this disk or in Redis; give --data or --redis, not both",
        );
        [of_url, of_data]
            .into_iter()
            .chain(self.needs())
            .chain(self.bounds())
    }

    /// Flags that do nothing without `--redis`.
    fn needs(&self) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let (usual, is_shared) = (Self::default(), self.url.is_some());
        let no_redis = "history is not shared; add --redis URL";
        [
            ("--redis-user", self.user.is_none()),
            ("--redis-password-file", self.password.is_none()),
            ("--redis-ca", self.ca.is_none()),
            ("--redis-namespace", self.namespace == usual.namespace),
            ("--redis-wait", self.wait == usual.wait),
            (
                "--redis-wait-timeout",
                self.wait_timeout == usual.wait_timeout,
            ),
            ("--redis-connections", self.connections == usual.connections),
            ("--redis-timeout", self.timeout == usual.timeout),
            ("--redis-log", self.log == usual.log),
            ("--redis-log-bytes", self.log_bytes == usual.log_bytes),
        ]
        .into_iter()
        .map(move |(flag, is_usual)| (flag, is_shared || is_usual, no_redis))
    }

    fn bounds(&self) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let [shortest, longest] = REDIS_TIMEOUTS;
        let is_time = |time: Duration| time >= shortest && time <= longest;
        [
            (
                "--redis-connections",
                (1..=MAX_REDIS_CONNECTIONS).contains(&self.connections),
                "must be from 1 to 64",
            ),
            (
                "--redis-timeout",
                is_time(self.timeout),
                "must be from 100ms to 60s",
            ),
            (
                "--redis-wait-timeout",
                is_time(self.wait_timeout),
                "must be from 100ms to 60s",
            ),
            ("--redis-log", self.log >= 1_000, "must be at least 1000"),
            (
                "--redis-log-bytes",
                self.log_bytes >= 1 << 20,
                "must be at least 1 MiB",
            ),
        ]
        .into_iter()
    }
}
