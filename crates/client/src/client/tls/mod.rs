//! TLS to the server: its settings, and what is known of the server's certificate.
//! `error` has why a handshake failed. There is no early data.

mod error;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::options::{ClientOptions, Trust};
use super::request_error::DialError;
use super::url::ServerUrl;
use crate::certificate::{CertificateValidity, CertificateVerifier, system_roots};
use error::handshake_error;

const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// TLS to one server.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    http2: bool,
    /// The end of the certificate of the last handshake.
    not_after: Arc<Mutex<Option<SystemTime>>>,
}

impl Tls {
    /// # Errors
    ///
    /// A line about a machine without root certificates, or a host that can't be the
    /// name in a certificate.
    pub(super) fn new(url: &ServerUrl, options: &ClientOptions) -> Result<Self, String> {
        let name = ServerName::try_from(url.host().to_owned())
            .map_err(|_| "the host is not a name that a certificate can have".to_owned())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = verifier(&options.trust, &provider)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let protocol = if options.http2 { H2 } else { HTTP_1_1 };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Self {
            connector: Arc::new(config).into(),
            name,
            http2: options.http2,
            not_after: Arc::default(),
        })
    }

    /// Shakes hands on a connection.
    pub(super) async fn connect(&self, tcp: TcpStream) -> Result<TlsStream<TcpStream>, DialError> {
        let connected = self.connector.connect(self.name.clone(), tcp).await;
        let stream = connected.map_err(|error| handshake_error(&error))?;
        let session = stream.get_ref().1;
        if self.http2 && session.alpn_protocol() != Some(H2) {
            return Err(DialError::no_http2());
        }
        let certificates = session.peer_certificates().unwrap_or_default();
        let first = certificates.first();
        let validity = first.and_then(|first| CertificateValidity::of_der(first));
        *self.lock() = validity.map(|validity| validity.not_after);
        Ok(stream)
    }

    /// The end of the certificate of the last handshake.
    pub(super) fn not_after(&self) -> Option<SystemTime> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SystemTime>> {
        self.not_after
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn verifier(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<CertificateVerifier, String> {
    let provider = Arc::clone(provider);
    let (store, roots) = match trust {
        Trust::Any => return Ok(CertificateVerifier::any(provider)),
        Trust::Roots(roots) => (Arc::clone(&roots.store), Arc::clone(&roots.certificates)),
        Trust::System => (Arc::new(system_roots()?), Arc::default()),
    };
    CertificateVerifier::issued(store, roots, provider)
}
