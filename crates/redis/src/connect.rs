//! A connection to a server that can keep a history.

use std::error::Error;
use std::fmt;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind,
};
use tokio::time::error::Elapsed;

use crate::endpoint::{self, Endpoint};
use crate::library::LIBRARY;
use crate::settings::Settings;

/// Most nodes of a cluster that are asked for the history.
const MAX_REDIRECTS: usize = 5;
/// Parts of the time to connect: as many addresses may be silent.
const MAX_SHARES: u32 = 3;
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
    /// The server has an older state than this node has seen: another one has replaced it.
    Replaced,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "the URL of Redis is not valid: {why}"),
            Self::Unreachable(why) => write!(f, "Redis is not reached: {why}"),
            Self::TooOld(version) => write!(
                f,
                "Redis has version {version:?}, and needs {MIN_VERSION}.0 or later for functions"
            ),
            Self::Replaced => {
                f.write_str("Redis has an older history than another server of it had")
            }
            Self::Replica => {
                f.write_str("Redis is a replica: the URL has to be that of its master")
            }
            Self::Evicts(policy) => write!(
                f,
                "Redis evicts keys (maxmemory-policy is {policy}), which would tear holes into \
                 history: set it to noeviction"
            ),
        }
    }
}

impl Error for ConnectError {}

/// Connects, checks the server, and loads the library.
pub(crate) async fn connect(settings: &Settings) -> Result<MultiplexedConnection, ConnectError> {
    let connected = tokio::time::timeout(settings.timeout, try_connect(settings));
    connected.await.map_err(late)?
}

fn late(_: Elapsed) -> ConnectError {
    ConnectError::Unreachable("it does not answer in time".to_owned())
}

async fn try_connect(settings: &Settings) -> Result<MultiplexedConnection, ConnectError> {
    let follow = |server| follow(server, settings);
    match Endpoint::of(settings)? {
        Endpoint::Server(server) => follow(server).await,
        Endpoint::Cluster(nodes) => first_of(nodes, settings, follow).await,
        Endpoint::Sentinels {
            sentinels,
            name,
            master,
        } => {
            let (name, master) = (&name, &master);
            let through = |sentinel| async move {
                let (host, port) = find_master(sentinel, name, settings).await?;
                follow(endpoint::at(master, &host, port)).await
            };
            first_of(sentinels, settings, through).await
        }
    }
}

/// The first connection that succeeds. The addresses are tried in random order: several servers
/// lose the same Redis at one time, and an address that does not answer is not always the
/// first. Each has a share of the time.
async fn first_of<F>(
    mut addresses: Vec<ConnectionInfo>,
    settings: &Settings,
    connect: impl Fn(ConnectionInfo) -> F,
) -> Result<MultiplexedConnection, ConnectError>
where
    F: Future<Output = Result<MultiplexedConnection, ConnectError>>,
{
    fastrand::shuffle(&mut addresses);
    let shares = u32::try_from(addresses.len()).unwrap_or(MAX_SHARES);
    let share = settings.timeout / shares.clamp(1, MAX_SHARES);
    let mut failure = ConnectError::Unreachable("there is no address".to_owned());
    for address in addresses {
        let name = address.addr().to_string();
        let connected = tokio::time::timeout(share, connect(address)).await;
        match connected.map_err(late).flatten() {
            Ok(connection) => return Ok(connection),
            Err(ConnectError::Unreachable(why)) => {
                // What a server says of itself explains more.
                if matches!(failure, ConnectError::Unreachable(_)) {
                    failure = ConnectError::Unreachable(format!("{name}: {why}"));
                }
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Connects to the server, or to the node of its cluster that has the history.
async fn follow(
    mut server: ConnectionInfo,
    settings: &Settings,
) -> Result<MultiplexedConnection, ConnectError> {
    // A cluster may move the slot while this looks for it.
    for _ in 0..MAX_REDIRECTS {
        let mut connection = begin(server.clone(), settings).await?;
        let Some((host, port)) = node_of_slot(&mut connection, settings).await? else {
            return prepare(connection).await;
        };
        server = endpoint::at(&server, &host, port);
    }
    Err(ConnectError::Unreachable(
        "each node of the cluster names another one for the history".to_owned(),
    ))
}

async fn begin(
    server: ConnectionInfo,
    settings: &Settings,
) -> Result<MultiplexedConnection, ConnectError> {
    let client = redis::Client::open(server).map_err(|error| not_reached(&error))?;
    let config = AsyncConnectionConfig::new()
        // The time of an address bounds it.
        .set_connection_timeout(None)
        .set_response_timeout(Some(settings.longest_answer()));
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection.await.map_err(|error| not_reached(&error))
}

/// Where a Sentinel has the master.
async fn find_master(
    sentinel: ConnectionInfo,
    name: &str,
    settings: &Settings,
) -> Result<(String, u16), ConnectError> {
    let mut connection = begin(sentinel, settings).await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let address: RedisResult<Option<(String, u16)>> = command.query_async(&mut connection).await;
    let address = address.map_err(|error| not_reached(&error))?;
    address.ok_or_else(|| ConnectError::Unreachable(format!("the Sentinel knows no master {name}")))
}

/// The node of a cluster that has the history, if this one has it not.
async fn node_of_slot(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
) -> Result<Option<(String, u16)>, ConnectError> {
    let mut command = redis::cmd("HGET");
    command.arg(settings.namespace.key("state")).arg("epoch");
    let epoch: RedisResult<Option<String>> = command.query_async(connection).await;
    let Err(error) = epoch else {
        return Ok(None);
    };
    let address = error.redirect_node().and_then(|(node, _)| {
        let (host, port) = node.rsplit_once(':')?;
        Some((host.to_owned(), port.parse().ok()?))
    });
    address.map(Some).ok_or_else(|| not_reached(&error))
}

/// Checks the server, and loads the library.
async fn prepare(
    mut connection: MultiplexedConnection,
) -> Result<MultiplexedConnection, ConnectError> {
    let info: RedisResult<String> = redis::cmd("INFO").query_async(&mut connection).await;
    check(&info.map_err(|error| not_reached(&error))?)?;
    load_library(&mut connection).await?;
    Ok(connection)
}

pub(crate) fn not_reached(error: &RedisError) -> ConnectError {
    ConnectError::Unreachable(match error.kind() {
        // What it has sent is no explanation, and may be of many lines.
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            "what answers there does not speak the protocol of Redis".to_owned()
        }
        _ => one_line(&error.to_string()),
    })
}

/// The text without line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
    let mut list = redis::cmd("FUNCTION");
    list.arg("LIST").arg("LIBRARYNAME").arg(LIBRARY.name());
    let listed: RedisResult<Vec<redis::Value>> = list.query_async(connection).await;
    if !listed.map_err(|error| not_reached(&error))?.is_empty() {
        return Ok(());
    }
    let mut load = redis::cmd("FUNCTION");
    load.arg("LOAD").arg(&LIBRARY.text);
    let loaded: RedisResult<String> = load.query_async(connection).await;
    match loaded {
        Ok(_) => Ok(()),
        // By another server, meanwhile.
        Err(error) if error.to_string().contains("already exists") => Ok(()),
        Err(error) if error.kind() == ServerErrorKind::ReadOnly.into() => {
            Err(ConnectError::Replica)
        }
        Err(error) => Err(not_reached(&error)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::settings::tests::settings;

    /// The ports of two servers that end each connection, and the ports of the connections.
    async fn closing_servers() -> ([u16; 2], mpsc::UnboundedReceiver<u16>) {
        let (asked, connections) = mpsc::unbounded_channel();
        let mut ports = [0; 2];
        for own_port in &mut ports {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            *own_port = listener.local_addr().unwrap().port();
            let (port, asked) = (*own_port, asked.clone());
            tokio::spawn(async move {
                while let Ok(connection) = listener.accept().await {
                    let _ = asked.send(port);
                    drop(connection);
                }
            });
        }
        (ports, connections)
    }

    #[tokio::test]
    async fn addresses_are_asked_one_after_the_other_in_random_order() {
        let ([one, two], mut connections) = closing_servers().await;
        for url in [
            format!("redis+sentinel://127.0.0.1:{one},127.0.0.1:{two}/chat"),
            format!("redis+cluster://127.0.0.1:{one},127.0.0.1:{two}"),
        ] {
            let settings = Settings { url, ..settings() };
            let mut firsts = std::collections::BTreeSet::new();
            // That one comes first each time is as likely as 100 equal throws of a coin.
            for _ in 0..100 {
                let error = connect(&settings).await.unwrap_err().to_string();
                let first = connections.recv().await.unwrap();
                let last = connections.recv().await.unwrap();
                assert!([(one, two), (two, one)].contains(&(first, last)));
                assert!(error.contains(&format!("127.0.0.1:{last}: ")), "{error}");
                firsts.insert(first);
            }
            assert_eq!(firsts.len(), 2);
        }
    }

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
                "Redis has version \"6.2.1\"",
            ),
            (info("8.0.0", "slave", "noeviction"), "Redis is a replica"),
            (
                info("8.0.0", "master", "allkeys-lru"),
                "Redis evicts keys (maxmemory-policy is allkeys-lru)",
            ),
            (String::new(), "Redis has version \"\""),
        ] {
            let error = check(&info).unwrap_err().to_string();
            assert!(error.starts_with(line), "{error}");
            assert!(!error.contains('\n'));
        }
    }
}
