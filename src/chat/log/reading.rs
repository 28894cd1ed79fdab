//! Reads entries that only the store holds: one thread does, in the order in which it is
//! asked. Nothing waits for it under the hub's lock. What was read is bounded: its bytes
//! count until it is dropped.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::StoreError;
use crate::chat::entry::Entry;
use crate::protocol::RoomName;

/// Reads that wait. More are refused.
const MAX_WAITING: usize = 256;
/// Entries of one read: those of the largest page.
pub(in crate::chat) const MAX_READ: usize = 500;

/// An entry of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chat) struct StoredId {
    pub(in crate::chat) room: RoomName,
    pub(in crate::chat) seq: u64,
    /// The bytes that it will take in memory.
    pub(in crate::chat) cost: usize,
}

/// Reads a store, also while it is written.
pub(in crate::chat) trait StoreReader: std::fmt::Debug + Send {
    /// What is found of these ids, in their order, and why some of it can't be read, if
    /// so.
    fn read(&mut self, ids: &[StoredId]) -> (Vec<Found>, Option<StoreError>);
}

/// What is found of an entry.
#[derive(Debug, Clone)]
pub(in crate::chat) enum Found {
    Entry(Entry),
    /// The store does not have it.
    Missing,
    /// It is not as it was written, or the disk does not give it.
    Unreadable,
}

/// What was found of the entries that were asked for.
#[derive(Debug)]
pub(in crate::chat) struct FoundEntries {
    pub(in crate::chat) entries: Vec<Found>,
    /// To be kept as long as the entries.
    pub(in crate::chat) bytes: ReadBytes,
}

/// The bytes of a read, which count until this is dropped.
#[derive(Debug)]
pub(crate) struct ReadBytes {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

#[cfg(test)]
impl FoundEntries {
    /// Entries that count nowhere.
    pub(in crate::chat) fn of(entries: Vec<Found>) -> Self {
        let (bytes, all) = (0, Arc::default());
        let bytes = ReadBytes { bytes, all };
        Self { entries, bytes }
    }
}

impl Drop for ReadBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Too many reads wait, or too much of what was read is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chat) struct ReadsBusy;

/// Where reads wait for the thread that does them.
#[derive(Debug)]
pub(in crate::chat) struct ReadQueue {
    /// Most bytes of what is being read, and of what was read and is held.
    max_bytes: usize,
    /// These bytes.
    bytes: Arc<AtomicUsize>,
    state: Mutex<ReadState>,
    changed: Condvar,
    counters: ReadCounters,
}

#[derive(Debug, Default)]
struct ReadState {
    waiting: VecDeque<ReadRequest>,
    is_closed: bool,
    /// Why the last failed read did, until it is taken.
    error: Option<StoreError>,
}

#[derive(Debug)]
struct ReadRequest {
    ids: Vec<StoredId>,
    bytes: ReadBytes,
    /// Dropped if the queue is closed.
    answer: oneshot::Sender<FoundEntries>,
}

/// What was read.
#[derive(Debug, Default)]
pub(in crate::chat) struct ReadCounters {
    /// Reads.
    pub(in crate::chat) reads: AtomicU64,
    /// Reads of which something can't be read.
    pub(in crate::chat) failed: AtomicU64,
    /// Reads that were refused by [`ReadsBusy`].
    pub(in crate::chat) refused: AtomicU64,
}

impl ReadQueue {
    pub(in crate::chat) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: Arc::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
            counters: ReadCounters::default(),
        }
    }

    pub(in crate::chat) fn counters(&self) -> &ReadCounters {
        &self.counters
    }

    /// Asks for these entries, at most [`MAX_READ`] of them. The answer is dropped if the
    /// queue is closed.
    ///
    /// # Errors
    ///
    /// [`ReadsBusy`] if the queue is closed, too many reads wait, or too much of what was read is held. One
    /// read may take more than the limit by itself.
    pub(in crate::chat) fn ask(
        &self,
        ids: Vec<StoredId>,
    ) -> Result<oneshot::Receiver<FoundEntries>, ReadsBusy> {
        debug_assert!(ids.len() <= MAX_READ);
        let (answer, receiver) = oneshot::channel();
        let mut state = self.lock();
        if state.is_closed {
            return Err(ReadsBusy);
        }
        let cost: usize = ids.iter().map(|id| id.cost).sum();
        let held = self.bytes.load(Ordering::Relaxed);
        let is_too_much = held > 0 && held + cost > self.max_bytes;
        if is_too_much || state.waiting.len() == MAX_WAITING {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return Err(ReadsBusy);
        }
        self.bytes.fetch_add(cost, Ordering::Relaxed);
        let bytes = ReadBytes {
            bytes: cost,
            all: Arc::clone(&self.bytes),
        };
        state.waiting.push_back(ReadRequest { ids, bytes, answer });
        drop(state);
        self.changed.notify_one();
        Ok(receiver)
    }

    /// Why the last failed read did, unless it was taken.
    pub(in crate::chat) fn take_error(&self) -> Option<StoreError> {
        self.lock().error.take()
    }

    /// The next read; `None` once the queue is closed.
    fn next(&self) -> Option<ReadRequest> {
        let state = self.lock();
        let is_idle = |state: &mut ReadState| state.waiting.is_empty() && !state.is_closed;
        let waited = self.changed.wait_while(state, is_idle);
        waited
            .unwrap_or_else(PoisonError::into_inner)
            .waiting
            .pop_front()
    }

    /// Nothing is read any more.
    fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.waiting.clear();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ReadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, reader: &mut dyn StoreReader) {
        while let Some(ReadRequest { ids, bytes, answer }) = self.next() {
            // Its client may be gone.
            if answer.is_closed() {
                continue;
            }
            let count = |counter: &AtomicU64, number: usize| {
                counter.fetch_add(number as u64, Ordering::Relaxed);
            };
            let (entries, error) = reader.read(&ids);
            count(&self.counters.reads, 1);
            if let Some(error) = error {
                count(&self.counters.failed, 1);
                self.lock().error = Some(error);
            }
            let _ = answer.send(FoundEntries { entries, bytes });
        }
    }
}

/// The thread that reads. Its drop ends it.
#[derive(Debug)]
pub(in crate::chat) struct ReadThread {
    queue: Arc<ReadQueue>,
    thread: Option<JoinHandle<()>>,
}

impl ReadThread {
    pub(in crate::chat) fn start(
        queue: Arc<ReadQueue>,
        mut reader: Box<dyn StoreReader>,
    ) -> io::Result<Self> {
        let own = Closing(Arc::clone(&queue));
        let thread = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || own.0.run(&mut *reader))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }
}

/// However the thread ends, nothing waits for it.
struct Closing(Arc<ReadQueue>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Drop for ReadThread {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds nothing, and can't read the seq 0.
    #[derive(Debug)]
    struct NoEntries;

    impl StoreReader for NoEntries {
        fn read(&mut self, ids: &[StoredId]) -> (Vec<Found>, Option<StoreError>) {
            let error = ids.iter().find(|id| id.seq == 0);
            let error = error.map(|_| StoreError("seq 0".to_owned()));
            (vec![Found::Missing; ids.len()], error)
        }
    }

    fn ids(seqs: impl IntoIterator<Item = u64>) -> Vec<StoredId> {
        let room = RoomName::parse("lobby").unwrap();
        let id = |seq| StoredId {
            room: room.clone(),
            seq,
            cost: 10,
        };
        seqs.into_iter().map(id).collect()
    }

    #[tokio::test]
    async fn reads_are_answered_in_turn_and_too_many_are_refused() {
        let queue = Arc::new(ReadQueue::new(1 << 30));
        let mut waiting: Vec<_> = (1..=MAX_WAITING as u64)
            .map(|seq| queue.ask(ids(1..=seq)).unwrap())
            .collect();
        assert_eq!(queue.ask(ids([1])).err(), Some(ReadsBusy));
        // Its client is gone: it is not read.
        drop(waiting.pop());
        let thread = ReadThread::start(Arc::clone(&queue), Box::new(NoEntries)).unwrap();
        for (answer, entries) in waiting.into_iter().zip(1..) {
            assert_eq!(answer.await.unwrap().entries.len(), entries);
        }
        let failed = queue.ask(ids([0])).unwrap().await.unwrap();
        assert_eq!(failed.entries.len(), 1);
        assert_eq!(queue.take_error(), Some(StoreError("seq 0".to_owned())));
        assert_eq!(queue.take_error(), None);
        let one = queue.ask(ids([1])).unwrap().await.unwrap();
        assert_eq!(one.entries.len(), 1);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = queue.counters();
        assert_eq!(get(&counters.reads), MAX_WAITING as u64 + 1);
        assert_eq!((get(&counters.failed), get(&counters.refused)), (1, 1));
        drop(thread);
        assert_eq!(queue.ask(ids([1])).err(), Some(ReadsBusy));
    }

    #[tokio::test]
    async fn held_entries_bound_further_reads() {
        let queue = Arc::new(ReadQueue::new(25));
        let _thread = ReadThread::start(Arc::clone(&queue), Box::new(NoEntries)).unwrap();
        let first = queue.ask(ids([1])).unwrap().await.unwrap();
        assert_eq!(queue.ask(ids([1, 2])).err(), Some(ReadsBusy));
        let second = queue.ask(ids([2])).unwrap().await.unwrap();
        assert_eq!(queue.ask(ids([3])).err(), Some(ReadsBusy));
        drop((first, second));
        // More than all by itself.
        let many = queue.ask(ids([1, 2, 3, 4])).unwrap().await.unwrap();
        assert_eq!(queue.ask(ids([3])).err(), Some(ReadsBusy));
        drop(many);
        // An answer that is not fetched counts as long as its receiver is there.
        let unread = queue.ask(ids([1, 2])).unwrap();
        assert_eq!(queue.ask(ids([3])).err(), Some(ReadsBusy));
        drop(unread);
        while queue.ask(ids([3])).is_err() {
            tokio::task::yield_now().await;
        }
    }
}
