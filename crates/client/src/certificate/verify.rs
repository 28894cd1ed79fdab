//! Which certificates are accepted: what the roots have issued, a server's own
//! certificate that is among the roots, or any.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::validity::CertificateValidity;

/// Verifies the certificate of a server, and that the server has its key.
pub struct CertificateVerifier {
    accepted: Accepted,
    provider: Arc<CryptoProvider>,
}

/// What is accepted.
enum Accepted {
    Issued {
        verifier: Arc<WebPkiServerVerifier>,
        /// The roots: a server's own certificate, which `openssl req -x509` makes as
        /// that of an authority, can't be verified as issued by itself.
        roots: Arc<[CertificateDer<'static>]>,
    },
    /// Any certificate; the server has to have its key.
    Any,
    /// Neither the certificate nor the key is verified.
    Unchecked,
}

impl CertificateVerifier {
    /// Accepts what an authority in `store` has issued, and the servers' own
    /// certificates among `roots`.
    ///
    /// # Errors
    ///
    /// A line about a store without certificates.
    pub fn issued(
        store: Arc<RootCertStore>,
        roots: Arc<[CertificateDer<'static>]>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let builder = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider));
        let verifier = builder.build().map_err(|error| error.to_string())?;
        Ok(Self {
            accepted: Accepted::Issued { verifier, roots },
            provider,
        })
    }

    /// Accepts any certificate of which the server has the key.
    #[must_use]
    pub fn any(provider: Arc<CryptoProvider>) -> Self {
        Self {
            accepted: Accepted::Any,
            provider,
        }
    }

    /// Accepts anything, and checks no signature, which saves its cost.
    #[must_use]
    pub fn unchecked(provider: Arc<CryptoProvider>) -> Self {
        Self {
            accepted: Accepted::Unchecked,
            provider,
        }
    }
}

/// The roots of the system. Those that can't be parsed are ignored: a system may trust
/// some that are too old for this parser.
///
/// # Errors
///
/// A line about a system without root certificates.
pub fn system_roots() -> Result<RootCertStore, String> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(loaded.certs);
    match (store.is_empty(), loaded.errors.first()) {
        (false, _) => Ok(store),
        (true, Some(error)) => Err(format!("no root certificates: {error}")),
        (true, None) => Err("no root certificates on this machine".to_owned()),
    }
}

impl fmt::Debug for CertificateVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateVerifier")
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (verifier, roots) = match &self.accepted {
            Accepted::Any | Accepted::Unchecked => return Ok(ServerCertVerified::assertion()),
            Accepted::Issued { verifier, roots } => (verifier, roots),
        };
        if roots.iter().any(|root| root == end_entity) {
            return verify_own(end_entity, server_name, now);
        }
        let verified =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(unknown_issuer)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if matches!(self.accepted, Accepted::Unchecked) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if matches!(self.accepted, Accepted::Unchecked) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// A server's own certificate that is not among the roots has an unknown issuer. One that
/// `openssl req -x509` made is refused for another reason before its issuer is looked up.
fn unknown_issuer(error: Error) -> Error {
    let is_of_authority = match &error {
        Error::InvalidCertificate(CertificateError::Other(why)) => {
            matches!(why.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    };
    match is_of_authority {
        true => CertificateError::UnknownIssuer.into(),
        false => error,
    }
}

/// A certificate that is itself trusted has to be valid now, and for this name.
fn verify_own(
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let validity = CertificateValidity::of_der(certificate).ok_or(CertificateError::BadEncoding)?;
    let unix = |time: SystemTime| {
        UnixTime::since_unix_epoch(
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        )
    };
    let (not_before, not_after) = (unix(validity.not_before), unix(validity.not_after));
    if now < not_before {
        let time = now;
        return Err(CertificateError::NotValidYetContext { time, not_before }.into());
    }
    if now > not_after {
        let time = now;
        return Err(CertificateError::ExpiredContext { time, not_after }.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
    Ok(ServerCertVerified::assertion())
}
