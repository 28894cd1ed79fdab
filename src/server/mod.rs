//! Sockets: listening, connections, and a shutdown that loses nobody.
//!
//! [`Server::bind`] takes the addresses, or [`Server::inherit`] the sockets that
//! are there; [`Server::run`] serves until it is told to stop and has drained.

mod bind;
mod connection;
mod connections;
mod drain;
mod embedded;
mod fanout;
mod gate;
mod handoff;
mod hyper_refusal;
mod inherited;
mod large_head;
mod lingering_close;
mod listen;
mod metrics;
mod refusals;
#[cfg(test)]
mod tests;
mod timeouts;
mod tracked_io;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::chat::Due;
use crate::config::{BadSetting, Config, Endpoint};
use crate::http::App;
use connections::Connections;
pub use drain::Drained;
pub use embedded::{Embedded, EventBody, ResponseBody};
use fanout::Fanout;
pub use fanout::StreamCut;
pub use inherited::inherited;
use large_head::HeadBudget;

/// How often rooms are looked after: presence told, idle rooms forgotten.
const TICK: Duration = Duration::from_secs(1);
/// How long presence waits for workers that have much to read.
const WORKERS_READ: Duration = Duration::from_millis(5);

/// What stops a start.
#[derive(Debug)]
pub enum StartError {
    /// A setting that no server can run with.
    Setting(BadSetting),
    /// An endpoint that can't be listened at.
    Listen(Endpoint, io::Error),
    /// A socket from the service manager that can't be served on.
    Inherited(io::Error),
    /// The endpoint for metrics can't be listened at.
    Metrics(Endpoint, io::Error),
    /// The threads that write to readers can't be started.
    Workers(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(setting) => setting.fmt(f),
            Self::Listen(endpoint, error) => write!(f, "--listen {endpoint}: {error}"),
            Self::Inherited(error) => {
                write!(f, "LISTEN_FDS: no TCP sockets that listen: {error}")
            }
            Self::Metrics(endpoint, error) => write!(f, "--metrics {endpoint}: {error}"),
            Self::Workers(error) => write!(f, "--workers: they can't be started: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BadSetting> for StartError {
    fn from(setting: BadSetting) -> Self {
        Self::Setting(setting)
    }
}

/// A server that listens, and serves once it runs.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    metrics: Vec<TcpListener>,
    metrics_addresses: Vec<SocketAddr>,
    fanout: Arc<Fanout>,
    dropped_log_lines: Arc<AtomicU64>,
}

/// What all connections of a server share.
#[derive(Debug, Clone)]
struct Shared {
    app: Arc<App>,
    fanout: Arc<Fanout>,
    /// Every task, and every reader of the fan-out, that a shutdown waits for.
    tasks: TaskTracker,
    /// The grace is over: connections end as they are.
    cut: CancellationToken,
    connections: Arc<Connections>,
    heads: HeadBudget,
}

impl Server {
    /// Takes all addresses of `config`, or none.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the flag that is wrong.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let app = Arc::new(App::new(config)?);
        let mut listeners = Vec::new();
        for endpoint in &app.config.listen {
            let bound = bind::bind(endpoint, &app.config.listen, &app.config.limits);
            listeners.extend(bound.map_err(|error| StartError::Listen(endpoint.clone(), error))?);
        }
        Self::over(app, listeners)
    }

    /// Takes sockets that listen and don't block, in place of the addresses of
    /// `config`.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the flag that is wrong, or the socket.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub fn inherit(
        mut config: Config,
        sockets: Vec<std::net::TcpListener>,
    ) -> Result<Self, StartError> {
        let addresses = sockets.iter().map(std::net::TcpListener::local_addr);
        config.listen = addresses
            .map(|address| address.map(Endpoint::from))
            .collect::<io::Result<_>>()
            .map_err(StartError::Inherited)?;
        let app = Arc::new(App::new(config)?);
        let listeners = sockets
            .into_iter()
            .map(TcpListener::from_std)
            .collect::<io::Result<_>>()
            .map_err(StartError::Inherited)?;
        Self::over(app, listeners)
    }

    fn over(app: Arc<App>, listeners: Vec<TcpListener>) -> Result<Self, StartError> {
        let addresses = local_addresses(&listeners).map_err(StartError::Inherited)?;
        let (metrics, metrics_addresses) = bind_metrics(&app.config)?;
        let workers = Fanout::start(&app, app.config.workers).map_err(StartError::Workers)?;
        Ok(Self {
            app,
            listeners,
            addresses,
            metrics,
            metrics_addresses,
            fanout: Arc::new(workers),
            dropped_log_lines: Arc::default(),
        })
    }

    /// Shows this count as `sse_chat_log_lines_dropped_total`: the log belongs to
    /// the process, and so does what it drops.
    #[must_use]
    pub fn with_dropped_log_lines(mut self, count: Arc<AtomicU64>) -> Self {
        self.dropped_log_lines = count;
        self
    }

    /// Where it listens, with the ports that were taken for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where `GET /metrics` is answered, if anywhere.
    pub fn metrics_addresses(&self) -> &[SocketAddr] {
        &self.metrics_addresses
    }

    /// What its requests share.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `shutdown`, then drains within the grace.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let shared = Shared {
            heads: HeadBudget::new(self.app.config.limits.head_budget),
            app: self.app,
            fanout: self.fanout,
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
            connections: Arc::default(),
        };
        // Dropped with this future, so that nothing outlives a server that is.
        let _cut = shared.cut.clone().drop_guard();
        let _stop = StopOnDrop(Arc::clone(&shared.fanout));
        let _ticker = AbortOnDropHandle::new(tokio::spawn(tick(Arc::clone(&shared.app))));
        let refusals = refusals::tell_now_and_then(Arc::clone(&shared.app));
        let _refusals = AbortOnDropHandle::new(tokio::spawn(refusals));
        // No task that the drain waits for: it answers to the end.
        let sources = shared.sources(self.dropped_log_lines);
        let serve_metrics = |listener| {
            let metrics = metrics::serve(listener, sources.clone(), shared.app.config.clone());
            AbortOnDropHandle::new(tokio::spawn(metrics))
        };
        let _metrics: Vec<_> = self.metrics.into_iter().map(serve_metrics).collect();
        for listener in self.listeners {
            shared
                .tasks
                .spawn(listen::accept_all(listener, shared.clone()));
        }
        shutdown.await;
        let drained = drain::drain(&shared.app, &shared.fanout, &shared.tasks, &shared.cut).await;
        refusals::tell(&shared.app.counts);
        drained
    }
}

impl Shared {
    fn sources(&self, dropped_log_lines: Arc<AtomicU64>) -> metrics::Sources {
        metrics::Sources {
            dropped_log_lines,
            app: Arc::clone(&self.app),
            fanout: Arc::clone(&self.fanout),
            connections: Arc::clone(&self.connections),
            started: SystemTime::now(),
        }
    }
}

fn bind_metrics(config: &Config) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), StartError> {
    let Some(endpoint) = &config.metrics else {
        return Ok((Vec::new(), Vec::new()));
    };
    let bound = bind::bind(endpoint, &[], &config.limits).and_then(|listeners| {
        let addresses = local_addresses(&listeners)?;
        Ok((listeners, addresses))
    });
    bound.map_err(|error| StartError::Metrics(endpoint.clone(), error))
}

fn local_addresses(listeners: &[TcpListener]) -> io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

/// Connections hold the fan-out too, so its own drop may come late.
struct StopOnDrop(Arc<Fanout>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn tick(app: Arc<App>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        // In parts, so that requests are answered in between.
        loop {
            match app.hub.look_after_some(now) {
                Due::Nothing => break,
                Due::More => tokio::task::yield_now().await,
                // The rest is due at the next tick, too.
                Due::Presence if now.elapsed() >= TICK => break,
                Due::Presence => tokio::time::sleep(WORKERS_READ).await,
            }
        }
    }
}
