//! The transports of the server, for tests that run over each: a certificate, and the
//! client's side of a connection.

mod bridge;
mod certificate;
mod test_socket;

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(crate) use certificate::Certificate;
pub(crate) use test_socket::TestSocket;

/// How the bytes of a request reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// HTTP/1 in clear.
    Clear,
    /// HTTP/1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP/2 in clear, by prior knowledge.
    Http2Clear,
}

impl Transport {
    pub(crate) fn is_https(self) -> bool {
        matches!(self, Self::Tls | Self::Http2)
    }

    /// A connection of this transport on an open TCP connection. Its user speaks
    /// HTTP/1.1, whatever the transport is.
    pub(crate) async fn client(self, socket: TcpStream) -> io::Result<TestSocket> {
        // A handshake is a large future.
        Box::pin(self.begin(socket)).await
    }

    async fn begin(self, socket: TcpStream) -> io::Result<TestSocket> {
        match self {
            Self::Clear => Ok(TestSocket::Clear(socket)),
            Self::Tls => {
                let secure = handshake(socket, b"http/1.1").await?;
                Ok(TestSocket::Tls(Box::new(secure)))
            }
            Self::Http2 => {
                let (socket, end) = ends(socket)?;
                let secure = handshake(socket, b"h2").await?;
                bridge::start("https", secure, end).await
            }
            Self::Http2Clear => {
                let (socket, end) = ends(socket)?;
                bridge::start("http", socket, end).await
            }
        }
    }
}

/// A second handle of the socket, to reset it with.
fn ends(socket: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let socket = socket.into_std()?;
    let end = socket.try_clone()?;
    Ok((TcpStream::from_std(socket)?, end))
}

type Secure = tokio_rustls::client::TlsStream<TcpStream>;

/// The handshake for one application protocol, which the server must take.
async fn handshake(socket: TcpStream, protocol: &'static [u8]) -> io::Result<Secure> {
    let mut config = trusting().clone();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(config));
    let secure = connector.connect(name, socket).await?;
    match secure.get_ref().1.alpn_protocol() {
        Some(chosen) if chosen == protocol => Ok(secure),
        chosen => Err(io::Error::other(format!("the server chose {chosen:?}"))),
    }
}

/// A client that trusts the certificate of the tests.
fn trusting() -> &'static ClientConfig {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Certificate::of_tests().roots())
            .with_no_client_auth()
    })
}
