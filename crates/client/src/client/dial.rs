//! Opens connections to the server: TCP, then TLS for `https`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::error::root_cause;
use super::options::ClientOptions;
use super::request_error::DialError;
use super::tls::Tls;
use super::url::ServerUrl;

/// The timeout of connecting over TCP, and then that of the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens connections to one server.
#[derive(Clone)]
pub(super) struct Dialer {
    tcp: HttpConnector,
    tls: Option<Tls>,
}

/// A connection.
pub(super) enum ServerSocket {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Dialer {
    /// # Errors
    ///
    /// A line about what TLS lacks.
    pub(super) fn new(url: &ServerUrl, options: &ClientOptions) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = url.is_tls().then(|| Tls::new(url, options)).transpose()?;
        Ok(Self { tcp, tls })
    }

    /// The end of the certificate of the last connection.
    pub(super) fn certificate_not_after(&self) -> Option<SystemTime> {
        self.tls.as_ref()?.not_after()
    }

    /// Connects to the host and port of `uri`.
    pub(super) async fn dial(mut self, uri: Uri) -> Result<ServerSocket, DialError> {
        let connected = self.tcp.call(uri).await;
        let tcp = connected.map_err(|error| DialError::other(root_cause(&error)))?;
        let tcp = tcp.into_inner();
        let Some(tls) = self.tls else {
            return Ok(ServerSocket::Clear(tcp));
        };
        let handshake = tokio::time::timeout(CONNECT_TIMEOUT, tls.connect(tcp));
        let late = |_| DialError::other("no answer to the TLS handshake in time");
        Ok(ServerSocket::Tls(Box::new(handshake.await.map_err(late)??)))
    }
}

/// For the pool of HTTP/1.1.
impl Service<Uri> for Dialer {
    type Response = TokioIo<ServerSocket>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialing = self.clone().dial(uri);
        Box::pin(async move { dialing.await.map(TokioIo::new) })
    }
}

impl Connection for ServerSocket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for ServerSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for ServerSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_write_vectored(cx, pieces),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Clear(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
