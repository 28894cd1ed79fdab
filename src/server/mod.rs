//! Sockets: listening, connections, and a shutdown that loses nobody.
//!
//! [`Server::bind`] takes the addresses, or [`Server::inherit`] the sockets that
//! are there; [`Server::run`] serves until it is told to stop and has drained.

mod connection;
mod connections;
mod drain;
mod fanout;
mod flushing;
mod inherited;
mod linger;
mod listen;
mod metrics;
mod patience;
mod refusals;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::config::{BadSetting, Config, Limits};
use crate::http::App;
use connections::Connections;
pub use drain::Drained;
use fanout::Fanout;
pub use inherited::inherited;

/// How often rooms are looked after: presence told, idle rooms forgotten.
const TICK: Duration = Duration::from_secs(1);

/// What stops a start.
#[derive(Debug)]
pub enum StartError {
    /// A setting that no server can run with.
    Setting(BadSetting),
    /// An address that can't be listened on.
    Listen(SocketAddr, io::Error),
    /// A socket from the service manager that can't be served on.
    Inherited(io::Error),
    /// The address for metrics can't be listened on.
    Metrics(SocketAddr, io::Error),
    /// The threads that write to readers can't be started.
    Workers(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(setting) => setting.fmt(f),
            Self::Listen(address, error) => write!(f, "--listen {address}: {error}"),
            Self::Inherited(error) => {
                write!(f, "LISTEN_FDS: no TCP sockets that listen: {error}")
            }
            Self::Metrics(address, error) => write!(f, "--metrics {address}: {error}"),
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
    metrics: Option<(TcpListener, SocketAddr)>,
    fanout: Arc<Fanout>,
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
        let bind = |&address: &SocketAddr| {
            listen::bind(address, &app.config.listen, &app.config.limits)
                .map_err(|error| StartError::Listen(address, error))
        };
        let listeners = app
            .config
            .listen
            .iter()
            .map(bind)
            .collect::<Result<Vec<_>, _>>()?;
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
        let local = |(listener, &asked): (&TcpListener, &SocketAddr)| {
            listener
                .local_addr()
                .map_err(|error| StartError::Listen(asked, error))
        };
        let addresses = listeners
            .iter()
            .zip(&app.config.listen)
            .map(local)
            .collect::<Result<_, _>>()?;
        let limits = &app.config.limits;
        let bind = |address| bind_metrics(address, limits);
        let metrics = app.config.metrics.map(bind).transpose()?;
        let workers = Fanout::start(&app, app.config.workers).map_err(StartError::Workers)?;
        Ok(Self {
            app,
            listeners,
            addresses,
            metrics,
            fanout: Arc::new(workers),
        })
    }

    /// Where it listens, with the ports that were taken for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where `GET /metrics` is answered, if anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, address)| *address)
    }

    /// What its requests share.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `shutdown`, then drains within the grace.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let shared = Shared {
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
        let _metrics = self.metrics.map(|(listener, _)| {
            let metrics = metrics::serve(listener, shared.sources(), shared.app.config.clone());
            AbortOnDropHandle::new(tokio::spawn(metrics))
        });
        for listener in self.listeners {
            shared
                .tasks
                .spawn(listen::accept_all(listener, shared.clone()));
        }
        shutdown.await;
        let drained = drain::drain(&shared).await;
        refusals::tell(&shared.app.counts);
        drained
    }
}

impl Shared {
    fn sources(&self) -> metrics::Sources {
        metrics::Sources {
            app: Arc::clone(&self.app),
            fanout: Arc::clone(&self.fanout),
            connections: Arc::clone(&self.connections),
            started: SystemTime::now(),
        }
    }
}

fn bind_metrics(
    address: SocketAddr,
    limits: &Limits,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = listen::bind(address, &[], limits).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| StartError::Metrics(address, error))
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
        app.hub.tick();
    }
}
