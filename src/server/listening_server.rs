//! A server with its listeners: [`Server::bind`] listens at addresses,
//! [`Server::inherit`] takes sockets that listen already; [`Server::run`] serves
//! until its shutdown future is ready, then drains. A server without listeners is
//! in `embedded`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::bind;
use super::context::ServerContext;
use super::drain::{self, Drained};
use super::fanout::{Fanout, StopOnDrop};
use super::listen;
use super::maintenance::maintain_rooms;
use super::metrics;
use super::refusals;
use super::start_error::StartError;
#[cfg(feature = "https")]
use super::tls::{Certificates, TlsServer};
use crate::config::{Config, Endpoint, Listen, Scheme};
use crate::http::App;

/// A socket that listens already and does not block, and what is spoken there.
#[derive(Debug)]
pub struct PassedSocket {
    /// The socket.
    pub socket: std::net::TcpListener,
    /// In clear, or under TLS.
    pub scheme: Scheme,
}

/// A server that listens, and serves once it runs.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listeners: Vec<(TcpListener, Scheme)>,
    addresses: Vec<SocketAddr>,
    schemes: Vec<Scheme>,
    metrics: Vec<TcpListener>,
    metrics_addresses: Vec<SocketAddr>,
    fanout: Arc<Fanout>,
    dropped_log_lines: Arc<AtomicU64>,
    #[cfg(feature = "https")]
    tls: Option<Arc<TlsServer>>,
}

impl Server {
    /// Listens at all addresses of `config`, or at none.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the flag to change.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        Self::bind_app(App::new(config)?)
    }

    /// As [`Server::bind`], also with a history that several servers share.
    ///
    /// # Errors
    ///
    /// As of [`Server::bind`], and if the history is not reached.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub async fn connect(config: Config) -> Result<Self, StartError> {
        Self::bind_app(App::connect(config).await?)
    }

    fn bind_app(app: App) -> Result<Self, StartError> {
        let endpoints = app.config.listen.iter().map(|one| one.endpoint.clone());
        let endpoints: Vec<Endpoint> = endpoints.collect();
        let mut listeners = Vec::new();
        for listen in &app.config.listen {
            let bound = bind::bind(&listen.endpoint, &endpoints, &app.config.limits)
                .map_err(|error| StartError::Listen(listen.clone(), error))?;
            listeners.extend(bound.into_iter().map(|socket| (socket, listen.scheme)));
        }
        Self::new(app, listeners)
    }

    /// Uses `sockets` instead of the addresses of `config`.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the flag to change, or the socket.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub async fn inherit(
        mut config: Config,
        sockets: Vec<PassedSocket>,
    ) -> Result<Self, StartError> {
        let listen = sockets.iter().map(PassedSocket::listen);
        config.listen = listen
            .collect::<io::Result<_>>()
            .map_err(StartError::Inherited)?;
        let app = App::connect(config).await?;
        let listeners = sockets
            .into_iter()
            .map(|passed| Ok((TcpListener::from_std(passed.socket)?, passed.scheme)))
            .collect::<io::Result<_>>()
            .map_err(StartError::Inherited)?;
        Self::new(app, listeners)
    }

    fn new(mut app: App, listeners: Vec<(TcpListener, Scheme)>) -> Result<Self, StartError> {
        let sockets = listeners.iter().map(|(socket, _)| socket);
        let addresses = local_addresses(sockets).map_err(StartError::Inherited)?;
        let schemes: Vec<Scheme> = listeners.iter().map(|(_, scheme)| *scheme).collect();
        if app.config.tls.redirect_http {
            let https = schemes.iter().position(|scheme| *scheme == Scheme::Https);
            app.redirect_port = https.map(|place| addresses[place].port());
        }
        let app = Arc::new(app);
        let (metrics, metrics_addresses) = bind_metrics(&app.config)?;
        #[cfg(feature = "https")]
        let tls = match app.config.tls.pairs.is_empty() {
            true => None,
            false => Some(Arc::new(TlsServer::new(&app.config.tls)?)),
        };
        let fanout = Fanout::start(&app, app.config.workers).map_err(StartError::Workers)?;
        Ok(Self {
            app,
            listeners,
            addresses,
            schemes,
            metrics,
            metrics_addresses,
            fanout: Arc::new(fanout),
            dropped_log_lines: Arc::default(),
            #[cfg(feature = "https")]
            tls,
        })
    }

    /// Exposes this count as `sse_chat_log_lines_dropped_total`: the log belongs
    /// to the process, not to the server.
    #[must_use]
    pub fn with_dropped_log_lines(mut self, count: Arc<AtomicU64>) -> Self {
        self.dropped_log_lines = count;
        self
    }

    /// The addresses that it listens at, with actual ports in place of 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What it speaks at each of its addresses.
    pub fn schemes(&self) -> &[Scheme] {
        &self.schemes
    }

    /// The addresses of `GET /metrics`; empty without `--metrics`.
    pub fn metrics_addresses(&self) -> &[SocketAddr] {
        &self.metrics_addresses
    }

    /// The certificates of its https listeners, to load them again; `None` if it has
    /// none.
    #[cfg(feature = "https")]
    pub fn certificates(&self) -> Option<&Arc<Certificates>> {
        self.tls.as_deref().map(TlsServer::certificates)
    }

    /// The state that its requests share.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `shutdown` is ready, or the store fails
    /// ([`App::history_failure`]), then drains within the grace period.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let context = ServerContext {
            #[cfg(feature = "https")]
            tls: self.tls,
            ..ServerContext::new(self.app, self.fanout)
        };
        // Dropped with this future, so that nothing outlives it.
        let _cut = context.cut.clone().drop_guard();
        let _stop = StopOnDrop(Arc::clone(&context.fanout));
        // Not among the tasks that a drain waits for: metrics are answered to the end.
        let mut housekeeping = JoinSet::new();
        housekeeping.spawn(maintain_rooms(Arc::clone(&context.app)));
        #[cfg(feature = "redis")]
        housekeeping.spawn(super::shared_history::follow(Arc::clone(&context.app)));
        housekeeping.spawn(refusals::log_periodically(Arc::clone(&context.app)));
        #[cfg(feature = "https")]
        if let Some(tls) = &context.tls {
            housekeeping.spawn(Arc::clone(tls.certificates()).keep_reloading());
        }
        let registry = metrics::registry(&context, self.dropped_log_lines);
        let config = &context.app.config;
        for listener in self.metrics {
            let (registry, config) = (Arc::clone(&registry), Arc::clone(config));
            housekeeping.spawn(metrics::serve(listener, registry, config));
        }
        for (listener, scheme) in self.listeners {
            context
                .tasks
                .spawn(listen::accept_all(listener, scheme, context.clone()));
        }
        tokio::select! {
            () = shutdown => {}
            () = context.app.history_fails() => {}
        }
        let drained = drain::drain(&context.app, &context.fanout, &context.tasks).await;
        context.cut.cancel();
        refusals::log_new(&context.app.counts);
        let app = Arc::clone(&context.app);
        // A panic in it was reported.
        let _ = tokio::task::spawn_blocking(move || app.close_history()).await;
        drained
    }
}

fn bind_metrics(config: &Config) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), StartError> {
    let Some(endpoint) = &config.metrics else {
        return Ok((Vec::new(), Vec::new()));
    };
    let bound = bind::bind(endpoint, &[], &config.limits).and_then(|listeners| {
        let addresses = local_addresses(listeners.iter())?;
        Ok((listeners, addresses))
    });
    bound.map_err(|error| StartError::Metrics(endpoint.clone(), error))
}

impl PassedSocket {
    fn listen(&self) -> io::Result<Listen> {
        Ok(Listen {
            endpoint: self.socket.local_addr()?.into(),
            scheme: self.scheme,
        })
    }
}

fn local_addresses<'a>(
    listeners: impl Iterator<Item = &'a TcpListener>,
) -> io::Result<Vec<SocketAddr>> {
    listeners.map(TcpListener::local_addr).collect()
}

#[cfg(test)]
mod tests;
