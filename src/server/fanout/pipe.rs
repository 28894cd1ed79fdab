//! A bounded pipe from a worker to a hyper body: the transport of readers whose
//! connection stays with hyper.
//!
//! The write half is a [`Socket`]; a full pipe "would block". A read from a full
//! pipe, and the drop of the body, wake the worker with the reader's token, as the
//! poll does for a TCP socket. The read half is a body: it ends when the worker
//! has finished the stream, and fails when the write half is dropped before that,
//! so that the client sees a broken stream.
//!
//! A pipe holds whole events by reference: all readers of a room, and history,
//! share their bytes. What hyper reads is joined into one piece.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http_body::Frame;

use super::socket::{Framing, Socket, WorkerWaker, Written};
use crate::http::{MAX_WRITE_BYTES, PIECE_BYTES};

/// Most bytes in a pipe, unless it is a single event: one write of a worker.
const PIPE_BYTES: usize = MAX_WRITE_BYTES;

/// The error of a body whose worker ended before the stream did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamCut;

impl fmt::Display for StreamCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event stream was cut")
    }
}

impl std::error::Error for StreamCut {}

/// What both halves share.
#[derive(Debug)]
struct Pipe {
    state: Mutex<PipeState>,
    worker: Arc<WorkerWaker>,
}

#[derive(Debug, Default)]
struct PipeState {
    /// Written and not read. Nothing is allocated while it is empty.
    events: VecDeque<Bytes>,
    /// The sum of their bytes.
    bytes: usize,
    end: Option<PipeEnd>,
    /// The body was dropped.
    is_closed: bool,
    /// The writer found no room: the next read wakes the worker.
    was_full: bool,
    /// The reader's token, once it is registered with the worker.
    token: Option<usize>,
    /// The task that waits for bytes or the end.
    body: Option<Waker>,
}

/// How the write half ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PipeEnd {
    Finished,
    Cut,
}

/// The worker's half.
#[derive(Debug)]
pub(super) struct PipeWriter(Arc<Pipe>);

/// The half that hyper reads.
#[derive(Debug)]
pub(in crate::server) struct PipeBody(Arc<Pipe>);

/// A pipe from `worker` that already holds the stream's first event.
pub(super) fn pipe(worker: &Arc<WorkerWaker>, first: Bytes) -> (PipeWriter, PipeBody) {
    let pipe = Arc::new(Pipe {
        state: Mutex::new(PipeState {
            bytes: first.len(),
            events: VecDeque::from([first]),
            ..PipeState::default()
        }),
        worker: Arc::clone(worker),
    });
    (PipeWriter(Arc::clone(&pipe)), PipeBody(pipe))
}

impl PipeState {
    /// Takes as many of the events as there is room for. Returns their bytes, and
    /// whether these were all events.
    fn push<'a>(&mut self, events: impl Iterator<Item = &'a Bytes>) -> (usize, bool) {
        let before = self.bytes;
        for event in events {
            if self.bytes > 0 && self.bytes + event.len() > PIPE_BYTES {
                self.was_full = self.bytes == before;
                return (self.bytes - before, false);
            }
            self.bytes += event.len();
            self.events.push_back(event.clone());
        }
        (self.bytes - before, true)
    }

    /// Removes a piece for hyper: at most [`PIECE_BYTES`], or one event.
    fn pop(&mut self) -> Option<Bytes> {
        let first = self.events.pop_front()?;
        let mut piece = BytesMut::new();
        let mut bytes = first.len();
        while let Some(next) = self.events.front()
            && bytes + next.len() <= PIECE_BYTES
        {
            if piece.is_empty() {
                piece.reserve(PIECE_BYTES.min(self.bytes));
                piece.extend_from_slice(&first);
            }
            piece.extend_from_slice(next);
            bytes += next.len();
            self.events.pop_front();
        }
        self.bytes -= bytes;
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        Some(match piece.is_empty() {
            true => first,
            false => piece.freeze(),
        })
    }

    fn clear(&mut self) {
        self.events = VecDeque::new();
        self.bytes = 0;
    }
}

impl Pipe {
    /// A panic under the lock can only come from a bug; other pipes go on.
    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state. The worker wakes the body's task in this turn.
    fn change<T>(&self, change: impl FnOnce(&mut PipeState) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        let body = state.body.take();
        drop(state);
        if let Some(body) = body {
            self.worker.wake_soon(body);
        }
        changed
    }

    /// Wakes the worker, if the reader is registered with it.
    fn notify_worker(&self, token: Option<usize>) {
        if let Some(token) = token {
            self.worker.notify_for(token);
        }
    }
}

impl PipeWriter {
    /// Sets the token with which the worker is woken: at once, if the body was
    /// dropped already.
    pub(super) fn register(&mut self, token: usize) {
        let mut state = self.0.lock();
        state.token = Some(token);
        let is_closed = state.is_closed;
        drop(state);
        self.0.notify_worker(is_closed.then_some(token));
    }
}

impl Read for PipeWriter {
    /// A body sends nothing; its drop is the end of input.
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0.lock().is_closed {
            true => Ok(0),
            false => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Socket for PipeWriter {
    fn framing(&self) -> Framing {
        Framing::Bare
    }

    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        events: impl Iterator<Item = &'a Bytes>,
        _: impl FnOnce() -> B,
    ) -> Written {
        self.0.change(|state| {
            if state.is_closed {
                return Written::Failed(ErrorKind::BrokenPipe.into());
            }
            match state.push(events) {
                (_, true) => Written::All,
                (bytes, false) => Written::Partial(bytes),
            }
        })
    }

    fn finish(&mut self) {
        self.0.change(|state| state.end = Some(PipeEnd::Finished));
    }

    fn can_stall(&self) -> bool {
        false
    }

    fn abandon(&mut self) {
        self.0.lock().clear();
    }
}

impl Drop for PipeWriter {
    /// The worker may have ended, so the body's task is woken at once.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.token = None;
        state.end.get_or_insert(PipeEnd::Cut);
        let body = state.body.take();
        drop(state);
        if let Some(body) = body {
            body.wake();
        }
    }
}

#[cfg(test)]
impl PipeBody {
    /// Whether nothing more will be written.
    pub(super) fn has_end(&self) -> bool {
        self.0.lock().end.is_some()
    }
}

impl http_body::Body for PipeBody {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        let mut state = self.0.lock();
        if let Some(piece) = state.pop() {
            let was_full = std::mem::take(&mut state.was_full);
            let token = state.token.filter(|_| was_full);
            drop(state);
            self.0.notify_worker(token);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match state.end {
            Some(PipeEnd::Finished) => Poll::Ready(None),
            Some(PipeEnd::Cut) => Poll::Ready(Some(Err(StreamCut))),
            None => {
                match &mut state.body {
                    Some(known) => known.clone_from(cx.waker()),
                    None => state.body = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        state.events.is_empty() && state.end == Some(PipeEnd::Finished)
    }
}

impl Drop for PipeBody {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        state.clear();
        state.body = None;
        let token = state.token;
        drop(state);
        self.0.notify_worker(token);
    }
}

#[cfg(test)]
mod tests;
