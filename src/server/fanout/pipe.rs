//! A bounded pipe from a worker to a body of hyper's: the transport of readers
//! whose connection stays with hyper.
//!
//! The write half is a [`Socket`] like any other. A full pipe would block. A
//! read of a pipe that was found full, and the drop of the body, ring the
//! worker with the reader's token, as the poll does for a TCP socket. The read
//! half is a body: it ends when the worker has finished the stream, and fails
//! when the write half is dropped before, so that the client sees a cut.
//!
//! A pipe holds whole events by reference, not copies of them: all readers of a
//! room, and history, share their bytes. What hyper takes is joined into one piece.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http_body::Frame;

use super::mailbox::Mailbox;
use super::socket::{Framing, Socket, Written};
use crate::http::{MAX_WRITE_BYTES, PIECE_BYTES};

/// Most bytes that wait in a pipe: one write of a worker, or one event.
const PIPE_BYTES: usize = MAX_WRITE_BYTES;

/// The stream was cut: its worker ended before the stream did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event stream was cut")
    }
}

impl std::error::Error for Cut {}

/// What both halves share.
#[derive(Debug)]
struct Pipe {
    state: Mutex<State>,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug, Default)]
struct State {
    /// Written and not read. Nothing is allocated while it is empty.
    events: VecDeque<Bytes>,
    /// The sum of their bytes.
    bytes: usize,
    end: Option<End>,
    /// The body was dropped.
    is_closed: bool,
    /// The writer found no room. The next read rings the worker.
    was_full: bool,
    /// What the worker calls the reader, once it knows it.
    token: Option<usize>,
    /// The body waits for bytes or the end.
    body: Option<Waker>,
}

/// How the write half ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    Cut,
}

/// The worker's half.
#[derive(Debug)]
pub(super) struct PipeWriter(Arc<Pipe>);

/// The half that hyper reads.
#[derive(Debug)]
pub(in crate::server) struct PipeBody(Arc<Pipe>);

/// A pipe for a reader of the worker of `mailbox`, with the stream's first event.
pub(super) fn pipe(mailbox: &Arc<Mailbox>, first: Bytes) -> (PipeWriter, PipeBody) {
    let pipe = Arc::new(Pipe {
        state: Mutex::new(State {
            bytes: first.len(),
            events: VecDeque::from([first]),
            ..State::default()
        }),
        mailbox: Arc::clone(mailbox),
    });
    (PipeWriter(Arc::clone(&pipe)), PipeBody(pipe))
}

impl State {
    /// Takes as many of the events as there is room for. How many bytes that was,
    /// and whether it was all of them.
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

    /// Takes out a piece for hyper: at most [`PIECE_BYTES`], or one event.
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes the body without the lock.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        let body = state.body.take();
        drop(state);
        if let Some(body) = body {
            body.wake();
        }
        changed
    }

    /// Rings the worker, if it knows the reader.
    fn ring(&self, token: Option<usize>) {
        if let Some(token) = token {
            self.mailbox.ring_for(token);
        }
    }
}

impl PipeWriter {
    /// From now on the worker is rung with `token`: at once, if the body is
    /// gone already.
    pub(super) fn register(&mut self, token: usize) {
        let mut state = self.0.lock();
        state.token = Some(token);
        let is_closed = state.is_closed;
        drop(state);
        self.0.ring(is_closed.then_some(token));
    }
}

impl Read for PipeWriter {
    /// A body sends nothing back; its drop is the end.
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
                return Written::Gone(ErrorKind::BrokenPipe.into());
            }
            match state.push(events) {
                (_, true) => Written::All,
                (bytes, false) => Written::Part(bytes),
            }
        })
    }

    fn finish(&mut self) {
        self.0.change(|state| state.end = Some(End::Finished));
    }

    fn can_stall(&self) -> bool {
        false
    }

    fn abandon(&mut self) {
        self.0.lock().clear();
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.token = None;
            state.end.get_or_insert(End::Cut);
        });
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
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let mut state = self.0.lock();
        if let Some(piece) = state.pop() {
            let was_full = std::mem::take(&mut state.was_full);
            let token = state.token.filter(|_| was_full);
            drop(state);
            self.0.ring(token);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match state.end {
            Some(End::Finished) => Poll::Ready(None),
            Some(End::Cut) => Poll::Ready(Some(Err(Cut))),
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
        state.events.is_empty() && state.end == Some(End::Finished)
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
        self.0.ring(token);
    }
}

#[cfg(test)]
mod tests;
