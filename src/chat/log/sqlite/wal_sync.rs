//! When a commit is on the disk. SQLite syncs only when it moves commits from the
//! write-ahead log into the file; what is in the log is synced here. By `fdatasync`: the
//! bundled SQLite calls `fsync`, which writes the time of the file with each commit.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::config::SyncMode;

/// Syncs the write-ahead log.
#[derive(Debug)]
pub(super) struct WalSync {
    wal: Arc<File>,
    policy: SyncPolicy,
}

#[derive(Debug)]
enum SyncPolicy {
    EachCommit,
    Delayed(DelayedSync),
    Never,
}

impl WalSync {
    pub(super) fn open(wal: &Path, mode: SyncMode) -> io::Result<Self> {
        let wal = Arc::new(File::open(wal)?);
        wal.sync_all()?;
        let policy = match mode {
            SyncMode::Full => SyncPolicy::EachCommit,
            SyncMode::Batch(interval) => {
                SyncPolicy::Delayed(DelayedSync::start(Arc::clone(&wal), interval)?)
            }
            SyncMode::Off => SyncPolicy::Never,
        };
        Ok(Self { wal, policy })
    }

    /// To be called after each commit, before it is shown.
    pub(super) fn committed(&self) -> io::Result<()> {
        match &self.policy {
            SyncPolicy::EachCommit => self.wal.sync_data(),
            SyncPolicy::Delayed(delayed) => delayed.committed(),
            SyncPolicy::Never => Ok(()),
        }
    }

    /// Whether an earlier sync failed.
    pub(super) fn check(&self) -> io::Result<()> {
        match &self.policy {
            SyncPolicy::Delayed(delayed) => delayed.check(),
            SyncPolicy::EachCommit | SyncPolicy::Never => Ok(()),
        }
    }

    /// Syncs all commits now.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.wal.sync_data()
    }
}

/// A thread that syncs at most some time after a commit, so that no commit waits.
#[derive(Debug)]
struct DelayedSync {
    shared: Arc<SharedSync>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct SharedSync {
    pending: Mutex<PendingSync>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct PendingSync {
    /// When the first commit was made that is not synced.
    since: Option<Instant>,
    error: Option<String>,
    is_stopping: bool,
}

impl DelayedSync {
    fn start(wal: Arc<File>, interval: Duration) -> io::Result<Self> {
        let shared = Arc::<SharedSync>::default();
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("sync".to_owned())
            .spawn(move || of_thread.run(&wal, interval))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    fn committed(&self) -> io::Result<()> {
        let mut pending = self.shared.lock();
        if pending.since.is_none() {
            pending.since = Some(Instant::now());
            self.shared.wake.notify_one();
        }
        pending.check()
    }

    fn check(&self) -> io::Result<()> {
        self.shared.lock().check()
    }
}

impl Drop for DelayedSync {
    fn drop(&mut self) {
        self.shared.lock().is_stopping = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported.
            let _ = thread.join();
        }
    }
}

impl PendingSync {
    fn check(&self) -> io::Result<()> {
        match &self.error {
            Some(error) => Err(io::Error::other(error.clone())),
            None => Ok(()),
        }
    }
}

impl SharedSync {
    fn lock(&self) -> MutexGuard<'_, PendingSync> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, wal: &File, interval: Duration) {
        while self.wait(interval) {
            if let Err(error) = wal.sync_data() {
                self.lock().error = Some(error.to_string());
                return;
            }
        }
    }

    /// Waits until a sync is due. Returns whether one is; otherwise the thread stops.
    fn wait(&self, interval: Duration) -> bool {
        let mut pending = self.lock();
        while !pending.is_stopping {
            let waited = match pending.since.map(|since| since.elapsed()) {
                Some(elapsed) if elapsed >= interval => {
                    pending.since = None;
                    return true;
                }
                Some(elapsed) => {
                    let left = self.wake.wait_timeout(pending, interval - elapsed);
                    left.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.wake.wait(pending);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
            pending = waited;
        }
        false
    }
}
