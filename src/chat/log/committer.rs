//! The committer: the thread that makes durable what is assigned, and then shows it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{RecordBatch, Store, StoreError};
use crate::chat::hub::Hub;

/// How often the store is tidied.
const TIDY_INTERVAL: Duration = Duration::from_secs(1);
/// How long the committer looks for the next record before it sleeps, if the last one came as
/// soon. A wake-up takes about as long as a lone publisher needs for its next request.
const MAX_SPIN: Duration = Duration::from_micros(250);
/// Records that are shown under one lock: publishing waits for at most these.
const SHOWN_TOGETHER: usize = 64;

/// The committer of a hub. Its drop makes durable what waits, and closes the store.
#[derive(Debug)]
pub(crate) struct Committer {
    thread: Option<JoinHandle<()>>,
    shared: Arc<CommitterState>,
}

/// What the committer's thread and its owner share.
#[derive(Debug, Default)]
struct CommitterState {
    is_stopping: AtomicBool,
    failure: Arc<Failure>,
    counters: Arc<CommitCounters>,
}

/// What a committer has done.
#[derive(Debug, Default)]
pub(crate) struct CommitCounters {
    /// Commits.
    pub(crate) commits: AtomicU64,
    /// Records in them.
    pub(crate) records: AtomicU64,
    /// The time that they took, in microseconds.
    pub(crate) micros: AtomicU64,
}

impl CommitCounters {
    fn count(&self, records: usize, took: Duration) {
        let add = |counter: &AtomicU64, number| counter.fetch_add(number, Ordering::Relaxed);
        add(&self.commits, 1);
        add(&self.records, records as u64);
        add(
            &self.micros,
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
    }
}

/// The failure of a store, which may happen.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    happened: CancellationToken,
    /// Set before `happened`.
    error: OnceLock<StoreError>,
}

impl Failure {
    /// Waits until the store fails.
    pub(crate) async fn happens(&self) {
        self.happened.cancelled().await;
    }

    /// Why the store failed, if it did.
    pub(crate) fn error(&self) -> Option<StoreError> {
        self.error.get().cloned()
    }

    fn set(&self, error: StoreError) {
        let _ = self.error.set(error);
        self.happened.cancel();
    }
}

impl Committer {
    /// Starts the committer of `hub`, which has a queue.
    pub(crate) fn start(hub: &Arc<Hub>, store: Box<dyn Store>) -> io::Result<Self> {
        let shared = Arc::<CommitterState>::default();
        let mut commits = Commits {
            hub: Arc::downgrade(hub),
            store,
            shared: Arc::clone(&shared),
            runtime: Handle::try_current().ok(),
            tidied: Instant::now(),
            has_urgent: hub.urgent_flag(),
            last_wait: Duration::MAX,
        };
        let thread = thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || commits.run())?;
        Ok(Self {
            thread: Some(thread),
            shared,
        })
    }

    /// The failure of its store. Nothing is published from then on.
    pub(crate) fn failure(&self) -> &Arc<Failure> {
        &self.shared.failure
    }

    /// What it has done.
    pub(crate) fn counters(&self) -> &Arc<CommitCounters> {
        &self.shared.counters
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic in it was reported.
            let _ = thread.join();
        }
    }
}

/// The state of the committer's thread.
struct Commits {
    hub: Weak<Hub>,
    store: Box<dyn Store>,
    shared: Arc<CommitterState>,
    /// Of the requests that wait.
    runtime: Option<Handle>,
    /// When the store was last tidied.
    tidied: Instant,
    /// Set when there is something to be committed at once.
    has_urgent: Arc<AtomicBool>,
    /// How long it last waited for something.
    last_wait: Duration,
}

impl Commits {
    fn run(&mut self) {
        let committer = thread::current();
        loop {
            // Read first: what was pushed before the stop is made durable.
            let is_stopping = self.shared.is_stopping.load(Ordering::Acquire);
            let Some(hub) = self.hub.upgrade() else {
                return;
            };
            let is_tidy_due = self.tidied.elapsed() >= TIDY_INTERVAL;
            let batch = hub.take_batch(&committer, is_stopping || is_tidy_due);
            if batch.is_empty() && is_stopping {
                return;
            }
            if let Err(error) = self.commit(&hub, batch) {
                self.shared.failure.set(error);
                return;
            }
        }
    }

    fn commit(&mut self, hub: &Hub, batch: RecordBatch) -> Result<(), StoreError> {
        let is_idle = batch.is_empty();
        if !batch.records.is_empty() {
            let begun = Instant::now();
            self.store.commit(&batch.records)?;
            let counters = &self.shared.counters;
            counters.count(batch.records.len(), begun.elapsed());
        }
        if !is_idle {
            self.complete(hub.show_batch(batch));
        }
        // After what senders wait for.
        if self.tidied.elapsed() >= TIDY_INTERVAL {
            self.tidied = Instant::now();
            self.store.tidy()?;
            hub.note_tidied();
        } else if is_idle {
            self.wait();
        }
        Ok(())
    }

    /// Waits until there is something to be committed, or until the store is to be tidied.
    fn wait(&mut self) {
        let begun = Instant::now();
        while self.last_wait < MAX_SPIN && begun.elapsed() < MAX_SPIN {
            if self.has_urgent.load(Ordering::Acquire) {
                self.last_wait = begun.elapsed();
                return;
            }
            thread::yield_now();
        }
        thread::park_timeout(TIDY_INTERVAL.saturating_sub(self.tidied.elapsed()));
        self.last_wait = begun.elapsed();
    }

    /// Completes the requests that wait: from within their runtime, since each wake-up
    /// from another thread would be a system call.
    fn complete(&self, waits: Vec<oneshot::Sender<()>>) {
        let complete = |waits: Vec<oneshot::Sender<()>>| {
            for wait in waits {
                // Its client may be gone.
                let _ = wait.send(());
            }
        };
        match &self.runtime {
            Some(runtime) if waits.len() > 2 => drop(runtime.spawn(async move { complete(waits) })),
            _ => complete(waits),
        }
    }
}

impl Drop for Commits {
    /// However it ends, nothing is taken any more: what waited for it would wait for
    /// ever.
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.close_log();
        }
        if thread::panicking() {
            let error = StoreError("the thread that stores history panicked".to_owned());
            self.shared.failure.set(error);
        }
    }
}

impl Hub {
    pub(in crate::chat) fn take_batch(
        &self,
        committer: &thread::Thread,
        with_evictions: bool,
    ) -> RecordBatch {
        let mut rooms = self.lock();
        let queue = rooms.log.queue();
        queue.map_or_else(RecordBatch::default, |queue| {
            queue.take(committer, with_evictions)
        })
    }

    /// The flag of the queue, if there is one.
    fn urgent_flag(&self) -> Arc<AtomicBool> {
        let mut rooms = self.lock();
        rooms
            .log
            .queue()
            .map_or_else(Arc::default, |queue| queue.urgent_flag())
    }

    /// Shows what is durable. Returns those that wait for it.
    pub(in crate::chat) fn show_batch(&self, batch: RecordBatch) -> Vec<oneshot::Sender<()>> {
        let mut records = batch.records.into_iter();
        while records.len() > 0 {
            let mut rooms = self.lock();
            let now = tokio::time::Instant::now();
            for record in records.by_ref().take(SHOWN_TOGETHER) {
                rooms.show_record(record, now);
            }
        }
        if let Some(queue) = self.lock().log.queue() {
            queue.shown(batch.bytes, batch.flushes_evictions);
        }
        batch.waits
    }

    /// The store was tidied, and holds no evictions back.
    pub(in crate::chat) fn note_tidied(&self) {
        if let Some(queue) = self.lock().log.queue() {
            queue.evictions_stored();
        }
    }

    pub(in crate::chat) fn close_log(&self) {
        if let Some(queue) = self.lock().log.queue() {
            queue.close();
        }
    }
}
