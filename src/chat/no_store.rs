//! In place of `open_store`, in a program that is built without a store.

use std::path::Path;
use std::sync::Arc;

pub(super) use self::NoStore as OpenStore;
use super::hub::Hub;
use super::log::StoreError;
use super::rooms::HubLimits;
use super::store_totals::{LoadedHistory, StoreTotals};
use crate::config::DataSettings;

/// There is none.
#[derive(Debug)]
pub(super) enum NoStore {}

impl NoStore {
    pub(super) fn open(
        _dir: &Path,
        _limits: HubLimits,
        _settings: &DataSettings,
    ) -> Result<(Arc<Hub>, Self), &'static str> {
        Err("this program is built without a store (the Cargo feature `data`)")
    }

    pub(super) async fn fails(&self) {
        match *self {}
    }

    pub(super) fn failure(&self) -> Option<StoreError> {
        match *self {}
    }

    pub(super) fn totals(&self) -> StoreTotals {
        match *self {}
    }

    pub(super) fn loaded(&self) -> LoadedHistory<'_> {
        match *self {}
    }

    pub(super) fn close(&self) {
        match *self {}
    }
}
