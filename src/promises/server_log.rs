//! The log of a simulated server, which outlives its hubs: in memory or in a store.

use std::sync::Arc;

use super::commit_stage::CommitStage;
use super::inputs::{LogKind, Loss};
#[cfg(feature = "data")]
use super::stored_log::StoredLog;
use crate::chat::{Hub, SavedRooms};

/// The log of a server.
pub(super) enum ServerLog {
    /// In memory.
    Memory {
        /// What a store would have had at the last sync.
        synced: Box<SavedRooms>,
    },
    /// In a store.
    #[cfg(feature = "data")]
    Stored(Box<StoredLog>),
}

impl ServerLog {
    /// The log of a server that starts for the first time, and its hub. `hub` is one in
    /// memory, with the same limits.
    pub(super) fn new(kind: LogKind, hub: Arc<Hub>) -> (Self, Arc<Hub>) {
        match kind {
            LogKind::Memory => {
                let synced = Box::new(hub.save());
                (Self::Memory { synced }, hub)
            }
            #[cfg(feature = "data")]
            LogKind::Stored { queue_bytes } => {
                let (log, hub) = StoredLog::new(queue_bytes, &hub);
                (Self::Stored(Box::new(log)), hub)
            }
        }
    }

    /// Most bytes that wait to be durable. `None` in memory, where nothing waits.
    pub(super) fn queue_bytes(&self) -> Option<usize> {
        match self {
            Self::Memory { .. } => None,
            #[cfg(feature = "data")]
            Self::Stored(log) => Some(log.queue_bytes()),
        }
    }

    pub(super) fn stage(&self) -> CommitStage {
        match self {
            Self::Memory { .. } => CommitStage::Idle,
            #[cfg(feature = "data")]
            Self::Stored(log) => log.stage(),
        }
    }

    /// The next step of the server's commits, if there is one. Returns the new stage.
    pub(super) fn step(&mut self) -> CommitStage {
        match self {
            Self::Memory { .. } => CommitStage::Idle,
            #[cfg(feature = "data")]
            Self::Stored(log) => log.step(),
        }
    }

    /// The work of a quiet moment.
    pub(super) fn tidy(&mut self) {
        match self {
            Self::Memory { .. } => {}
            #[cfg(feature = "data")]
            Self::Stored(log) => log.tidy(),
        }
    }

    /// Keeps what is durable for a crash that loses what follows.
    pub(super) fn sync(&mut self, hub: &Hub) {
        match self {
            Self::Memory { synced } => **synced = hub.save(),
            #[cfg(feature = "data")]
            Self::Stored(log) => log.sync(),
        }
    }

    /// The server of this hub ends, and another one starts.
    pub(super) fn restart(&mut self, hub: &Hub) -> Arc<Hub> {
        match self {
            Self::Memory { .. } => hub.replace(),
            #[cfg(feature = "data")]
            Self::Stored(log) => log.restart(hub),
        }
    }

    /// A generation of this hub ends: it loses what follows the last sync. Returns whether
    /// that can happen.
    pub(super) fn end_generation(&self, hub: &Hub) -> bool {
        match self {
            Self::Memory { synced } => {
                hub.lose_since(synced);
                true
            }
            // A store begins generations only when it is opened.
            #[cfg(feature = "data")]
            Self::Stored(_) => false,
        }
    }

    /// The server of this hub crashes, and another one starts. With a store it has the
    /// limits of `next`.
    #[cfg_attr(
        not(feature = "data"),
        expect(unused_variables, reason = "there is no store")
    )]
    pub(super) fn crash(&mut self, hub: &Hub, next: &Hub, loss: Loss) -> Arc<Hub> {
        match (self, loss) {
            (Self::Memory { .. }, Loss::Nothing) => Hub::reopen(&hub.save()),
            (Self::Memory { .. }, Loss::NothingKnown) => hub.reopen_older(&hub.save()),
            (Self::Memory { synced }, Loss::Suffix) => hub.reopen_older(synced),
            #[cfg(feature = "data")]
            (Self::Stored(log), loss) => log.crash(next, loss),
        }
    }
}
