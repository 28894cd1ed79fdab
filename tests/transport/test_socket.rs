//! The client's side of a connection: the bytes of HTTP/1.1 over any transport.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::Secure;

#[derive(Debug)]
pub(crate) enum TestSocket {
    Clear(TcpStream),
    Tls(Box<Secure>),
    Http2(Bridged),
}

/// One end of a bridge to HTTP/2. Dropping it closes the connection at once.
#[derive(Debug)]
pub(crate) struct Bridged {
    pub(super) near: DuplexStream,
    pub(super) socket: std::net::TcpStream,
    pub(super) _running: AbortOnDropHandle<()>,
}

impl TestSocket {
    /// Dropping it sends a reset.
    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        let socket = match self {
            Self::Clear(socket) => socket2::SockRef::from(socket),
            Self::Tls(secure) => socket2::SockRef::from(secure.get_ref().0),
            Self::Http2(bridged) => socket2::SockRef::from(&bridged.socket),
        };
        socket.set_linger(Some(Duration::ZERO))
    }
}

impl From<TcpStream> for TestSocket {
    fn from(socket: TcpStream) -> Self {
        Self::Clear(socket)
    }
}

impl AsyncRead for TestSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_read(context, into),
            Self::Tls(secure) => Pin::new(secure).poll_read(context, into),
            Self::Http2(bridged) => Pin::new(&mut bridged.near).poll_read(context, into),
        }
    }
}

impl AsyncWrite for TestSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Tls(secure) => Pin::new(secure).poll_write(context, bytes),
            Self::Http2(bridged) => Pin::new(&mut bridged.near).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_flush(context),
            Self::Tls(secure) => Pin::new(secure).poll_flush(context),
            Self::Http2(bridged) => Pin::new(&mut bridged.near).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Tls(secure) => Pin::new(secure).poll_shutdown(context),
            Self::Http2(bridged) => Pin::new(&mut bridged.near).poll_shutdown(context),
        }
    }
}
