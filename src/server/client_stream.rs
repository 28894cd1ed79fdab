//! The connection to a client, in clear or under TLS, while hyper has it. A worker of
//! the fan-out gets it as a [`ClientSocket`].

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(feature = "https")]
use tokio_rustls::server::TlsStream;

use super::fanout::ClientSocket;
#[cfg(feature = "https")]
use super::tls::RecordSize;

/// Bytes of one read into a buffer on the stack.
const PIECE: usize = 4096;

/// A connection that hyper reads and writes.
#[derive(Debug)]
pub(super) enum ClientStream {
    Clear(TcpStream),
    /// Boxed: a session has more than a kilobyte.
    #[cfg(feature = "https")]
    Tls(Box<TlsClient>),
}

/// A session, and how large its next record may be.
#[cfg(feature = "https")]
#[derive(Debug)]
pub(super) struct TlsClient {
    stream: TlsStream<TcpStream>,
    records: RecordSize,
}

impl ClientStream {
    #[cfg(feature = "https")]
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        let records = RecordSize::new();
        Self::Tls(Box::new(TlsClient { stream, records }))
    }

    /// The TCP connection, for its options.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Clear(stream) => stream,
            #[cfg(feature = "https")]
            Self::Tls(client) => client.stream.get_ref().0,
        }
    }

    /// Whether the client has chosen HTTP/2 while TLS began (ALPN).
    #[cfg(feature = "https")]
    pub(super) fn is_http2(&self) -> bool {
        match self {
            Self::Clear(_) => false,
            Self::Tls(client) => super::tls::is_http2(client.stream.get_ref().1),
        }
    }

    /// The connection without the runtime.
    pub(super) fn into_socket(self) -> io::Result<ClientSocket> {
        match self {
            Self::Clear(stream) => Ok(ClientSocket::Clear(stream.into_std()?)),
            #[cfg(feature = "https")]
            Self::Tls(client) => {
                let (stream, session) = client.stream.into_inner();
                Ok(ClientSocket::Tls(stream.into_std()?, Box::new(session)))
            }
        }
    }

    /// Reads a piece of at most `most` bytes, and returns its length; 0 at the end.
    /// No buffer is held while nothing arrives.
    pub(super) async fn read_piece(
        &mut self,
        most: usize,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut piece = [0; PIECE];
            let mut read = ReadBuf::new(&mut piece[..most.min(PIECE)]);
            ready!(Pin::new(&mut *self).poll_read(cx, &mut read))?;
            take(read.filled());
            Poll::Ready(Ok(read.filled().len()))
        })
        .await
    }

    /// Writes all of `bytes`, and closes the server's side.
    pub(super) async fn write_last(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| {
            while !bytes.is_empty() {
                match ready!(Pin::new(&mut *self).poll_write(cx, bytes))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => bytes = &bytes[written..],
                }
            }
            ready!(Pin::new(&mut *self).poll_flush(cx))?;
            Pin::new(&mut *self).poll_shutdown(cx)
        })
        .await
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "https")]
            Self::Tls(client) => Pin::new(&mut client.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(feature = "https")]
            Self::Tls(client) => {
                let record = client.records.fitting(bytes);
                let written = ready!(Pin::new(&mut client.stream).poll_write(cx, record))?;
                client.records.wrote(written);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "https")]
            Self::Tls(client) => Pin::new(&mut client.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "https")]
            Self::Tls(client) => Pin::new(&mut client.stream).poll_shutdown(cx),
        }
    }
}
