//! The queue between the threads that log and standard error.
//!
//! A write to standard error blocks while the reader of the pipe does not read.
//! So threads append their lines to this queue, and one thread writes them.
//! Lines beyond the limit are dropped and counted; the log reports the number
//! once the output is writable again.
//!
//! The queue of tracing-appender 0.2.5 does not fit: its limit is in lines, not
//! in bytes, it does not report dropped lines, and its guard prints to standard
//! output if its thread is stuck, which may block as well.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most bytes of one write, and the memory that an empty queue keeps.
const CHUNK: usize = 64 << 10;

/// A queue of log lines. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct LogQueue(Arc<SharedQueue>);

#[derive(Debug)]
struct SharedQueue {
    pending: Mutex<PendingLines>,
    /// Notifies the writing thread of work.
    filled: Condvar,
    /// Notifies [`LogQueue::flush`] that everything is written.
    emptied: Condvar,
    dropped: Arc<AtomicU64>,
    /// The most bytes in the queue, including the current write.
    limit: usize,
}

#[derive(Debug, Default)]
struct PendingLines {
    /// Whole lines, in order.
    bytes: VecDeque<u8>,
    /// Bytes of the current write.
    in_flight: usize,
    /// Set from the first dropped line until the loss is reported; all lines are
    /// dropped meanwhile.
    dropping: bool,
    /// Lines lost since the last report.
    unreported: u64,
}

impl LogQueue {
    /// Starts a queue of at most `limit` bytes and the thread that writes it to
    /// `out`. After a loss, once `out` takes bytes again, the thread calls `report`
    /// with the number of lost lines; `report` may append one line with
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
        let queue = Self(Arc::new(SharedQueue {
            pending: Mutex::default(),
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

    /// The number of lines dropped so far.
    pub(super) fn dropped(&self) -> &Arc<AtomicU64> {
        &self.0.dropped
    }

    /// Appends a whole line, or drops and counts it. Never blocks on output.
    pub(super) fn push(&self, line: &[u8]) {
        let mut pending = self.0.lock();
        if pending.dropping || pending.size() + line.len() > self.0.limit {
            pending.dropping = true;
            self.0.count_lost(&mut pending, 1);
        } else {
            pending.bytes.extend(line);
        }
        drop(pending);
        self.0.filled.notify_one();
    }

    /// Appends the report of a loss, also to a full queue.
    pub(super) fn push_report(&self, line: &[u8]) {
        self.0.lock().bytes.extend(line);
        self.0.filled.notify_one();
    }

    /// Waits at most `timeout` until all lines are written. Returns whether they
    /// are.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let is_pending = |pending: &mut PendingLines| pending.size() > 0 || pending.dropping;
        let waited = self
            .0
            .emptied
            .wait_timeout_while(self.0.lock(), timeout, is_pending);
        let (_pending, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

impl PendingLines {
    fn size(&self) -> usize {
        self.bytes.len() + self.in_flight
    }
}

impl SharedQueue {
    /// Ignores poisoning: the queue holds whole lines at every point.
    fn lock(&self) -> MutexGuard<'_, PendingLines> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_lost(&self, pending: &mut PendingLines, lines: u64) {
        pending.unreported += lines;
        self.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// The writing thread. Runs for the life of the process.
    fn write_to(&self, mut out: impl Write, report: impl Fn(u64)) {
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            self.take(&mut chunk);
            let lost = write_all(&mut out, &chunk).err().unwrap_or_default();
            if let Some(lines) = self.finish_write(lost) {
                report(lines);
                self.resume();
            }
        }
    }

    /// Waits for lines and moves at most [`CHUNK`] bytes of them to `chunk`.
    fn take(&self, chunk: &mut Vec<u8>) {
        let is_idle = |pending: &mut PendingLines| pending.bytes.is_empty() && !pending.dropping;
        let waited = self.filled.wait_while(self.lock(), is_idle);
        let mut pending = waited.unwrap_or_else(PoisonError::into_inner);
        let size = pending.bytes.len().min(CHUNK);
        chunk.clear();
        chunk.extend(pending.bytes.range(..size));
        pending.bytes.drain(..size);
        pending.in_flight = size;
        if pending.bytes.is_empty() {
            pending.bytes.shrink_to(CHUNK);
        }
    }

    /// Ends a write that lost `lost` lines. Returns the number of lines to report:
    /// `None` until a write succeeds and half of the queue is free, so that a slow
    /// reader gets few reports.
    fn finish_write(&self, lost: u64) -> Option<u64> {
        let mut pending = self.lock();
        pending.in_flight = 0;
        self.count_lost(&mut pending, lost);
        let is_due = lost == 0 && pending.unreported > 0 && pending.size() <= self.limit / 2;
        self.notify_if_empty(&pending);
        is_due.then(|| std::mem::take(&mut pending.unreported))
    }

    /// Accepts lines again.
    fn resume(&self) {
        let mut pending = self.lock();
        pending.dropping = false;
        self.notify_if_empty(&pending);
    }

    fn notify_if_empty(&self, pending: &PendingLines) {
        if pending.size() == 0 && !pending.dropping {
            self.emptied.notify_all();
        }
    }
}

/// Writes all bytes, or returns the number of lines not written completely.
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
