//! The queue between the threads that log and standard error.
//!
//! A thread that serves never writes to standard error itself: where the reader
//! of that pipe has stopped, the write would block the thread for good. It
//! appends its line here, and one thread writes. What the queue has no room for
//! is dropped and counted, and the log says how much once output moves again.
//!
//! tracing-appender 0.2.5 has such a queue. It is bounded by lines, not by
//! bytes, never says that it dropped any, and its guard prints to standard
//! output when its thread is stuck, which may block as well.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most bytes of one write, and what an empty queue keeps allocated.
const CHUNK: usize = 64 << 10;

/// Lines that wait to be written. Clones share one queue.
#[derive(Debug, Clone)]
pub(super) struct LogQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There is something for the writer to do.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
    dropped: Arc<AtomicU64>,
    /// The most bytes that wait, those of the current write included.
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines, in order.
    waiting: VecDeque<u8>,
    /// Bytes of the write that is under way.
    in_flight: usize,
    /// The queue was full and has not been reported yet: every line is dropped.
    dropping: bool,
    /// Lines lost since the last report.
    unreported: u64,
}

impl LogQueue {
    /// A queue of at most `limit` bytes, and a thread that writes it to `out`.
    /// After a loss that thread calls `report` with the number of lost lines
    /// when `out` takes bytes again; `report` may push one line by
    /// [`LogQueue::push_report`].
    ///
    /// # Errors
    ///
    /// When the thread can't be started.
    pub(super) fn start(
        limit: usize,
        out: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self(Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            dropped: Arc::default(),
            limit,
        }));
        let shared = Arc::clone(&queue.0);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.write_to(out, report))?;
        Ok(queue)
    }

    /// Lines dropped so far.
    pub(super) fn dropped(&self) -> &Arc<AtomicU64> {
        &self.0.dropped
    }

    /// Appends a whole line, or drops and counts it. It never waits for output.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.dropping || state.held() + line.len() > self.0.limit {
            state.dropping = true;
            self.0.lose(&mut state, 1);
        } else {
            state.waiting.extend(line);
        }
        drop(state);
        self.0.filled.notify_one();
    }

    /// Appends the line that reports a loss. It is let in whatever waits.
    pub(super) fn push_report(&self, line: &[u8]) {
        self.0.lock().waiting.extend(line);
        self.0.filled.notify_one();
    }

    /// Waits until all lines are written, but not longer than `most`. Returns
    /// whether they are.
    pub(super) fn flush(&self, most: Duration) -> bool {
        let is_pending = |state: &mut State| state.held() > 0 || state.dropping;
        let waited = self
            .0
            .emptied
            .wait_timeout_while(self.0.lock(), most, is_pending);
        let (_state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }
}

impl State {
    fn held(&self) -> usize {
        self.waiting.len() + self.in_flight
    }
}

impl Shared {
    /// A panic while the lock is held leaves whole lines behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, state: &mut State, lines: u64) {
        state.unreported += lines;
        self.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// Writes for the life of the process.
    fn write_to(&self, mut out: impl Write, report: impl Fn(u64)) {
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            self.take(&mut chunk);
            let lost = write_all(&mut out, &chunk).err().unwrap_or_default();
            if let Some(lines) = self.written(lost) {
                report(lines);
                self.resume();
            }
        }
    }

    /// Waits for lines, and moves the first of them to `chunk`.
    fn take(&self, chunk: &mut Vec<u8>) {
        let is_idle = |state: &mut State| state.waiting.is_empty() && !state.dropping;
        let waited = self.filled.wait_while(self.lock(), is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let size = state.waiting.len().min(CHUNK);
        chunk.clear();
        chunk.extend(state.waiting.range(..size));
        state.waiting.drain(..size);
        state.in_flight = size;
        if state.waiting.is_empty() {
            state.waiting.shrink_to(CHUNK);
        }
    }

    /// Ends a write in which `lost` lines were lost. Returns how many are to be
    /// reported: none until a write succeeds and half of the queue is free, so
    /// that a slow reader gets few reports.
    fn written(&self, lost: u64) -> Option<u64> {
        let mut state = self.lock();
        state.in_flight = 0;
        self.lose(&mut state, lost);
        let is_due = lost == 0 && state.unreported > 0 && state.held() <= self.limit / 2;
        self.announce_if_empty(&state);
        is_due.then(|| std::mem::take(&mut state.unreported))
    }

    /// Lines are let in again.
    fn resume(&self) {
        let mut state = self.lock();
        state.dropping = false;
        self.announce_if_empty(&state);
    }

    fn announce_if_empty(&self, state: &State) {
        if state.held() == 0 && !state.dropping {
            self.emptied.notify_all();
        }
    }
}

/// Writes all of it, or returns how many lines were not written whole.
fn write_all(out: &mut impl Write, mut bytes: &[u8]) -> Result<(), u64> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(size) if size > 0 => bytes = &bytes[size..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return Err(memchr::memchr_iter(b'\n', bytes).count() as u64),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
