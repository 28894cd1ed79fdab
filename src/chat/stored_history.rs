//! Opens a hub: in memory, with the store of `--data`, or with the history of `--redis`; and
//! closes the store.

#[cfg(feature = "redis")]
use std::sync::PoisonError;
use std::sync::{Arc, Mutex};

use super::hub::Hub;
use super::log::StoreError;
use super::open_store::OpenStore;
use super::rooms::HubLimits;
use super::shared::{self, SharedFollower};
use super::store_totals::{LoadedHistory, StoreTotals};
use crate::config::{BadSetting, DataSettings, RedisSettings};

/// The store of a hub's history, if it has one. Its drop stores what waits and closes
/// the store.
#[derive(Debug, Default)]
pub struct StoredHistory {
    store: Option<OpenStore>,
    /// Until a task takes it.
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "there is none"))]
    follower: Mutex<Option<SharedFollower>>,
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
        let Some(dir) = &settings.dir else {
            return Ok((Hub::new(limits), Self::default()));
        };
        let (hub, store) = OpenStore::open(dir, limits, settings).map_err(|error| BadSetting {
            flag: "--data",
            why: format!("{}: {error}", dir.display()).into(),
        })?;
        let history = Self {
            store: Some(store),
            ..Self::default()
        };
        Ok((hub, history))
    }

    /// A hub of the history that several servers share.
    ///
    /// # Errors
    ///
    /// Why it is not reached, or can't be kept there.
    pub(crate) async fn connect(
        limits: HubLimits,
        settings: &RedisSettings,
    ) -> Result<(Arc<Hub>, Self), BadSetting> {
        let (hub, follower) = shared::connect(limits, settings).await?;
        let history = Self {
            follower: Mutex::new(Some(follower)),
            ..Self::default()
        };
        Ok((hub, history))
    }

    /// What shows the entries of all servers here. `None` if none share the history, and
    /// after the first call.
    #[cfg(feature = "redis")]
    pub(crate) fn take_follower(&self) -> Option<SharedFollower> {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        follower.take()
    }

    /// Waits until the store fails; for ever without a store.
    pub(crate) async fn fails(&self) {
        match &self.store {
            Some(store) => store.fails().await,
            None => std::future::pending().await,
        }
    }

    /// Why the store failed, if it did, with its folder.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.store.as_ref()?.failure()
    }

    /// The store in numbers, if there is one. It asks the file system.
    pub(crate) fn totals(&self) -> Option<StoreTotals> {
        self.store.as_ref().map(OpenStore::totals)
    }

    /// How the store was read. `None` in memory.
    pub(crate) fn loaded(&self) -> Option<LoadedHistory<'_>> {
        self.store.as_ref().map(OpenStore::loaded)
    }

    /// Stores what waits, and closes the store. This takes as long as the disk does.
    pub(crate) fn close(&self) {
        if let Some(store) = &self.store {
            store.close();
        }
    }
}
