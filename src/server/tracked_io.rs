//! The socket as hyper sees it, and what is seen of it on the way: whether
//! everything is flushed, whether the other side sends and takes anything, and
//! whether hyper refuses a head, which the server then does itself.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::gate::Gate;
use super::hyper_refusal;
use super::timeouts::Timeouts;

/// A stream that knows whether hyper has handed everything to the kernel: hyper
/// flushes after its last write.
pub(super) struct TrackedIo<'a> {
    pub(super) stream: TcpStream,
    /// The next write waits until the runtime has gone round once.
    pub(super) waits: bool,
    pub(super) flushed: &'a AtomicBool,
    /// Opens when everything is flushed.
    pub(super) gate: &'a Gate,
    pub(super) timeouts: &'a Timeouts,
    /// What was read of the socket before, and hyper reads first.
    pub(super) ahead: Bytes,
    /// The status that hyper refused a head with. Its response is not written.
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
            // An earlier response goes first.
            Some((_, length)) => &bytes[..bytes.len() - length],
            None => bytes,
        };
        self.flushed.store(false, Ordering::Relaxed);
        self.timeouts.writes();
        if std::mem::take(&mut self.waits) {
            // Others whose requests are here are answered in the same go: many
            // small writes in a row wake a client that has many connections
            // once, and not once for each.
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
        // The next piece of the same body does not wait: the gate has cost it a
        // turn of the runtime already.
        self.waits = !self.gate.open(cx);
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
