//! Which certificates of a server are accepted, and the TLS configuration that all
//! connections of a run share. What a connection does with it is in `socket`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};
use sse_chat_client::certificate::{CertificateVerifier, system_roots};

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
    let verifier = match trust {
        CertificateTrust::System => {
            CertificateVerifier::issued(Arc::new(system_roots()?), Arc::default(), provider)?
        }
        CertificateTrust::File(path) => {
            let certificates = certificates_in(path)?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().cloned());
            CertificateVerifier::issued(Arc::new(roots), certificates.into(), provider)?
        }
        CertificateTrust::Anything => CertificateVerifier::unchecked(provider),
    };
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![http.alpn().to_vec()];
    Ok(Arc::new(config))
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
