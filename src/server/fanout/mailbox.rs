//! What the rest of the server and one worker share: new readers on their way to
//! the worker, its counters, and the order to stop.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tracing::Span;

use super::counters::WorkerCounters;
use super::pipe::PipeWriter;
use super::socket::{Framing, Socket, WorkerWaker, Written};
#[cfg(feature = "https")]
use super::tls_socket::TlsSocket;
use crate::http::{ConnectionPermit, StreamHandoff};
use crate::server::task_tracker::{TaskToken, TaskTracker};

/// How the rest of the server reaches a worker.
#[derive(Debug)]
pub(super) struct Mailbox {
    new_readers: Mutex<VecDeque<NewReader>>,
    /// The worker's readers, including those on their way. A sum only: nothing
    /// else is ordered by it.
    load: Arc<AtomicUsize>,
    /// Never unset. Set before the worker is woken and checked after each wait,
    /// so that no worker sleeps through it.
    is_stopped: AtomicBool,
    /// Makes the worker panic in its next turn.
    #[cfg(test)]
    pub(super) panics_next: AtomicBool,
    pub(super) waker: Arc<WorkerWaker>,
    pub(super) counters: Arc<WorkerCounters>,
}

/// An event stream that is handed over to the fan-out.
#[derive(Debug)]
pub(in crate::server) struct Handoff {
    /// The response's head and the stream's first event, as far as they are not
    /// written yet.
    pub(in crate::server) first: Bytes,
    pub(in crate::server) stream: StreamHandoff,
}

/// A reader on its way to its worker.
#[derive(Debug)]
pub(super) struct NewReader {
    pub(super) transport: Transport,
    pub(super) handoff: Handoff,
    pub(super) permit: ReaderPermit,
}

/// A reader's share of what is counted; given back when dropped.
#[derive(Debug)]
pub(super) struct ReaderPermit {
    /// `None` for a pipe: the connection stays with hyper and keeps its guard.
    connection: Option<ConnectionGuard>,
    load: Arc<AtomicUsize>,
}

/// What a connection leaves to the worker that gets its socket.
#[derive(Debug)]
pub(super) struct ConnectionGuard {
    /// A shutdown waits for it.
    _task: TaskToken,
    /// Its place among all connections; `None` only in tests.
    _permit: Option<ConnectionPermit>,
    /// The connection's span; `None` unless it is enabled.
    span: Option<Box<Span>>,
}

impl Mailbox {
    /// The mailbox of a worker whose poll has `registry`; its wake-ups are
    /// reported as `token`.
    pub(super) fn new(
        registry: &Registry,
        token: Token,
        counters: WorkerCounters,
    ) -> io::Result<Self> {
        Ok(Self {
            new_readers: Mutex::default(),
            load: Arc::default(),
            is_stopped: AtomicBool::new(false),
            #[cfg(test)]
            panics_next: AtomicBool::new(false),
            waker: Arc::new(WorkerWaker::new(registry, token)?),
            counters: Arc::new(counters),
        })
    }

    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// The permit of a reader that will be posted.
    pub(super) fn permit(&self, connection: Option<ConnectionGuard>) -> ReaderPermit {
        ReaderPermit::new(&self.load, connection)
    }

    /// Adds a reader, or drops it if the worker has stopped.
    pub(super) fn post(&self, reader: NewReader) {
        let mut readers = self.lock();
        if self.is_stopped() {
            return;
        }
        readers.push_back(reader);
        let is_first = readers.len() == 1;
        drop(readers);
        // If others wait, the worker was woken and has not collected them yet.
        if is_first {
            self.waker.notify();
        }
    }

    /// Takes at most `most` new readers, and says whether there are more.
    pub(super) fn collect(&self, most: usize) -> (Vec<NewReader>, bool) {
        #[cfg(test)]
        if self.panics_next.swap(false, Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("a bug"));
        }
        let mut readers = self.lock();
        let count = readers.len().min(most);
        let collected = readers.drain(..count).collect();
        if readers.is_empty() {
            // Frees the memory that a storm of connects needed.
            *readers = VecDeque::new();
        }
        (collected, !readers.is_empty())
    }

    /// Stops the worker, which drops its readers.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.waker.notify();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Drops the readers that a stopped worker did not collect.
    pub(super) fn clear(&self) {
        debug_assert!(self.is_stopped(), "nothing is posted any more");
        let readers = std::mem::take(&mut *self.lock());
        drop(readers);
    }

    /// A panic under the lock can only come from a bug; the others go on.
    fn lock(&self) -> MutexGuard<'_, VecDeque<NewReader>> {
        self.new_readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReaderPermit {
    pub(super) fn new(load: &Arc<AtomicUsize>, connection: Option<ConnectionGuard>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            load: Arc::clone(load),
        }
    }

    /// Runs `log` in the span of the reader's connection.
    pub(super) fn in_span(&self, log: impl FnOnce()) {
        let connection = self.connection.as_ref();
        match connection.and_then(|connection| connection.span.as_ref()) {
            Some(span) => span.in_scope(log),
            None => log(),
        }
    }
}

impl Drop for ReaderPermit {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionGuard {
    /// The guard of the connection whose span is entered.
    pub(super) fn new(tasks: &TaskTracker, permit: Option<ConnectionPermit>) -> Self {
        let span = Span::current();
        Self {
            _task: tasks.token(),
            _permit: permit,
            span: (!span.is_none()).then(|| Box::new(span)),
        }
    }
}

/// A connection over HTTP/1.1 that hyper has given back.
#[derive(Debug)]
pub(in crate::server) enum ClientSocket {
    Clear(std::net::TcpStream),
    /// With its session, after the handshake.
    #[cfg(feature = "https")]
    Tls(std::net::TcpStream, Box<rustls::ServerConnection>),
}

impl From<ClientSocket> for Transport {
    fn from(socket: ClientSocket) -> Self {
        match socket {
            ClientSocket::Clear(tcp) => Self::Tcp(TcpStream::from_std(tcp)),
            #[cfg(feature = "https")]
            ClientSocket::Tls(tcp, session) => {
                Self::Tls(Box::new(TlsSocket::new(TcpStream::from_std(tcp), *session)))
            }
        }
    }
}

/// How a reader's stream reaches its client.
#[derive(Debug)]
pub(super) enum Transport {
    /// HTTP/1.1: the worker has the socket.
    Tcp(TcpStream),
    /// HTTP/1.1 under TLS: the worker has the socket and the session.
    #[cfg(feature = "https")]
    Tls(Box<TlsSocket>),
    /// hyper has the connection, and the worker the write half of its body.
    Pipe(PipeWriter),
}

impl Transport {
    /// Makes the worker's poll report under `token` that it is writable, or that
    /// its client is gone.
    pub(super) fn register(&mut self, registry: &Registry, token: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(socket) => registry.register(socket, Token(token), interest),
            #[cfg(feature = "https")]
            Self::Tls(socket) => registry.register(&mut socket.tcp, Token(token), interest),
            Self::Pipe(pipe) => {
                pipe.register(token);
                Ok(())
            }
        }
    }
}

impl Read for Transport {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(bytes),
            #[cfg(feature = "https")]
            Self::Tls(socket) => socket.read(bytes),
            Self::Pipe(pipe) => pipe.read(bytes),
        }
    }
}

impl Socket for Transport {
    fn framing(&self) -> Framing {
        match self {
            Self::Tcp(socket) => socket.framing(),
            #[cfg(feature = "https")]
            Self::Tls(socket) => socket.framing(),
            Self::Pipe(pipe) => pipe.framing(),
        }
    }

    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        events: impl Iterator<Item = &'a Bytes>,
        joined: impl FnOnce() -> B,
    ) -> Written {
        match self {
            Self::Tcp(socket) => socket.send(events, joined),
            #[cfg(feature = "https")]
            Self::Tls(socket) => socket.send(events, joined),
            Self::Pipe(pipe) => pipe.send(events, joined),
        }
    }

    fn flush(&mut self) -> Written {
        match self {
            Self::Tcp(socket) => socket.flush(),
            #[cfg(feature = "https")]
            Self::Tls(socket) => socket.flush(),
            Self::Pipe(pipe) => pipe.flush(),
        }
    }

    fn finish(&mut self) {
        match self {
            Self::Tcp(socket) => socket.finish(),
            #[cfg(feature = "https")]
            Self::Tls(socket) => socket.finish(),
            Self::Pipe(pipe) => pipe.finish(),
        }
    }

    fn can_stall(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.can_stall(),
            #[cfg(feature = "https")]
            Self::Tls(socket) => socket.can_stall(),
            Self::Pipe(pipe) => pipe.can_stall(),
        }
    }

    fn abandon(&mut self) {
        match self {
            Self::Tcp(socket) => socket.abandon(),
            #[cfg(feature = "https")]
            Self::Tls(socket) => socket.abandon(),
            Self::Pipe(pipe) => pipe.abandon(),
        }
    }
}
