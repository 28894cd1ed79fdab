//! The socket under hyper's HTTP/2, or the TLS session under it. It observes what
//! passes: the frames that the client sends, and whether the client reads.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Flood, FrameReader};
use super::progress::ConnectionState;

/// A stream of bytes that is observed.
///
/// It does not take vectored writes. So h2 collects small frames of many streams in
/// one buffer, and writes them at once.
#[derive(Debug)]
pub(super) struct ObservedIo<'a, S> {
    pub(super) stream: &'a mut S,
    /// Bytes that were read before; hyper reads them first.
    pub(super) ahead: Bytes,
    pub(super) state: Arc<ConnectionState>,
    pub(super) frames: FrameReader,
}

impl<S: AsyncRead + Unpin> AsyncRead for ObservedIo<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.ahead.is_empty() {
            ready!(Pin::new(&mut *this.stream).poll_read(cx, buf))?;
        } else {
            let length = this.ahead.len().min(buf.remaining());
            buf.put_slice(&this.ahead[..length]);
            this.ahead.advance(length);
        }
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            this.state.first_byte.begin(&this.state);
        }
        if let Err(Flood) = this.frames.read(read, &this.state) {
            this.state.is_flooded.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("too many frames that cause nothing")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ObservedIo<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.state.is_flushed.store(false, Ordering::Relaxed);
        let written = Pin::new(&mut *this.stream).poll_write(cx, bytes);
        this.wrote(written.is_ready());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let flushed = Pin::new(&mut *this.stream).poll_flush(cx);
        this.wrote(flushed.is_ready());
        ready!(flushed)?;
        this.state.is_flushed.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    /// The connection lingers before it closes, so only the caller closes it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<S> ObservedIo<'_, S> {
    fn wrote(&self, something: bool) {
        match something {
            true => self.state.blocked.clear(),
            false => self.state.blocked.begin(&self.state),
        }
    }
}
