//! A bounded pipe from a worker to a body of hyper's: the transport of readers
//! whose connection stays with hyper.
//!
//! The write half is a [`Socket`] like any other. A full pipe would block. A
//! read of a pipe that was found full, and the drop of the body, ring the
//! worker with the reader's token, as the poll does for a TCP socket. The read
//! half is a body: it ends when the worker has finished the stream, and fails
//! when the write half is dropped before, so that the client sees a cut.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use http_body::Frame;

use super::mailbox::Mailbox;
use super::socket::{Framing, Socket};
use crate::http::PIECE_BYTES;

/// Most bytes that wait in a pipe. A client that takes nothing costs as much,
/// beside the piece that hyper has taken of it and the one that it holds.
const PIPE_BYTES: usize = PIECE_BYTES;

/// The stream was cut: its worker ended before the stream did, or gave the
/// reader up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Cut;

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
    bytes: Vec<u8>,
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

impl State {
    /// A single event takes what it needs; with more to come, all of the pipe's
    /// room is allocated at once, so that growing never takes twice of it.
    fn push(&mut self, bytes: &[u8]) {
        let room = match self.bytes.is_empty() {
            true => bytes.len(),
            false => PIPE_BYTES - self.bytes.len(),
        };
        self.bytes.reserve_exact(room);
        self.bytes.extend_from_slice(bytes);
    }
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

/// A pipe for a reader of the worker of `mailbox`.
pub(super) fn pipe(mailbox: &Arc<Mailbox>) -> (PipeWriter, PipeBody) {
    let pipe = Arc::new(Pipe {
        state: Mutex::default(),
        mailbox: Arc::clone(mailbox),
    });
    (PipeWriter(Arc::clone(&pipe)), PipeBody(pipe))
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
}

impl PipeWriter {
    /// Writes what fits of a stream's first event, and gives the rest back.
    pub(super) fn write_first(&mut self, mut first: Bytes) -> Bytes {
        // Nothing else was written, and the body is not read yet.
        let written = self.write(&first).unwrap_or_default();
        first.advance(written);
        first
    }

    /// From now on the worker is rung with `token`: at once, if the body is
    /// gone already.
    pub(super) fn register(&mut self, token: usize) {
        let mut state = self.0.lock();
        state.token = Some(token);
        let is_closed = state.is_closed;
        drop(state);
        if is_closed {
            self.0.mailbox.ring_for(token);
        }
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.is_closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = PIPE_BYTES.saturating_sub(state.bytes.len());
        let written = room.min(bytes.len());
        if written == 0 && !bytes.is_empty() {
            state.was_full = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        drop(state);
        // Only this half adds bytes, so there is still room for them.
        self.0.change(|state| state.push(&bytes[..written]));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

    fn finish(&mut self) {
        self.0.change(|state| state.end = Some(End::Finished));
    }

    fn abandon(&mut self) {
        self.0.change(|state| {
            state.bytes = Vec::new();
            state.end = Some(End::Cut);
        });
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

    /// All that was written since the last time.
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let mut state = self.0.lock();
        if !state.bytes.is_empty() {
            let bytes = Bytes::from(std::mem::take(&mut state.bytes));
            let was_full = std::mem::take(&mut state.was_full);
            let token = state.token.filter(|_| was_full);
            drop(state);
            if let Some(token) = token {
                self.0.mailbox.ring_for(token);
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match state.end {
            Some(End::Finished) => Poll::Ready(None),
            Some(End::Cut) => Poll::Ready(Some(Err(Cut))),
            None => {
                state.body = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        state.bytes.is_empty() && state.end == Some(End::Finished)
    }
}

impl Drop for PipeBody {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        state.bytes = Vec::new();
        state.body = None;
        let token = state.token;
        drop(state);
        if let Some(token) = token {
            self.0.mailbox.ring_for(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use http_body::Body as _;
    use mio::{Poll as MioPoll, Token};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A pipe whose reader is `7` to its worker, and what it wakes.
    struct Both {
        writer: PipeWriter,
        body: PipeBody,
        mailbox: Arc<Mailbox>,
        wakes: Arc<Wakes>,
        _poll: MioPoll,
    }

    impl Both {
        fn new() -> Self {
            let poll = MioPoll::new().unwrap();
            let mailbox = Arc::new(Mailbox::new(poll.registry(), Token(0)).unwrap());
            let (mut writer, body) = pipe(&mailbox);
            writer.register(7);
            Self {
                writer,
                body,
                mailbox,
                wakes: Arc::default(),
                _poll: poll,
            }
        }

        fn read(&mut self) -> Poll<Option<Result<usize, Cut>>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            let frame = Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(&waker));
            frame
                .map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap().len())))
        }

        fn write(&mut self, bytes: usize) -> Result<usize, ErrorKind> {
            let written = self.writer.write(&vec![b'x'; bytes]);
            written.map_err(|error| error.kind())
        }

        fn woken(&self) -> usize {
            self.wakes.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn what_is_written_comes_as_one_piece_and_wakes_the_body_once() {
        let mut both = Both::new();
        assert_eq!(both.read(), Poll::Pending);
        assert_eq!((both.write(3), both.write(4)), (Ok(3), Ok(4)));
        assert_eq!(both.woken(), 1);
        assert_eq!(both.read(), Poll::Ready(Some(Ok(7))));
        assert_eq!(both.read(), Poll::Pending);
        assert_eq!(both.mailbox.rung(), [0; 0], "the writer waits for nothing");
    }

    #[test]
    fn a_full_pipe_blocks_and_rings_when_it_is_read() {
        let mut both = Both::new();
        assert_eq!(both.write(PIPE_BYTES - 1), Ok(PIPE_BYTES - 1));
        assert_eq!(both.write(2), Ok(1), "as much as fits");
        for _ in 0..2 {
            assert_eq!(both.write(1), Err(ErrorKind::WouldBlock));
        }
        assert_eq!(both.read(), Poll::Ready(Some(Ok(PIPE_BYTES))));
        assert_eq!(both.mailbox.rung(), [7]);
        assert_eq!(both.write(1), Ok(1));
        assert_eq!(both.read(), Poll::Ready(Some(Ok(1))));
        assert_eq!(both.mailbox.rung(), [0; 0]);
    }

    #[test]
    fn a_finished_pipe_ends_after_what_was_written() {
        let mut both = Both::new();
        assert_eq!(both.read(), Poll::Pending);
        both.write(1).unwrap();
        both.writer.finish();
        assert!(!both.body.is_end_stream());
        assert_eq!(both.read(), Poll::Ready(Some(Ok(1))));
        assert!(both.body.is_end_stream());
        assert_eq!(both.read(), Poll::Ready(None));
    }

    #[test]
    fn a_pipe_whose_writer_is_gone_fails_after_what_was_written() {
        let mut both = Both::new();
        assert_eq!(both.read(), Poll::Pending);
        both.write(1).unwrap();
        let (writer, _) = pipe(&both.mailbox);
        drop(std::mem::replace(&mut both.writer, writer));
        assert_eq!(both.woken(), 1);
        assert_eq!(both.read(), Poll::Ready(Some(Ok(1))));
        assert_eq!(both.read(), Poll::Ready(Some(Err(Cut))));
        assert!(!both.body.is_end_stream());
    }

    #[test]
    fn an_abandoned_pipe_fails_at_once() {
        let mut both = Both::new();
        both.write(1).unwrap();
        both.writer.abandon();
        assert_eq!(both.read(), Poll::Ready(Some(Err(Cut))));
    }

    #[test]
    fn a_dropped_body_rings_and_takes_nothing_more() {
        let both = Both::new();
        let (mut writer, mailbox) = (both.writer, both.mailbox);
        assert_eq!(
            writer.read(&mut [0]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        drop(both.body);
        assert_eq!(mailbox.rung(), [7]);
        assert_eq!(writer.read(&mut [0]).unwrap(), 0);
        assert_eq!(
            writer.write(b"x").unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    }

    #[test]
    fn a_body_that_is_dropped_before_the_worker_knows_it_rings_then() {
        let both = Both::new();
        let (mut writer, body) = pipe(&both.mailbox);
        drop(body);
        assert_eq!(both.mailbox.rung(), [0; 0]);
        writer.register(9);
        assert_eq!(both.mailbox.rung(), [9]);
    }

    #[test]
    fn a_reader_that_ended_is_rung_for_no_more() {
        let both = Both::new();
        drop(both.writer);
        drop(both.body);
        assert_eq!(both.mailbox.rung(), [0; 0], "its token may be another's");
    }
}
