//! Which certificates of a server are accepted, and the TLS configuration that all
//! connections of a run share. What a connection does with it is in `socket`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use crate::http_version::HttpVersion;

/// Which certificates of a server are accepted over `https`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CertificateTrust {
    /// Those of the authorities that the system trusts.
    #[default]
    System,
    /// Those in this PEM file, and those of the authorities in it.
    File(PathBuf),
    /// Any: neither the certificate nor the server's signature is checked, which also
    /// saves the generator their cost.
    Anything,
}

/// The configuration of a run's TLS connections. Every handshake is a full one: no
/// session is resumed.
///
/// # Errors
///
/// A reason in one line when there are no root certificates.
pub(crate) fn client_config(
    trust: &CertificateTrust,
    http: HttpVersion,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let accepted = match trust {
        CertificateTrust::System => Accepted::Listed(listed(system_roots()?, &provider)?),
        CertificateTrust::File(path) => {
            Accepted::Listed(listed(certificates_in(path)?, &provider)?)
        }
        CertificateTrust::Anything => Accepted::Any,
    };
    let verifier = Arc::new(Verifier { accepted, provider });
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![http.alpn().to_vec()];
    Ok(Arc::new(config))
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    match (found.certs.is_empty(), found.errors.first()) {
        (false, _) => Ok(found.certs),
        (true, Some(error)) => Err(format!("the system has no root certificates: {error}")),
        (true, None) => Err("the system has no root certificates".to_owned()),
    }
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let certificates: Vec<_> = certificates
        .collect::<Result<_, _>>()
        .map_err(|error| failed(&error))?;
    match certificates.is_empty() {
        true => Err(failed(&"it has no certificate in PEM")),
        false => Ok(certificates),
    }
}

fn listed(
    certificates: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Listed, String> {
    let mut roots = RootCertStore::empty();
    // Some that a system trusts are too old for this parser.
    roots.add_parsable_certificates(certificates.iter().cloned());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(Listed {
        verifier: verifier.build().map_err(|error| error.to_string())?,
        certificates,
    })
}

/// The reason of a failed handshake or session, in one line.
pub(crate) fn explain(error: &Error) -> String {
    match error {
        // The signature is wrong if a root has only the issuer's name.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "the server's certificate is not trusted: --ca FILE names its root, --insecure \
             accepts any"
            .to_owned(),
        Error::InvalidCertificate(why) => {
            format!("the server's certificate is not accepted: {why}")
        }
        Error::InvalidMessage(_) => format!("the server does not speak TLS: {error}"),
        Error::NoApplicationProtocol
        | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the server does not speak this version of HTTP".to_owned()
        }
        error => format!("TLS failed: {error}"),
    }
}

/// Verifies servers.
#[derive(Debug)]
struct Verifier {
    accepted: Accepted,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Accepted {
    Listed(Listed),
    Any,
}

/// Authorities, and servers by their own certificates: `openssl req -x509` makes one
/// that can't be verified as issued by itself.
#[derive(Debug)]
struct Listed {
    verifier: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.accepted {
            Accepted::Any => Ok(ServerCertVerified::assertion()),
            Accepted::Listed(listed) if listed.certificates.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Accepted::Listed(listed) => {
                let verifier = &listed.verifier;
                verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.accepted {
            Accepted::Any => Ok(HandshakeSignatureValid::assertion()),
            Accepted::Listed(listed) => {
                let verifier = &listed.verifier;
                verifier.verify_tls12_signature(message, certificate, signature)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.accepted {
            Accepted::Any => Ok(HandshakeSignatureValid::assertion()),
            Accepted::Listed(listed) => {
                let verifier = &listed.verifier;
                verifier.verify_tls13_signature(message, certificate, signature)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        for path in ["/nowhere/ca.pem", "/dev/null"] {
            let trust = CertificateTrust::File(path.into());
            let error = client_config(&trust, HttpVersion::Http1).unwrap_err();
            assert!(error.starts_with(path), "{error}");
        }
    }

    #[test]
    fn any_certificate_needs_no_roots() {
        let config = client_config(&CertificateTrust::Anything, HttpVersion::Http1).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }
}
