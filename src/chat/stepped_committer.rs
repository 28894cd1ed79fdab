//! For tests: a committer without a thread. The test takes its steps one by one, so it
//! can end the server between any two of them, and what fails once fails always.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::hub::Hub;
use super::log::sqlite::{SqliteStore, StoreOptions};
use super::log::{RecordBatch, Store as _};
use crate::config::{DataSettings, SyncMode};

/// The committer of a hub with a store.
#[derive(Debug)]
pub(crate) struct SteppedCommitter {
    hub: Arc<Hub>,
    store: SqliteStore,
    /// What it took and has not shown.
    batch: RecordBatch,
}

impl SteppedCommitter {
    /// Opens the store in a folder. Its hub has the limits of another one.
    pub(crate) fn open(
        dir: &Path,
        limits_of: &Hub,
        queue_bytes: usize,
        new_generation: bool,
    ) -> (Arc<Hub>, Self) {
        let limits = limits_of.lock().limits().clone();
        let options = StoreOptions {
            sync: SyncMode::Full,
            check: false,
            new_generation,
            limits: limits.clone(),
        };
        let (store, restored) = SqliteStore::open(dir, &options).unwrap();
        let settings = DataSettings {
            commit_queue: queue_bytes,
            ..DataSettings::default()
        };
        let hub = Hub::restore(limits, restored, &settings);
        let committer = Self {
            hub: Arc::clone(&hub),
            store,
            batch: RecordBatch::default(),
        };
        (hub, committer)
    }

    /// Takes all that waits. Returns whether that is something.
    pub(crate) fn take(&mut self) -> bool {
        self.batch = self.hub.take_batch(&thread::current(), true);
        !self.batch.is_empty()
    }

    /// Makes durable what it took.
    pub(crate) fn commit(&mut self) {
        if !self.batch.records.is_empty() {
            self.store.commit(&self.batch.records).unwrap();
        }
    }

    /// Shows what it took, and answers the requests.
    pub(crate) fn show(&mut self) {
        for wait in self.hub.show_batch(std::mem::take(&mut self.batch)) {
            // The test may not wait for it.
            let _ = wait.send(());
        }
    }

    /// Tidies the store, as is done once a second before a commit.
    pub(crate) fn tidy(&mut self) {
        self.store.tidy().unwrap();
        // The server tidies between two commits.
        if self.batch.is_empty() {
            self.hub.note_tidied();
        }
    }

    /// The process is killed.
    pub(crate) fn crash(self) {
        self.store.crash();
    }

    /// The server ends, and has shown everything.
    pub(crate) fn close(self) {
        self.hub.close_log();
    }
}
