//! `sse-chat serve`: flags and variables become a `Config`, signals a shutdown.

mod access;
mod limits;
mod log;
mod log_queue;
mod open_files;
mod panics;
mod start_report;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use tokio::runtime::Runtime;
use tokio_util::task::AbortOnDropHandle;

use self::access::AccessFlags;
use self::limits::LimitFlags;
use self::log::{Log, LogFlags};
use self::open_files::fit_into_open_files;
use super::exit::{End, Failure, Outcome};
use super::notify::ServiceManager;
use super::signals::{self, Signals};
use super::values::{
    Size, Time, Times, parse_size, parse_switch, parse_time, parse_times, parse_workers,
};
use crate::config::{self, Config, Endpoint};
use crate::server::{Server, StartError, inherited};

/// The variable by which tokio takes the number of its threads.
const WORKER_THREADS: &str = "TOKIO_WORKER_THREADS";

/// The flags of the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen: an address or a name, and a port; :8080 is all addresses, port 0 a free
    /// port. Repeat it or use commas for more
    ///
    /// Sockets that a service manager hands over (LISTEN_FDS) are used in place of all of them.
    #[arg(long, env = "SSE_CHAT_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',',
          default_values_t = [Endpoint::Address(config::DEFAULT_LISTEN)])]
    listen: Vec<Endpoint>,

    /// Messages of history a room; 0 keeps none
    #[arg(long, env = "SSE_CHAT_HISTORY", value_name = "COUNT", default_value_t = config::DEFAULT_HISTORY)]
    history: usize,

    /// Bytes of history a room
    #[arg(long, env = "SSE_CHAT_HISTORY_BYTES", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_HISTORY_BYTES))]
    history_bytes: Size,

    /// Bytes of history over all rooms
    #[arg(long, env = "SSE_CHAT_HISTORY_BUDGET", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_HISTORY_BUDGET))]
    history_budget: Size,

    /// Silence after which a stream gets a ping
    #[arg(long, env = "SSE_CHAT_PING", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_PING))]
    ping: Time,

    /// How long clients wait before they come back; drawn for each from this range
    #[arg(long, env = "SSE_CHAT_RETRY", value_name = "FROM..TO", value_parser = parse_times,
          default_value_t = Times(config::DEFAULT_RETRY))]
    retry: Times,

    /// Bytes of a message's text
    #[arg(long, env = "SSE_CHAT_MAX_MESSAGE_BYTES", value_name = "BYTES", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_MAX_MESSAGE_BYTES))]
    max_message_bytes: Size,

    /// The room of /, send.php and sse.php
    #[arg(long, env = "SSE_CHAT_DEFAULT_ROOM", value_name = "ROOM", default_value = config::DEFAULT_ROOM)]
    default_room: String,

    /// Rooms at one time
    #[arg(long, env = "SSE_CHAT_MAX_ROOMS", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_ROOMS)]
    max_rooms: usize,

    /// How long a room without readers and new messages is kept
    #[arg(long, env = "SSE_CHAT_ROOM_IDLE", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_ROOM_IDLE))]
    room_idle: Time,

    /// Answer GET /rooms with the names of all rooms
    #[arg(long, env = "SSE_CHAT_LIST_ROOMS", action = ArgAction::SetTrue, value_parser = parse_switch)]
    list_rooms: bool,

    /// Do not answer send.php and sse.php
    #[arg(long, env = "SSE_CHAT_NO_DEMO", action = ArgAction::SetTrue, value_parser = parse_switch)]
    no_demo: bool,

    /// A folder with a chat page of your own, in place of the built-in one
    #[arg(long, env = "SSE_CHAT_ASSETS_DIR", value_name = "DIR")]
    assets_dir: Option<PathBuf>,

    /// How long a shutdown may take
    #[arg(long, env = "SSE_CHAT_GRACE", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_GRACE))]
    grace: Time,

    /// Threads that write to readers [default: one per core]
    #[arg(long, env = "SSE_CHAT_WORKERS", value_name = "COUNT", value_parser = parse_workers, default_value_t = config::default_workers(), hide_default_value = true)]
    workers: NonZeroUsize,

    /// Events that may wait for a worker before its readers go back to history; rounded up to a power of two
    #[arg(long, env = "SSE_CHAT_FANOUT_QUEUE", value_name = "COUNT", default_value_t = config::DEFAULT_FANOUT_QUEUE)]
    fanout_queue: usize,

    /// Bytes of messages over 8 KiB that may wait for a worker; what is beyond is read from history
    #[arg(long, env = "SSE_CHAT_FANOUT_LARGE", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_FANOUT_LARGE))]
    fanout_large: Size,

    /// Where GET /metrics is answered for Prometheus, as in --listen; off unless given
    #[arg(long, env = "SSE_CHAT_METRICS", value_name = "ADDR:PORT")]
    metrics: Option<Endpoint>,

    /// Log a line for each request, without its query string
    #[arg(long, env = "SSE_CHAT_ACCESS_LOG", action = ArgAction::SetTrue, value_parser = parse_switch)]
    access_log: bool,

    #[command(flatten)]
    log: LogFlags,

    #[command(flatten)]
    limits: LimitFlags,

    #[command(flatten)]
    access: AccessFlags,
}

/// Threads that would only take turns on one core answer fewer requests than
/// one thread does. Read here, since tokio panics at a variable that is no number.
fn runtime() -> Result<Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let asked = std::env::var(WORKER_THREADS).unwrap_or_default();
    let threads = match asked.trim() {
        "" => cores,
        text => text
            .parse::<NonZeroUsize>()
            .map_err(|error| {
                End::Failed.because(format_args!("{WORKER_THREADS} {text:?}: {error}"))
            })?
            .get(),
    };
    let mut builder = match cores {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| cant_start(&error))
}

fn cant_start(error: &std::io::Error) -> Failure {
    End::Failed.because(format_args!("can't start: {error}"))
}

impl Serve {
    /// Serves until a signal.
    pub(super) fn run(self) -> Outcome {
        // First, while there is one thread: it changes the environment.
        let sockets = inherited().map_err(|error| End::Failed.because(error))?;
        let log = Log::start(&self.log).map_err(|error| cant_start(&error))?;
        let manager = ServiceManager::from_env().map_err(|error| cant_start(&error))?;
        let outcome = self.run_logged(sockets, &log, &manager);
        let is_interrupted = matches!(&outcome, Err(failure) if failure.is_interrupted());
        let most = match is_interrupted {
            true => config::LOG_FLUSH_INTERRUPTED,
            false => config::LOG_FLUSH,
        };
        manager.flush(most);
        log.flush(most);
        outcome
    }

    fn run_logged(self, sockets: Vec<TcpListener>, log: &Log, manager: &ServiceManager) -> Outcome {
        let mut config = self.into_config();
        fit_into_open_files(&mut config);
        let runtime = runtime()?;
        let outcome = runtime.block_on(serve(config, sockets, log, manager));
        // A second signal leaves tasks running, which nothing waits for.
        runtime.shutdown_background();
        outcome
    }

    fn into_config(self) -> Config {
        Config {
            listen: self.listen,
            history: self.history,
            history_bytes: self.history_bytes.0,
            history_budget: self.history_budget.0,
            ping: self.ping.0,
            retry: self.retry.0,
            max_message_bytes: self.max_message_bytes.0,
            default_room: self.default_room,
            max_rooms: self.max_rooms,
            room_idle: self.room_idle.0,
            list_rooms: self.list_rooms,
            demo: !self.no_demo,
            assets_dir: self.assets_dir,
            grace: self.grace.0,
            workers: self.workers,
            fanout_queue: self.fanout_queue,
            fanout_large: self.fanout_large.0,
            limits: self.limits.into(),
            access: self.access.into(),
            metrics: self.metrics,
            access_log: self.access_log,
        }
    }
}

async fn serve(
    config: Config,
    sockets: Vec<TcpListener>,
    log: &Log,
    manager: &ServiceManager,
) -> Outcome {
    signals::ignore_others()?;
    let hang_ups = Signals::of_hang_up()?;
    let (mut first, mut second) = (Signals::of_shutdown()?, Signals::of_shutdown()?);
    let server = start(config, sockets).map_err(|error| End::Failed.because(error))?;
    let server = server.with_dropped_log_lines(log.dropped());
    start_report::print(server.addresses());
    start_report::log(&server);
    manager.ready();
    let app = Arc::clone(server.app());
    let _hang_ups = AbortOnDropHandle::new(tokio::spawn(signals::log_each(hang_ups)));
    let notices = manager.clone().keep_sending(Arc::clone(&app));
    let _notices = AbortOnDropHandle::new(tokio::spawn(notices));
    let shutdown = async {
        first.next().await;
        manager.stopping(&app);
    };
    tokio::select! {
        _ = server.run(shutdown) => Ok(()),
        () = async { second.next().await; second.next().await } => Err(End::Interrupted.silently()),
    }
}

fn start(config: Config, sockets: Vec<TcpListener>) -> Result<Server, StartError> {
    if sockets.is_empty() {
        Server::bind(config)
    } else {
        Server::inherit(config, sockets)
    }
}

/// An address that a browser on this machine can open.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_everybody_is_opened_on_this_machine() {
        for (address, url) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(address.parse().unwrap()).to_string(), url);
        }
    }
}
