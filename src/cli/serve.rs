//! `sse-chat serve`: flags and variables become a `Config`, signals a shutdown.

mod access;
mod limits;
mod open_files;

use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, ValueEnum};
use tokio_util::task::AbortOnDropHandle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::access::AccessFlags;
use self::limits::LimitFlags;
use self::open_files::fit_into_open_files;
use super::exit::{End, Outcome};
use super::is_colour_wanted;
use super::notify;
use super::signals::Signals;
use super::values::{Size, Time, Times, parse_address, parse_size, parse_time, parse_times};
use crate::config::{self, Config};
use crate::http::ACCESS_LOG;
use crate::server::{Server, StartError, inherited};

/// The flags of the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on; repeat it or use commas for more; port 0 takes a free one
    ///
    /// Sockets that a service manager hands over (LISTEN_FDS) are used in place of all of them.
    #[arg(long, env = "SSE_CHAT_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',', value_parser = parse_address,
          default_values_t = [config::DEFAULT_LISTEN])]
    listen: Vec<SocketAddr>,

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
    #[arg(long, env = "SSE_CHAT_LIST_ROOMS", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    list_rooms: bool,

    /// Do not answer send.php and sse.php
    #[arg(long, env = "SSE_CHAT_NO_DEMO", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    no_demo: bool,

    /// A folder with a chat page of your own, in place of the built-in one
    #[arg(long, env = "SSE_CHAT_ASSETS_DIR", value_name = "DIR")]
    assets_dir: Option<PathBuf>,

    /// How long a shutdown may take
    #[arg(long, env = "SSE_CHAT_GRACE", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_GRACE))]
    grace: Time,

    /// Threads that write to readers; 0 leaves them to the threads that answer requests [default: one per core]
    #[arg(long, env = "SSE_CHAT_WORKERS", value_name = "COUNT", default_value_t = config::default_workers(), hide_default_value = true)]
    workers: usize,

    /// Address and port of GET /metrics for Prometheus; off unless given
    #[arg(long, env = "SSE_CHAT_METRICS", value_name = "ADDR:PORT", value_parser = parse_address)]
    metrics: Option<SocketAddr>,

    /// Log a line for each request, without its query string
    #[arg(long, env = "SSE_CHAT_ACCESS_LOG", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    access_log: bool,

    /// How the log on standard error is written
    #[arg(long, env = "SSE_CHAT_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// What the log tells: off, error, warn, info, debug or trace
    #[arg(long, env = "SSE_CHAT_LOG_LEVEL", value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log_level: LevelFilter,

    #[command(flatten)]
    limits: LimitFlags,

    #[command(flatten)]
    access: AccessFlags,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// A line for a person
    Text,
    /// A line of JSON
    Json,
}

/// Threads that would only take turns on one core answer fewer requests than
/// one thread does.
fn runtime() -> tokio::runtime::Builder {
    match std::thread::available_parallelism() {
        Ok(cores) if cores.get() == 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    }
}

impl Serve {
    /// Serves until a signal.
    pub(super) fn run(self) -> Outcome {
        // First, while there is one thread: it changes the environment.
        let sockets = inherited().map_err(|error| End::Failed.because(error))?;
        self.start_log();
        let mut config = self.into_config();
        fit_into_open_files(&mut config);
        let runtime = runtime()
            .enable_all()
            .build()
            .map_err(|error| End::Failed.because(format_args!("can't start: {error}")))?;
        let outcome = runtime.block_on(serve(config, sockets));
        // What a second signal left running is not waited for.
        runtime.shutdown_background();
        outcome
    }

    fn start_log(&self) {
        // Whoever asks for the access log gets it, whatever else is told.
        let levels = Targets::new()
            .with_default(self.log_level)
            .with_target(ACCESS_LOG, LevelFilter::INFO);
        let log = tracing_subscriber::registry().with(levels);
        let lines = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => {
                let ansi = std::io::stderr().is_terminal() && is_colour_wanted();
                log.with(lines.with_ansi(ansi)).init();
            }
            LogFormat::Json => log.with(lines.json()).init(),
        }
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
            limits: self.limits.into(),
            access: self.access.into(),
            metrics: self.metrics,
            access_log: self.access_log,
        }
    }
}

async fn serve(config: Config, sockets: Vec<TcpListener>) -> Outcome {
    let signals = || {
        Signals::new()
            .map_err(|error| End::Failed.because(format_args!("can't wait for signals: {error}")))
    };
    let (mut first, mut second) = (signals()?, signals()?);
    let server = start(config, sockets).map_err(|error| End::Failed.because(error))?;
    announce(server.addresses());
    log_start(&server);
    notify::ready();
    let app = Arc::clone(server.app());
    let _telling = AbortOnDropHandle::new(tokio::spawn(notify::keep_telling(Arc::clone(&app))));
    let told_to_stop = async {
        first.next().await;
        notify::stopping(&app);
    };
    tokio::select! {
        _ = server.run(told_to_stop) => Ok(()),
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

/// The one line on standard output: what to open.
fn announce(addresses: &[SocketAddr]) {
    let urls: Vec<String> = addresses
        .iter()
        .map(|&address| format!("http://{}", reachable(address)))
        .collect();
    // A closed standard output is no reason not to serve.
    let _ = writeln!(
        std::io::stdout(),
        "sse-chat {}: open {}",
        env!("CARGO_PKG_VERSION"),
        urls.join(" or ")
    );
}

/// What whoever reads the log later wants to know of this start.
fn log_start(server: &Server) {
    let config = &server.app().config;
    let listen: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = listen.join(","),
        metrics = server.metrics_address().map(tracing::field::display),
        workers = config.workers,
        max_rooms = config.max_rooms,
        history_budget = config.history_budget,
        open_files = rlimit::Resource::NOFILE.get_soft().ok(),
        "started"
    );
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
