//! Opens a hub: in memory, or with the store of `--data`; and closes the store.

use std::sync::Arc;
#[cfg(feature = "data")]
use std::sync::{Mutex, PoisonError};

use super::hub::Hub;
use super::log::StoreError;
#[cfg(feature = "data")]
use super::log::committer::{Committer, Failure};
#[cfg(feature = "data")]
use super::log::sqlite::{SqliteStore, StoreOptions};
use super::rooms::HubLimits;
use crate::config::{BadSetting, DataSettings};

/// The store of a hub's history, if it has one. Its drop stores what waits and closes
/// the store.
#[derive(Debug, Default)]
pub struct StoredHistory {
    #[cfg(feature = "data")]
    store: Option<OpenStore>,
}

#[cfg(feature = "data")]
#[derive(Debug)]
struct OpenStore {
    committer: Mutex<Option<Committer>>,
    failure: Arc<Failure>,
}

impl StoredHistory {
    /// A hub with what the store of `settings` holds, or an empty one in memory.
    ///
    /// # Errors
    ///
    /// Why the store can't be opened. It is as it was before.
    pub(crate) fn open(
        limits: HubLimits,
        settings: &DataSettings,
    ) -> Result<(Arc<Hub>, Self), BadSetting> {
        #[cfg(feature = "data")]
        if let Some(dir) = &settings.dir {
            return Self::open_store(dir, limits, settings);
        }
        #[cfg(not(feature = "data"))]
        let _ = settings;
        Ok((Hub::new(limits), Self::default()))
    }

    #[cfg(feature = "data")]
    fn open_store(
        dir: &std::path::Path,
        limits: HubLimits,
        settings: &DataSettings,
    ) -> Result<(Arc<Hub>, Self), BadSetting> {
        let refused = |error: &dyn std::fmt::Display| BadSetting {
            flag: "--data",
            why: format!("{}: {error}", dir.display()).into(),
        };
        let begun = std::time::Instant::now();
        let options = StoreOptions {
            sync: settings.sync,
            check: settings.check,
            new_generation: settings.new_generation,
            limits: limits.clone(),
        };
        let (store, restored) = SqliteStore::open(dir, &options).map_err(|error| refused(&error))?;
        let hub = Hub::restore(limits, restored, settings.commit_queue);
        let totals = hub.totals();
        let committer =
            Committer::start(&hub, Box::new(store)).map_err(|error| refused(&error))?;
        tracing::info!(
            dir = %dir.display(),
            epoch = %hub.epoch(),
            rooms = totals.rooms,
            entries = totals.history_entries,
            bytes = totals.history_bytes,
            took = ?begun.elapsed(),
            "history loaded"
        );
        let failure = Arc::clone(committer.failure());
        let store = Some(OpenStore {
            committer: Mutex::new(Some(committer)),
            failure,
        });
        Ok((hub, Self { store }))
    }

    /// Waits until the store fails; for ever without a store.
    pub(crate) async fn fails(&self) {
        #[cfg(feature = "data")]
        if let Some(store) = &self.store {
            return store.failure.happens().await;
        }
        std::future::pending().await
    }

    /// Why the store failed, if it did.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        #[cfg(feature = "data")]
        if let Some(store) = &self.store {
            return store.failure.error();
        }
        None
    }

    /// Stores what waits, and closes the store.
    pub(crate) async fn close(&self) {
        #[cfg(feature = "data")]
        if let Some(store) = &self.store {
            let committer = store
                .committer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            // A panic in it was reported.
            let _ = tokio::task::spawn_blocking(move || drop(committer)).await;
        }
    }
}
