//! The store of a server, its threads, and what they have done.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::hub::Hub;
use super::log::StoreError;
use super::log::committer::{CommitCounters, Committer, Failure};
use super::log::reading::{ReadQueue, ReadThread};
use super::log::sqlite::{self, SqliteReader, SqliteStore, StoreOptions};
use super::rooms::HubLimits;
use super::store_totals::{LoadedHistory, StoreTotals};
use crate::config::DataSettings;

/// The store of a hub, while it is open.
#[derive(Debug)]
pub(super) struct OpenStore {
    dir: PathBuf,
    /// How long it took to read it.
    load_time: Duration,
    /// Entries that exceeded the limits.
    excess: usize,
    threads: Mutex<Option<StoreThreads>>,
    failure: Arc<Failure>,
    commits: Arc<CommitCounters>,
    reads: Arc<ReadQueue>,
}

/// The threads of a store. They end in this order.
#[derive(Debug)]
struct StoreThreads {
    /// If the store holds more than memory.
    _reads: Option<ReadThread>,
    _commits: Committer,
}

impl OpenStore {
    /// A hub with what the store in `dir` holds.
    pub(super) fn open(
        dir: &Path,
        limits: HubLimits,
        settings: &DataSettings,
    ) -> Result<(Arc<Hub>, Self), Box<dyn Error>> {
        let begun = Instant::now();
        let options = StoreOptions {
            sync: settings.sync,
            check: settings.check,
            new_generation: settings.new_generation,
            limits: limits.clone(),
        };
        let (store, restored) = SqliteStore::open(dir, &options)?;
        let reader = match limits.stored_history > 0 {
            true => Some(SqliteReader::open(
                dir,
                &store,
                restored.generations.clone(),
            )?),
            false => None,
        };
        let stored = restored.stored_entries();
        let hub = Hub::restore(limits, restored, settings);
        let totals = hub.totals();
        let kept = totals.history_entries + totals.older_entries;
        let reads = hub.shared_reads().expect("it has a store");
        let start = |reader| ReadThread::start(Arc::clone(&reads), Box::new(reader));
        let read_thread = reader.map(start).transpose()?;
        let committer = Committer::start(&hub, Box::new(store))?;
        let open = Self {
            dir: dir.to_owned(),
            load_time: begun.elapsed(),
            excess: stored.saturating_sub(kept),
            failure: Arc::clone(committer.failure()),
            commits: Arc::clone(committer.counters()),
            threads: Mutex::new(Some(StoreThreads {
                _reads: read_thread,
                _commits: committer,
            })),
            reads,
        };
        Ok((hub, open))
    }

    pub(super) async fn fails(&self) {
        self.failure.happens().await;
    }

    pub(super) fn failure(&self) -> Option<StoreError> {
        let (why, dir) = (self.failure.error()?, self.dir.display());
        Some(StoreError(format!(
            "history can't be stored in {dir}: {why}"
        )))
    }

    pub(super) fn totals(&self) -> StoreTotals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let reads = self.reads.counters();
        StoreTotals {
            commits: get(&self.commits.commits),
            records: get(&self.commits.records),
            commit_time: Duration::from_micros(get(&self.commits.micros)),
            reads: get(&reads.reads),
            failed_reads: get(&reads.failed),
            refused_reads: get(&reads.refused),
            bytes: sqlite::stored_bytes(&self.dir),
            free_bytes: sqlite::free_bytes(&self.dir).unwrap_or_default(),
        }
    }

    pub(super) fn loaded(&self) -> LoadedHistory<'_> {
        LoadedHistory {
            dir: &self.dir,
            took: self.load_time,
            excess: self.excess,
        }
    }

    pub(super) fn close(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        drop(threads.take());
    }
}

#[cfg(test)]
mod tests;
