//! The socket that hyper reads and writes. It observes what passes: whether
//! everything is flushed, whether the client sends and reads anything, and whether
//! hyper refuses a head, which the server then does itself.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body_gate::BodyGate;
use super::client_stream::ClientStream;
use super::hyper_refusal;
use super::timeouts::Timeouts;

/// A connection whose state is tracked. hyper flushes after its last write, so a
/// flush means that the kernel has everything.
pub(super) struct TrackedIo<'a> {
    pub(super) stream: ClientStream,
    /// The next write is deferred by one turn of the runtime.
    pub(super) is_deferred: bool,
    pub(super) flushed: &'a AtomicBool,
    /// Opens when everything is flushed.
    pub(super) gate: &'a BodyGate,
    pub(super) timeouts: &'a Timeouts,
    /// Bytes that were read from the socket before; hyper reads them first.
    pub(super) ahead: Bytes,
    /// The status with which hyper refused a head. Its response is not written.
    pub(super) refused: Option<StatusCode>,
}

impl AsyncRead for TrackedIo<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..length]);
            self.ahead.advance(length);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.timeouts.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TrackedIo<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = match hyper_refusal::at_end(bytes) {
            Some((status, length)) if length == bytes.len() => {
                self.refused = Some(status);
                return Poll::Ready(Ok(length));
            }
            // An earlier response is written first.
            Some((_, length)) => &bytes[..bytes.len() - length],
            None => bytes,
        };
        self.flushed.store(false, Ordering::Relaxed);
        self.timeouts.writes();
        if std::mem::take(&mut self.is_deferred) {
            // Other requests that have arrived are answered in the same turn: a
            // client with many connections is woken once for many small writes,
            // not once for each.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.timeouts.wrote(written.is_ready());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.flushed.store(true, Ordering::Relaxed);
        // The gate has already made this body wait one turn of the runtime, so the
        // next piece is not deferred again.
        self.is_deferred = !self.gate.open(cx);
        self.timeouts.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
