//! A connection to a server that can keep a history.

use std::error::Error;
use std::fmt;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, ServerErrorKind};

use crate::library::LIBRARY;
use crate::settings::Settings;

/// The first version with functions.
const MIN_VERSION: u32 = 7;

/// Why a connection can't be used, in one line.
#[derive(Debug)]
pub enum ConnectError {
    /// The URL is none of Redis.
    Url(String),
    /// The server is not reached, or does not let this client in.
    Unreachable(String),
    /// The server is too old; this is its version.
    TooOld(String),
    /// The server is a replica.
    Replica,
    /// The server evicts keys; this is its policy.
    Evicts(String),
    /// The server is a node of a cluster, and the history is on another one.
    OtherNode(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "the URL of Redis is not valid: {why}"),
            Self::Unreachable(why) => write!(f, "Redis is not reached: {why}"),
            Self::TooOld(version) => write!(
                f,
                "Redis {version} has no functions: version {MIN_VERSION}.0 or later is needed"
            ),
            Self::Replica => {
                f.write_str("Redis is a replica: the URL has to be that of its master")
            }
            Self::Evicts(policy) => write!(
                f,
                "Redis evicts keys (maxmemory-policy is {policy}), which would tear holes into \
                 history: set it to noeviction"
            ),
            Self::OtherNode(node) => {
                write!(f, "the history is on another node of the cluster: {node}")
            }
        }
    }
}

impl Error for ConnectError {}

impl ConnectError {
    pub(crate) fn of(error: &RedisError) -> Self {
        match error.redirect_node() {
            Some((node, _)) => Self::OtherNode(node.to_owned()),
            None => Self::Unreachable(error.to_string()),
        }
    }
}

/// Connects, checks the server, and loads the library.
pub(crate) async fn connect(settings: &Settings) -> Result<MultiplexedConnection, ConnectError> {
    let client = redis::Client::open(settings.url.as_str());
    let client = client.map_err(|error| ConnectError::Url(error.to_string()))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.timeout))
        .set_response_timeout(Some(settings.timeout));
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connection.await.map_err(|error| ConnectError::of(&error))?;
    let info: String = redis::cmd("INFO")
        .query_async(&mut connection)
        .await
        .map_err(|error| ConnectError::of(&error))?;
    check(&info)?;
    load_library(&mut connection).await?;
    Ok(connection)
}

/// Checks what a server says of itself.
fn check(info: &str) -> Result<(), ConnectError> {
    let field = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    // Valkey says 7.2.4 here, for programs that ask for it.
    let version = field("redis_version").unwrap_or_default();
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < MIN_VERSION) {
        return Err(ConnectError::TooOld(version.to_owned()));
    }
    if field("role") == Some("slave") {
        return Err(ConnectError::Replica);
    }
    match field("maxmemory_policy") {
        Some("noeviction") | None => Ok(()),
        Some(policy) => Err(ConnectError::Evicts(policy.to_owned())),
    }
}

/// Loads the library of this version, unless it is there.
async fn load_library(connection: &mut MultiplexedConnection) -> Result<(), ConnectError> {
    let loaded: Result<String, RedisError> = redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg(&LIBRARY.text)
        .query_async(connection)
        .await;
    match loaded {
        Ok(_) => Ok(()),
        Err(error) if error.to_string().contains("already exists") => Ok(()),
        Err(error) if error.kind() == ServerErrorKind::ReadOnly.into() => {
            Err(ConnectError::Replica)
        }
        Err(error) => Err(ConnectError::of(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: &str, role: &str, policy: &str) -> String {
        format!(
            "# Server\r\nredis_version:{version}\r\nmaxmemory_policy:{policy}\r\nrole:{role}\r\n"
        )
    }

    #[test]
    fn a_server_that_can_not_keep_a_history_is_refused_in_one_line() {
        assert!(check(&info("7.0.15", "master", "noeviction")).is_ok());
        for (info, line) in [
            (
                info("6.2.1", "master", "noeviction"),
                "Redis 6.2.1 has no functions",
            ),
            (info("8.0.0", "slave", "noeviction"), "Redis is a replica"),
            (
                info("8.0.0", "master", "allkeys-lru"),
                "Redis evicts keys (maxmemory-policy is allkeys-lru)",
            ),
            (String::new(), "Redis  has no functions"),
        ] {
            let error = check(&info).unwrap_err().to_string();
            assert!(error.starts_with(line), "{error}");
            assert!(!error.contains('\n'));
        }
    }
}
