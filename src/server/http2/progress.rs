//! What the parts of a connection report to each other: what its client sends, what
//! it has not read, and since when.
//!
//! All parts run in the connection's one task, so the atomics order nothing.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::time::Instant;

use super::credit::FrameCredit;

/// No time: it has not happened.
const NEVER: u64 = u64::MAX;

/// A time on the clock of a connection, or never.
#[derive(Debug)]
pub(super) struct Moment(AtomicU64);

impl Moment {
    pub(super) const fn never() -> Self {
        Self(AtomicU64::new(NEVER))
    }

    pub(super) fn clear(&self) {
        self.0.store(NEVER, Ordering::Relaxed);
    }

    /// Sets it, unless it is set.
    pub(super) fn begin(&self, state: &ConnectionState) {
        if self.is_never() {
            self.set(state);
        }
    }

    pub(super) fn set(&self, state: &ConnectionState) {
        self.0.store(state.now(), Ordering::Relaxed);
    }

    pub(super) fn is_never(&self) -> bool {
        self.0.load(Ordering::Relaxed) == NEVER
    }

    /// `time` after it; `None` for never, or beyond the range of the clock.
    pub(super) fn after(&self, state: &ConnectionState, time: Duration) -> Option<Instant> {
        let moment = self.0.load(Ordering::Relaxed);
        let moment = (moment != NEVER).then(|| Duration::from_millis(moment))?;
        state.start.checked_add(moment)?.checked_add(time)
    }
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    start: Instant,
    /// When its first byte came.
    pub(super) first_byte: Moment,
    /// Since when a header block has been arriving.
    pub(super) head: Moment,
    /// Since when the socket has been full.
    pub(super) blocked: Moment,
    /// Everything that was written is with the kernel.
    pub(super) is_flushed: AtomicBool,
    /// A request has arrived.
    pub(super) has_request: AtomicBool,
    /// The last answer was made, or the server stops: the connection is to close.
    pub(super) is_last: AtomicBool,
    /// The client has sent too many frames that cause nothing.
    pub(super) is_flooded: AtomicBool,
    /// The highest number of a stream that the client has opened.
    pub(super) last_stream: AtomicU32,
    /// What the client may send.
    pub(super) credit: FrameCredit,
    /// Chunks of all streams that hyper has and the socket has not.
    unwritten: AtomicUsize,
}

impl ConnectionState {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            first_byte: Moment::never(),
            head: Moment::never(),
            blocked: Moment::never(),
            is_flushed: AtomicBool::new(true),
            has_request: AtomicBool::new(false),
            is_last: AtomicBool::new(false),
            is_flooded: AtomicBool::new(false),
            last_stream: AtomicU32::new(0),
            credit: FrameCredit::new(),
            unwritten: AtomicUsize::new(0),
        }
    }

    /// `time` after the start.
    pub(super) fn after_start(&self, time: Duration) -> Option<Instant> {
        self.start.checked_add(time)
    }

    /// Milliseconds since the start.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    /// Whether hyper has something that the client has to make room for.
    pub(super) fn has_unwritten(&self) -> bool {
        self.unwritten.load(Ordering::Relaxed) > 0
    }
}

/// What a stream has to write, and since when it has written nothing.
#[derive(Debug)]
pub(super) struct StreamProgress {
    connection: Arc<ConnectionState>,
    /// Chunks that hyper has and the socket has not.
    unwritten: AtomicUsize,
    /// When it last wrote something, or got something to write.
    since: Moment,
    /// When its answer was made; never for an event stream.
    answered: Moment,
    /// It is an event stream.
    is_events: AtomicBool,
    /// The body, once it waits until all is written.
    body: Mutex<Option<Waker>>,
}

impl StreamProgress {
    pub(super) fn new(connection: &Arc<ConnectionState>) -> Arc<Self> {
        Arc::new(Self {
            connection: Arc::clone(connection),
            unwritten: AtomicUsize::new(0),
            since: Moment::never(),
            answered: Moment::never(),
            is_events: AtomicBool::new(false),
            body: Mutex::default(),
        })
    }

    /// An answer was made that is not an event stream.
    pub(super) fn answered(&self) {
        self.answered.set(&self.connection);
        self.connection.credit.answered();
    }

    /// An event stream begins.
    pub(super) fn begins_events(&self) {
        self.is_events.store(true, Ordering::Relaxed);
        self.connection.credit.answered();
    }

    pub(super) fn is_events(&self) -> bool {
        self.is_events.load(Ordering::Relaxed)
    }

    /// A chunk of this stream, for hyper.
    pub(super) fn chunk(self: &Arc<Self>, bytes: Bytes) -> Chunk {
        if self.unwritten.fetch_add(1, Ordering::Relaxed) == 0 {
            self.since.set(&self.connection);
        }
        self.connection.unwritten.fetch_add(1, Ordering::Relaxed);
        Chunk {
            bytes,
            stream: Arc::clone(self),
        }
    }

    pub(super) fn is_written(&self) -> bool {
        self.unwritten.load(Ordering::Relaxed) == 0
    }

    /// Whether all is written; if not, `waker` is woken once it is.
    pub(super) fn poll_written(&self, waker: &Waker) -> bool {
        let is_written = self.is_written();
        if !is_written {
            *self.lock_body() = Some(waker.clone());
        }
        is_written
    }

    /// When the client has read nothing for too long, or not all of an answer in
    /// time; `None` while there is nothing to read.
    pub(super) fn ends_at(&self, stall: Duration, answer: Duration) -> Option<Instant> {
        if self.is_written() {
            return None;
        }
        let stalled = self.since.after(&self.connection, stall);
        let unread = self.answered.after(&self.connection, answer);
        stalled.into_iter().chain(unread).min()
    }

    fn wrote(&self) {
        self.since.set(&self.connection);
    }

    fn wrote_chunk(&self) {
        self.connection.unwritten.fetch_sub(1, Ordering::Relaxed);
        self.connection.credit.wrote();
        if self.unwritten.fetch_sub(1, Ordering::Relaxed) == 1 {
            let body = self.lock_body().take();
            if let Some(body) = body {
                body.wake();
            }
        }
    }

    /// A panic under the lock can only come from a bug; other streams go on.
    fn lock_body(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of a body. hyper and h2 keep it until it is written, so its drop says
/// that it is, or that its stream has ended.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Bytes,
    stream: Arc<StreamProgress>,
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if self.bytes.has_remaining() {
            self.stream.wrote();
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.stream.wrote_chunk();
    }
}
