//! What a worker writes to: a non-blocking [`Socket`], implemented by TCP sockets
//! here, by TLS sessions in `tls_socket` and by pipes in `pipe`; and the waker of a
//! worker's poll, which stands in for the readiness events that a pipe does not have.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use mio::net::TcpStream;
use mio::{Registry, Token};
use socket2::SockRef;
use tokio::runtime::Handle;

use crate::sse::{Encoded, LAST_CHUNK};

/// Bytes that a client may send after its request. They are discarded; a browser
/// or a proxy that sends a few is not disconnected for it.
const MAX_JUNK_BYTES: usize = 64 * 1024;

/// A socket that never blocks.
pub(super) trait Socket: Read {
    /// How events are framed on it.
    fn framing(&self) -> Framing;

    /// Writes `events` in one write. `joined` returns all of them in one piece,
    /// for sockets that copy.
    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        events: impl Iterator<Item = &'a Bytes>,
        joined: impl FnOnce() -> B,
    ) -> Written;

    /// Writes a part of an event.
    fn send_one(&mut self, bytes: &Bytes) -> Written {
        self.send(std::iter::once(bytes), || bytes)
    }

    /// Writes what counts as written and is still with the socket. A TCP socket and a
    /// pipe have nothing.
    fn flush(&mut self) -> Written {
        Written::All
    }

    /// Ends the stream: nothing more will be written.
    fn finish(&mut self);

    /// Whether the worker closes it when its client reads nothing for too long.
    /// hyper's connections do that themselves, by the same limit: only they see
    /// what their client reads.
    fn can_stall(&self) -> bool;

    /// Makes the drop of this socket discard what the client has not read.
    fn abandon(&mut self);
}

/// The outcome of a write.
#[derive(Debug)]
pub(super) enum Written {
    /// The socket took all bytes.
    All,
    /// It took this many bytes, perhaps 0, and is full.
    Partial(usize),
    /// The connection is gone.
    Failed(io::Error),
}

/// What surrounds the events of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Framing {
    /// Each event is a chunk (RFC 9112, section 7.1).
    Chunked,
    /// Nothing: hyper frames the body.
    Bare,
}

impl Framing {
    /// An event as it is written.
    pub(super) fn frame(self, event: &Encoded) -> Bytes {
        match self {
            Self::Chunked => event.chunk().clone(),
            Self::Bare => event.text(),
        }
    }

    /// The last event, with the end of the body.
    pub(super) fn frame_last(self, event: &Encoded) -> Bytes {
        match self {
            Self::Chunked => [event.chunk(), LAST_CHUNK].concat().into(),
            Self::Bare => event.text(),
        }
    }
}

impl Socket for TcpStream {
    fn framing(&self) -> Framing {
        Framing::Chunked
    }

    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        _: impl Iterator<Item = &'a Bytes>,
        joined: impl FnOnce() -> B,
    ) -> Written {
        write(self, joined().as_ref())
    }

    fn finish(&mut self) {
        // It fails only if the connection is gone already.
        let _ = self.shutdown(Shutdown::Write);
    }

    fn can_stall(&self) -> bool {
        true
    }

    fn abandon(&mut self) {
        let _ = SockRef::from(&*self).set_linger(Some(Duration::ZERO));
    }
}

/// One non-blocking write.
pub(super) fn write(socket: &mut impl Write, bytes: &[u8]) -> Written {
    loop {
        return match socket.write(bytes) {
            Ok(written) if written == bytes.len() => Written::All,
            Ok(0) => Written::Failed(ErrorKind::WriteZero.into()),
            Ok(written) => Written::Partial(written),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Written::Partial(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Written::Failed(error),
        };
    }
}

/// Where a write of several events broke off: how many were written whole, and
/// the rest of the one that was written in part, if there is one.
pub(super) fn split_partial<'a>(
    events: impl IntoIterator<Item = &'a Bytes>,
    mut written: usize,
) -> (usize, Option<Bytes>) {
    let mut whole = 0;
    for event in events {
        if written < event.len() {
            let mut rest = event.clone();
            rest.advance(written);
            return (whole, (written > 0).then_some(rest));
        }
        written -= event.len();
        whole += 1;
    }
    (whole, None)
}

/// Reads and discards what a client sends after its request; `junk` counts its
/// bytes.
///
/// # Errors
///
/// When the client has closed its half, which ends the stream as it does in
/// hyper, or sends too much.
pub(super) fn read_junk(socket: &mut impl Read, junk: &mut usize) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => *junk += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if *junk > MAX_JUNK_BYTES {
            return Err(io::Error::other("the client sent data after its request"));
        }
    }
}

/// Tasks that a worker wakes together.
const BODIES_WOKEN_TOGETHER: usize = 64;
/// Fewer are woken one by one.
const MIN_BODIES_WOKEN_TOGETHER: usize = 3;

/// Wakes a worker's poll, and lists the readers whose pipes are ready. For the worker
/// it lists the tasks that it is to wake.
#[derive(Debug)]
pub(super) struct WorkerWaker {
    poll: mio::Waker,
    /// Tokens of readers whose pipe has room again or lost its body: at most
    /// twice as many as there are pipes.
    ready: Mutex<Vec<usize>>,
    /// Tasks whose pipe the worker has written to in this turn.
    bodies: Mutex<Vec<Waker>>,
    /// The runtime of these tasks.
    runtime: Option<Handle>,
}

impl WorkerWaker {
    /// A waker whose wake-ups the poll reports as `token`.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self {
            poll: mio::Waker::new(registry, token)?,
            ready: Mutex::default(),
            bodies: Mutex::default(),
            runtime: Handle::try_current().ok(),
        })
    }

    /// Wakes the worker.
    pub(super) fn notify(&self) {
        if let Err(error) = self.poll.wake() {
            // It can't fail while the worker lives.
            tracing::debug!(%error, "a worker can't be woken");
        }
    }

    /// Wakes the worker for one reader, whose pipe is ready.
    pub(super) fn notify_for(&self, token: usize) {
        // A panic under the lock can only come from a bug; the others go on.
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.push(token);
        let is_first = ready.len() == 1;
        drop(ready);
        if is_first {
            self.notify();
        }
    }

    /// The readers whose pipes became ready since the last call.
    pub(super) fn take_ready(&self) -> Vec<usize> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut ready)
    }

    /// Wakes `body` at the end of the worker's turn at the latest.
    pub(super) fn wake_soon(&self, body: Waker) {
        let mut bodies = self.lock_bodies();
        bodies.push(body);
        if bodies.len() >= BODIES_WOKEN_TOGETHER {
            self.wake_together(&mut bodies);
        }
    }

    /// The worker's turn ends.
    pub(super) fn wake_bodies(&self) {
        self.wake_together(&mut self.lock_bodies());
    }

    /// Wakes the tasks from within their runtime, if there are many: each wake-up from
    /// another thread would be a system call, and may switch threads.
    fn wake_together(&self, bodies: &mut Vec<Waker>) {
        match &self.runtime {
            Some(runtime) if bodies.len() >= MIN_BODIES_WOKEN_TOGETHER => {
                let bodies = std::mem::take(bodies);
                runtime.spawn(async move { bodies.into_iter().for_each(Waker::wake) });
            }
            _ => bodies.drain(..).for_each(Waker::wake),
        }
    }

    /// Only the worker locks it. A panic under the lock can only come from a bug; the
    /// others go on.
    fn lock_bodies(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WorkerWaker {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_ends_between_events_or_within_one() {
        let events = ["abc", "d", "ef"].map(Bytes::from);
        let after = |written| split_partial(&events, written);
        assert_eq!(after(0), (0, None));
        assert_eq!(after(1), (0, Some("bc".into())));
        assert_eq!(after(3), (1, None));
        assert_eq!(after(4), (2, None));
        assert_eq!(after(5), (2, Some("f".into())));
        assert_eq!(after(6), (3, None));
    }
}
