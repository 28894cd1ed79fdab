//! The log: assign, make durable, show.
//!
//! An entry gets its id, its place in its room and its encoding under the hub's lock:
//! then it is assigned. Without a store it is shown in the same critical section: it
//! enters its room's history and the channel. With a store it waits in the
//! [`CommitQueue`] first. The committer takes all that waits, makes it durable in one
//! transaction, and then shows it in order.
//!
//! Readers, pages, cursors and counts know only what is shown. Requests are checked
//! against what is assigned, so that a retry finds its first request, and a change the
//! one before it.
//!
//! What history loses, it loses in memory at once; the store deletes it later. A reader
//! that skips it may have to wait for that: see [`EntryLog::wait_for_evictions`].
//!
//! The thread that commits is in `committer`, the one that reads what memory does not
//! hold in `reading`, the store in `sqlite`.

#[cfg(feature = "data")]
pub(super) mod committer;
#[cfg(any(feature = "data", feature = "redis"))]
pub(super) mod hex;
#[cfg(any(feature = "data", feature = "redis"))]
pub(super) mod reaction_list;
pub(super) mod reading;
mod record;
pub(super) mod restored;
#[cfg(feature = "data")]
pub(super) mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

use tokio::sync::oneshot;

pub(super) use self::record::Record;
use super::errors::HistoryUnavailable;
use super::published::Commit;
use super::shared::state::SharedState;

/// Where history lasts.
#[derive(Debug)]
pub(super) enum EntryLog {
    /// In memory: what is assigned is shown at once.
    Memory,
    /// In a store.
    Stored(CommitQueue),
    /// In Redis, with other servers: it assigns, and what is read from it is shown.
    #[cfg_attr(
        all(feature = "data", not(feature = "redis")),
        expect(dead_code, reason = "there is none")
    )]
    Shared(Box<SharedState>),
}

/// Makes records durable.
pub(super) trait Store: fmt::Debug + Send {
    /// Makes all of `records` durable, or none of them. Evictions are an exception: they
    /// are durable after [`Record::FlushEvictions`], or when the store was tidied.
    ///
    /// # Errors
    ///
    /// They are final: what a second try says can't be trusted.
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// Makes durable all evictions that were committed, and does a bounded part of the
    /// work that no sender waits for. Called about once a second.
    ///
    /// # Errors
    ///
    /// As of [`Self::commit`].
    fn tidy(&mut self) -> Result<(), StoreError>;
}

/// Why a store failed, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError(pub(super) String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// What waits to be durable, under the hub's lock.
#[derive(Debug)]
pub(super) struct CommitQueue {
    batch: RecordBatch,
    /// Bytes of the records that wait or are being committed.
    bytes: usize,
    max_bytes: usize,
    /// Evictions that the committer took, or that nothing takes any more, may not be
    /// durable.
    has_loose_evictions: bool,
    /// Nothing is taken any more.
    is_closed: bool,
    /// The committer, while it waits.
    sleeping: Option<Thread>,
    /// What waits is to be committed at once.
    urgent: Arc<AtomicBool>,
}

/// What the committer takes at one time.
#[derive(Debug, Default)]
pub(super) struct RecordBatch {
    /// In the order in which they were assigned.
    pub(super) records: Vec<Record>,
    /// The bytes of the records.
    pub(super) bytes: usize,
    /// Those that wait until the records are durable and shown.
    pub(super) waits: Vec<oneshot::Sender<()>>,
    /// It is more than evictions.
    is_urgent: bool,
    /// One of the records is an eviction.
    has_evictions: bool,
    /// One of them is [`Record::FlushEvictions`].
    flushes_evictions: bool,
}

impl CommitQueue {
    /// `has_evictions` says whether the store was opened with fewer entries than it has.
    pub(super) fn new(max_bytes: usize, has_evictions: bool) -> Self {
        Self {
            batch: RecordBatch::default(),
            bytes: 0,
            max_bytes,
            has_loose_evictions: has_evictions,
            is_closed: false,
            sleeping: None,
            urgent: Arc::default(),
        }
    }

    /// Set while what waits is to be committed at once: a committer that looks at it needs
    /// no wake-up.
    #[cfg(feature = "data")]
    pub(super) fn urgent_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.urgent)
    }

    /// Whether there is room for one more entry.
    fn check(&self) -> Result<(), HistoryUnavailable> {
        match self.is_closed || self.bytes >= self.max_bytes {
            true => Err(HistoryUnavailable),
            false => Ok(()),
        }
    }

    pub(super) fn push(&mut self, record: Record) {
        if self.is_closed {
            self.has_loose_evictions |= record.is_eviction();
            return;
        }
        let bytes = record.cost();
        self.bytes += bytes;
        self.batch.bytes += bytes;
        self.batch.is_urgent |= record.is_urgent() || self.bytes > self.max_bytes / 2;
        self.batch.has_evictions |= record.is_eviction();
        self.batch.flushes_evictions |= matches!(record, Record::FlushEvictions);
        self.batch.records.push(record);
        self.wake();
    }

    fn wake(&mut self) {
        if self.batch.is_urgent
            && let Some(committer) = self.sleeping.take()
        {
            self.urgent.store(true, Ordering::Release);
            committer.unpark();
        }
    }

    /// The wait until all that was pushed is durable and shown.
    pub(super) fn wait(&mut self) -> Commit {
        let (done, wait) = oneshot::channel();
        if !self.is_closed {
            self.batch.waits.push(done);
            self.batch.is_urgent = true;
            self.wake();
        }
        Commit::new(wait)
    }

    /// The wait until all evictions are durable. `None` if they are.
    fn wait_for_evictions(&mut self) -> Option<Commit> {
        if !self.has_loose_evictions && !self.batch.has_evictions {
            return None;
        }
        if !self.batch.flushes_evictions {
            self.push(Record::FlushEvictions);
        }
        Some(self.wait())
    }

    /// Takes all that waits. Evictions alone are taken only `with_evictions`: otherwise
    /// each message that evicts another one would cost two commits. If nothing is taken,
    /// `committer` is unparked once something is to be committed.
    pub(super) fn take(&mut self, committer: &Thread, with_evictions: bool) -> RecordBatch {
        if self.batch.is_urgent || with_evictions && !self.batch.is_empty() {
            self.has_loose_evictions |= self.batch.has_evictions;
            self.urgent.store(false, Ordering::Release);
            return std::mem::take(&mut self.batch);
        }
        self.sleeping = Some(committer.clone());
        RecordBatch::default()
    }

    /// A batch of `bytes` was shown: makes room for others.
    pub(super) fn shown(&mut self, bytes: usize, flushes_evictions: bool) {
        self.bytes -= bytes;
        if flushes_evictions {
            self.evictions_stored();
        }
    }

    /// All evictions that were taken are durable.
    pub(super) fn evictions_stored(&mut self) {
        self.has_loose_evictions = false;
    }

    /// Takes nothing any more. What waits is dropped, and its senders are refused.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.has_loose_evictions |= self.batch.has_evictions;
        self.batch = RecordBatch::default();
    }
}

impl RecordBatch {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.waits.is_empty()
    }
}

impl EntryLog {
    /// Whether one more entry is taken.
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if not.
    pub(super) fn check(&self) -> Result<(), HistoryUnavailable> {
        match self {
            Self::Memory => Ok(()),
            Self::Stored(queue) => queue.check(),
            // Nothing is assigned here.
            Self::Shared(_) => Err(HistoryUnavailable),
        }
    }

    /// Bytes that wait to be durable.
    pub(super) fn queued_bytes(&self) -> usize {
        match self {
            Self::Memory | Self::Shared(_) => 0,
            Self::Stored(queue) => queue.bytes,
        }
    }

    /// The queue of the store, if there is one.
    pub(super) fn queue(&mut self) -> Option<&mut CommitQueue> {
        match self {
            Self::Memory | Self::Shared(_) => None,
            Self::Stored(queue) => Some(queue),
        }
    }

    /// Whether Redis has the history, with its rooms and tombstones.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// Makes `record` durable, if there is a store.
    pub(super) fn push(&mut self, record: impl FnOnce() -> Record) {
        if let Self::Stored(queue) = self {
            queue.push(record());
        }
    }

    /// The wait until all that was assigned is durable and shown.
    pub(super) fn wait(&mut self) -> Commit {
        match self {
            Self::Memory | Self::Shared(_) => Commit::DONE,
            Self::Stored(queue) => queue.wait(),
        }
    }

    /// The wait until history can't get back what it has lost, however the server ends.
    /// `None` if it can't already, as in memory.
    pub(super) fn wait_for_evictions(&mut self) -> Option<Commit> {
        self.queue()?.wait_for_evictions()
    }
}
