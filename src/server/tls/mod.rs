//! TLS of the https listeners: the settings of rustls, and the certificates, which
//! are exchanged while the server runs. Handshakes are in `listen`, and what is
//! done with a connection after them in `connection` and `http2`.

mod certificates;
mod handshake;
mod record_size;
mod reload;
mod resolver;
#[cfg(test)]
mod test_certificates;

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

pub(super) use self::handshake::{Handshakes, NoSession};
pub(super) use self::record_size::{MAX_RECORD_BYTES, RecordSize};
pub use self::reload::{Certificates, Reloaded};
use crate::config::{BadSetting, TlsSettings};

/// The protocols by ALPN (RFC 7301), the preferred one first. A client that offers
/// others only is refused, as the RFC asks for.
const PROTOCOLS: [&[u8]; 3] = [HTTP2, b"http/1.1", b"http/1.0"];
/// HTTP/2.
const HTTP2: &[u8] = b"h2";

/// TLS of a server.
#[derive(Debug)]
pub(super) struct TlsServer {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    handshakes: Handshakes,
}

impl TlsServer {
    /// Loads the certificates.
    ///
    /// # Errors
    ///
    /// The flag and the file that can't be used.
    pub(super) fn new(settings: &TlsSettings) -> Result<Self, BadSetting> {
        let provider = Arc::new(ring::default_provider());
        let certificates = Certificates::load(&settings.pairs, Arc::clone(&provider))?;
        let certificates = Arc::new(certificates);
        // Both fail only for a provider without ciphers, or a machine without
        // random numbers.
        let unusable = |error: rustls::Error| BadSetting {
            flag: "--tls-cert",
            why: format!("TLS can't be used: {error}").into(),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(certificates.resolver()) as _);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // A client resumes by what it keeps itself: no table, and no memory for it.
        // The keys are drawn at the start and change every six hours.
        config.ticketer = ring::Ticketer::new().map_err(unusable)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            config: Arc::new(config),
            certificates,
            handshakes: Handshakes::new(settings),
        })
    }

    /// Makes the session of a connection within the time limit and `longest`.
    ///
    /// # Errors
    ///
    /// [`NoSession`], which is counted.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        longest: Duration,
    ) -> Result<TlsStream<TcpStream>, NoSession> {
        self.handshakes.accept(stream, &self.config, longest).await
    }

    pub(super) fn handshakes(&self) -> &Handshakes {
        &self.handshakes
    }

    pub(super) fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }
}

/// Whether a session speaks HTTP/2, after its handshake.
pub(super) fn is_http2(session: &ServerConnection) -> bool {
    session.alpn_protocol() == Some(HTTP2)
}

#[cfg(test)]
mod tests;
