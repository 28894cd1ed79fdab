//! What the connections of a running server share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::connection_counters::ConnectionCounters;
use super::fanout::Fanout;
use super::large_head::HeadBudget;
use super::task_tracker::TaskTracker;
#[cfg(feature = "https")]
use super::tls::TlsServer;
use crate::http::App;

/// What all connections of a server share. A clone is a handle to the same state.
#[derive(Debug, Clone)]
pub(super) struct ServerContext {
    pub(super) app: Arc<App>,
    pub(super) fanout: Arc<Fanout>,
    /// Every task, and every reader of the fan-out, that a shutdown waits for.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the grace period is over: open connections are cut.
    pub(super) cut: CancellationToken,
    pub(super) connections: Arc<ConnectionCounters>,
    pub(super) heads: HeadBudget,
    /// Of the https listeners; `None` without certificates.
    #[cfg(feature = "https")]
    pub(super) tls: Option<Arc<TlsServer>>,
}

impl ServerContext {
    pub(super) fn new(app: Arc<App>, fanout: Arc<Fanout>) -> Self {
        Self {
            heads: HeadBudget::new(app.config.limits.head_budget),
            app,
            fanout,
            tasks: TaskTracker::default(),
            cut: CancellationToken::new(),
            connections: Arc::default(),
            #[cfg(feature = "https")]
            tls: None,
        }
    }
}
