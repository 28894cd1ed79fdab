//! `sse-chat serve`: flags and variables become a [`Config`], and signals a
//! graceful shutdown.

mod access;
mod data;
mod http2;
mod inherited;
mod limits;
mod log;
mod log_queue;
mod panics;
mod redis;
mod service_manager;
mod startup;
mod tls;
mod tokens;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::ArgPredicate;
use clap::{ArgAction, Args};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use self::access::AccessFlags;
use self::data::DataFlags;
use self::http2::Http2Flags;
use self::inherited::inherited;
use self::limits::LimitFlags;
use self::log::{Log, LogFlags};
use self::redis::RedisFlags;
use self::service_manager::ServiceManager;
use self::tls::TlsFlags;
use self::tokens::TokenFlags;
use super::exit::{CommandError, CommandResult, ExitKind};
use super::key_set;
use super::signals::{self, Signals};
use super::values::{
    Size, Time, TimeRange, parse_size, parse_switch, parse_time, parse_time_range, parse_workers,
};
use crate::config::{self, BadSetting, Config, Listen};
use crate::server::{PassedSocket, Server, StartError};

/// The variable that sets the number of tokio's threads.
const WORKER_THREADS: &str = "TOKIO_WORKER_THREADS";

/// The default of `--room-idle` with `--data` and with `--redis`: a room is there again after a holiday.
const DATA_ROOM_IDLE: &str = "30d";

/// The flags of the server.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address or name, and port, to listen on; repeat or use commas. :8080 is all addresses, port
    /// 0 a free port, https://:443 is TLS
    ///
    /// http:// or nothing before the address is in clear. https:// needs a certificate.
    /// Sockets passed by a service manager (LISTEN_FDS) replace all of them.
    #[arg(long, env = "SSE_CHAT_LISTEN", value_name = "[https://]ADDR:PORT", value_delimiter = ',',
          default_values_t = [Listen::from(config::DEFAULT_LISTEN)])]
    listen: Vec<Listen>,

    /// Messages kept as history per room; 0 keeps none
    #[arg(long, env = "SSE_CHAT_HISTORY", value_name = "COUNT", default_value_t = config::DEFAULT_HISTORY)]
    history: usize,

    /// Bytes of history per room
    #[arg(long, env = "SSE_CHAT_HISTORY_BYTES", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_HISTORY_BYTES))]
    history_bytes: Size,

    /// Bytes of history of all rooms together
    #[arg(long, env = "SSE_CHAT_HISTORY_BUDGET", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_HISTORY_BUDGET))]
    history_budget: Size,

    /// Time after which a message leaves history, such as 12h; none unless given
    #[arg(long, env = "SSE_CHAT_HISTORY_AGE", value_name = "TIME", value_parser = parse_time)]
    history_age: Option<Time>,

    /// Interval of pings on an idle stream
    #[arg(long, env = "SSE_CHAT_PING", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_PING))]
    ping: Time,

    /// Range from which each client's reconnection time is drawn
    #[arg(long, env = "SSE_CHAT_RETRY", value_name = "FROM..TO", value_parser = parse_time_range,
          default_value_t = TimeRange(config::DEFAULT_RETRY))]
    retry: TimeRange,

    /// Most bytes of a message's text
    #[arg(long, env = "SSE_CHAT_MAX_MESSAGE_BYTES", value_name = "BYTES", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_MAX_MESSAGE_BYTES))]
    max_message_bytes: Size,

    /// Most bytes of an event's payload
    #[arg(long, env = "SSE_CHAT_MAX_EVENT_BYTES", value_name = "BYTES", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_MAX_EVENT_BYTES))]
    max_event_bytes: Size,

    /// Let everybody who may write publish events, too
    #[arg(long, env = "SSE_CHAT_OPEN_EVENTS", action = ArgAction::SetTrue, value_parser = parse_switch)]
    open_events: bool,

    /// Room of /, send.php and sse.php
    #[arg(long, env = "SSE_CHAT_DEFAULT_ROOM", value_name = "ROOM", default_value = config::DEFAULT_ROOM)]
    default_room: String,

    /// Most rooms at the same time
    #[arg(long, env = "SSE_CHAT_MAX_ROOMS", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_ROOMS)]
    max_rooms: usize,

    /// Time until a room without readers and new messages is removed; with --data and --redis the
    /// default is 30d
    #[arg(long, env = "SSE_CHAT_ROOM_IDLE", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_ROOM_IDLE),
          default_value_ifs([("data", ArgPredicate::IsPresent, DATA_ROOM_IDLE),
                             ("redis", ArgPredicate::IsPresent, DATA_ROOM_IDLE)]))]
    room_idle: Time,

    /// List the names of all rooms at GET /rooms
    #[arg(long, env = "SSE_CHAT_LIST_ROOMS", action = ArgAction::SetTrue, value_parser = parse_switch)]
    list_rooms: bool,

    /// Disable send.php and sse.php
    #[arg(long, env = "SSE_CHAT_NO_DEMO", action = ArgAction::SetTrue, value_parser = parse_switch)]
    no_demo: bool,

    /// Folder with a chat page that replaces the built-in one
    #[arg(long, env = "SSE_CHAT_ASSETS_DIR", value_name = "DIR")]
    assets_dir: Option<PathBuf>,

    /// Time limit of a graceful shutdown
    #[arg(long, env = "SSE_CHAT_GRACE", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_GRACE))]
    grace: Time,

    /// Threads that write to readers [default: one per core]
    #[arg(long, env = "SSE_CHAT_WORKERS", value_name = "COUNT", value_parser = parse_workers, default_value_t = config::default_workers(), hide_default_value = true)]
    workers: NonZeroUsize,

    /// Events queued per worker, rounded up to a power of two; a worker that lags further replays
    /// from history
    #[arg(long, env = "SSE_CHAT_FANOUT_QUEUE", value_name = "COUNT", default_value_t = config::DEFAULT_FANOUT_QUEUE)]
    fanout_queue: usize,

    /// Bytes of queued entries over 8 KiB; further ones are read from history
    #[arg(long, env = "SSE_CHAT_FANOUT_LARGE", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_FANOUT_LARGE))]
    fanout_large: Size,

    /// Address of GET /metrics for Prometheus, in clear; off unless given
    #[arg(long, env = "SSE_CHAT_METRICS", value_name = "ADDR:PORT")]
    metrics: Option<config::Endpoint>,

    /// Log a line per request, without its query string
    #[arg(long, env = "SSE_CHAT_ACCESS_LOG", action = ArgAction::SetTrue, value_parser = parse_switch)]
    access_log: bool,

    #[command(flatten)]
    log: LogFlags,

    #[command(flatten)]
    data: DataFlags,

    #[command(flatten)]
    redis: RedisFlags,

    #[command(flatten)]
    tls: TlsFlags,

    #[command(flatten)]
    limits: LimitFlags,

    #[command(flatten)]
    http2: Http2Flags,

    #[command(flatten)]
    access: AccessFlags,

    #[command(flatten)]
    tokens: TokenFlags,
}

impl ServeArgs {
    /// Serves until a signal.
    pub(super) fn run(self) -> CommandResult {
        // First, while the process has one thread: it changes the environment.
        let sockets = inherited().map_err(|error| ExitKind::Failed.with_message(error))?;
        let log = Log::start(&self.log).map_err(|error| start_error(&error))?;
        let manager = ServiceManager::from_env().map_err(|error| start_error(&error))?;
        let result = self.run_logged(sockets, &log, &manager);
        let is_interrupted = matches!(&result, Err(error) if error.is_interrupted());
        let timeout = match is_interrupted {
            true => config::LOG_FLUSH_INTERRUPTED,
            false => config::LOG_FLUSH,
        };
        manager.flush(timeout);
        log.flush(timeout);
        result
    }

    fn run_logged(
        self,
        sockets: Vec<PassedSocket>,
        log: &Log,
        manager: &ServiceManager,
    ) -> CommandResult {
        let mut config = self
            .into_config()
            .map_err(|error| ExitKind::Failed.with_message(error))?;
        startup::fit_into_open_files(&mut config);
        let runtime = runtime()?;
        let result = runtime.block_on(serve(config, sockets, log, manager));
        // Tasks that still run after a second signal are not awaited.
        runtime.shutdown_background();
        result
    }

    fn into_config(self) -> Result<Config, BadSetting> {
        Ok(Config {
            listen: self.listen,
            history: self.history,
            history_bytes: self.history_bytes.0,
            history_budget: self.history_budget.0,
            history_age: self.history_age.map(|age| age.0),
            ping: self.ping.0,
            retry: self.retry.0,
            max_message_bytes: self.max_message_bytes.0,
            max_event_bytes: self.max_event_bytes.0,
            open_events: self.open_events,
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
            http2: self.http2.into(),
            access: self.access.into(),
            tls: self.tls.try_into()?,
            tokens: self.tokens.into(),
            data: self.data.into(),
            redis: self.redis.try_into()?,
            metrics: self.metrics,
            access_log: self.access_log,
        })
    }
}

/// One thread on one core, since more would answer fewer requests; otherwise one
/// per core, or `TOKIO_WORKER_THREADS`. The variable is parsed here because
/// tokio panics if it is not a number.
fn runtime() -> Result<Runtime, CommandError> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let variable = std::env::var(WORKER_THREADS).unwrap_or_default();
    let threads = match variable.trim() {
        "" => cores,
        text => text
            .parse::<NonZeroUsize>()
            .map_err(|error| {
                ExitKind::Failed.with_message(format_args!("{WORKER_THREADS} {text:?}: {error}"))
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
        .map_err(|error| start_error(&error))
}

fn start_error(error: &io::Error) -> CommandError {
    ExitKind::Failed.with_message(format_args!("can't start: {error}"))
}

async fn serve(
    config: Config,
    sockets: Vec<PassedSocket>,
    log: &Log,
    manager: &ServiceManager,
) -> CommandResult {
    signals::ignore()?;
    let hang_ups = Signals::hang_up()?;
    let (mut first, mut second) = (Signals::shutdown()?, Signals::shutdown()?);
    let bound = bind(config, sockets).await;
    let server = bound.map_err(|error| ExitKind::Failed.with_message(error))?;
    let server = server.with_dropped_log_lines(log.dropped());
    startup::print_urls(&server);
    startup::log_settings(&server);
    manager.ready();
    let app = Arc::clone(server.app());
    let mut beside = JoinSet::new();
    let certificates = server.certificates().cloned();
    beside.spawn(signals::reload_at_hang_ups(
        hang_ups,
        Arc::clone(&app),
        certificates,
    ));
    beside.spawn(manager.clone().keep_sending(Arc::clone(&app)));
    let keys = Arc::clone(&app);
    let shutdown = async {
        first.next().await;
        manager.stopping(&app);
    };
    let history = Arc::clone(server.app());
    tokio::select! {
        _ = server.run(shutdown) => match history.history_failure() {
            Some(error) => Err(ExitKind::Failed.with_message(error)),
            None => Ok(()),
        },
        () = key_set::keep_loading(&keys) => unreachable!("it never returns"),
        () = async { second.next().await; second.next().await } => Err(ExitKind::Interrupted.without_message()),
    }
}

async fn bind(config: Config, sockets: Vec<PassedSocket>) -> Result<Server, StartError> {
    if sockets.is_empty() {
        Server::connect(config).await
    } else {
        Server::inherit(config, sockets).await
    }
}
