//! Opens a hub: in memory, or with the store of `--data`; and closes the store.

use std::path::Path;
#[cfg(feature = "data")]
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "data")]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "data")]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::hub::Hub;
use super::log::StoreError;
#[cfg(feature = "data")]
use super::log::committer::{CommitCounters, Committer, Failure};
#[cfg(feature = "data")]
use super::log::sqlite::{self, SqliteStore, StoreOptions};
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
    dir: PathBuf,
    /// How long it took to read it.
    load_time: Duration,
    committer: Mutex<Option<Committer>>,
    failure: Arc<Failure>,
    counters: Arc<CommitCounters>,
}

/// A store in numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreTotals {
    /// Commits since the start.
    pub commits: u64,
    /// Records in them: entries, evictions, bans.
    pub records: u64,
    /// The time that they took.
    pub commit_time: Duration,
    /// Bytes of the store's files.
    pub bytes: u64,
    /// Bytes that the file system has left for them.
    pub free_bytes: u64,
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
        dir: &Path,
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
        let (store, restored) =
            SqliteStore::open(dir, &options).map_err(|error| refused(&error))?;
        let hub = Hub::restore(limits, restored, settings.commit_queue);
        let committer = Committer::start(&hub, Box::new(store)).map_err(|error| refused(&error))?;
        let store = Some(OpenStore {
            dir: dir.to_owned(),
            load_time: begun.elapsed(),
            failure: Arc::clone(committer.failure()),
            counters: Arc::clone(committer.counters()),
            committer: Mutex::new(Some(committer)),
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

    /// Why the store failed, if it did, with its folder.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        #[cfg(feature = "data")]
        if let Some(store) = &self.store {
            let (why, dir) = (store.failure.error()?, store.dir.display());
            return Some(StoreError(format!(
                "history can't be stored in {dir}: {why}"
            )));
        }
        None
    }

    /// The store in numbers, if there is one. It asks the file system.
    pub(crate) fn totals(&self) -> Option<StoreTotals> {
        #[cfg(feature = "data")]
        if let Some(store) = &self.store {
            return Some(store.totals());
        }
        None
    }

    /// The folder of the store, and how long it took to read it. `None` in memory.
    pub(crate) fn loaded(&self) -> Option<(&Path, Duration)> {
        #[cfg(feature = "data")]
        if let Some(store) = &self.store {
            return Some((&store.dir, store.load_time));
        }
        None
    }

    /// Stores what waits, and closes the store. This takes as long as the disk does.
    pub(crate) fn close(&self) {
        #[cfg(feature = "data")]
        if let Some(store) = &self.store {
            let committer = store
                .committer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            drop(committer);
        }
    }
}

#[cfg(feature = "data")]
impl OpenStore {
    fn totals(&self) -> StoreTotals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreTotals {
            commits: get(&self.counters.commits),
            records: get(&self.counters.records),
            commit_time: Duration::from_micros(get(&self.counters.micros)),
            bytes: sqlite::stored_bytes(&self.dir),
            free_bytes: sqlite::free_bytes(&self.dir).unwrap_or_default(),
        }
    }
}
