//! The flags of [`RedisSettings`]: a history that several servers share. docs/cluster.md
//! explains each of them.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::cli::values::{Size, Time, parse_size, parse_time};
use crate::config::{self, BadSetting, RedisSettings};

/// The shared history.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several servers")]
pub(super) struct RedisFlags {
    /// Redis or Valkey that has the history, for several servers to share:
    /// redis[s]://[USER:PASSWORD@]HOST[:PORT]
    ///
    /// With Sentinels: redis+sentinel://HOST:PORT,HOST:PORT/NAME; with a cluster:
    /// redis+cluster://HOST:PORT,HOST:PORT. Without it history is in memory only, or in --data.
    #[arg(
        long,
        env = "SSE_CHAT_REDIS",
        value_name = "URL",
        hide_env_values = true
    )]
    redis: Option<String>,

    /// User at Redis, in place of the URL's
    #[arg(long, env = "SSE_CHAT_REDIS_USER", value_name = "USER")]
    redis_user: Option<String>,

    /// File with the password at Redis, in place of the URL's; or the variable
    /// SSE_CHAT_REDIS_PASSWORD has the password itself
    #[arg(long, env = "SSE_CHAT_REDIS_PASSWORD_FILE", value_name = "FILE")]
    redis_password_file: Option<PathBuf>,

    /// File with the certificates (PEM) that a rediss:// server is checked against, in place of
    /// the system's
    #[arg(long, env = "SSE_CHAT_REDIS_CA", value_name = "FILE")]
    redis_ca: Option<PathBuf>,

    /// Beginning of all keys in Redis; servers with another one have another history
    #[arg(long, env = "SSE_CHAT_REDIS_NAMESPACE", value_name = "NAME",
          default_value = config::DEFAULT_REDIS_NAMESPACE)]
    redis_namespace: String,

    /// Replicas of Redis that have to have a message before it is answered
    #[arg(
        long,
        env = "SSE_CHAT_REDIS_WAIT",
        value_name = "COUNT",
        default_value_t = 0
    )]
    redis_wait: u32,

    /// Longest wait for these replicas; beyond it the answer is 503
    #[arg(long, env = "SSE_CHAT_REDIS_WAIT_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_REDIS_WAIT_TIMEOUT))]
    redis_wait_timeout: Time,

    /// Longest wait for an answer of Redis
    #[arg(long, env = "SSE_CHAT_REDIS_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_REDIS_TIMEOUT))]
    redis_timeout: Time,

    /// Connections to Redis over which requests are sent; one more reads
    #[arg(long, env = "SSE_CHAT_REDIS_CONNECTIONS", value_name = "COUNT",
          default_value_t = config::DEFAULT_REDIS_CONNECTIONS)]
    redis_connections: usize,

    /// Messages, events and changes of all rooms together that Redis keeps to carry them to the
    /// servers; one that falls further behind loads its rooms anew
    #[arg(long, env = "SSE_CHAT_REDIS_LOG", value_name = "COUNT",
          default_value_t = config::DEFAULT_REDIS_LOG)]
    redis_log: usize,

    /// Bytes of the same
    #[arg(long, env = "SSE_CHAT_REDIS_LOG_BYTES", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_REDIS_LOG_BYTES))]
    redis_log_bytes: Size,
}

/// The variable that has the password itself.
const PASSWORD: &str = "SSE_CHAT_REDIS_PASSWORD";

impl TryFrom<RedisFlags> for RedisSettings {
    type Error = BadSetting;

    fn try_from(flags: RedisFlags) -> Result<Self, BadSetting> {
        let password = match &flags.redis_password_file {
            Some(path) => Some(fs::read_to_string(path).map_err(|error| BadSetting {
                flag: "--redis-password-file",
                why: format!("{}: {error}", path.display()).into(),
            })?),
            None => std::env::var(PASSWORD).ok(),
        };
        let password = password.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        Ok(Self {
            url: flags.redis,
            user: flags.redis_user,
            password,
            ca: flags.redis_ca,
            namespace: flags.redis_namespace,
            wait: flags.redis_wait,
            wait_timeout: flags.redis_wait_timeout.0,
            connections: flags.redis_connections,
            timeout: flags.redis_timeout.0,
            log: flags.redis_log,
            log_bytes: flags.redis_log_bytes.0,
        })
    }
}
