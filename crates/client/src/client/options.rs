//! How a client connects: the version of HTTP, and the certificates that it accepts.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};

/// How a client connects to its server. The default is HTTP/1.1, and the roots of the
/// system for `https`.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions {
    /// Speak HTTP/2, and not HTTP/1.1: over TLS by ALPN, in clear with prior knowledge.
    /// All requests and subscriptions of a client share one connection; the client
    /// opens another one when that has as many streams as the server allows.
    pub http2: bool,
    /// Which certificates of an `https` server are accepted.
    pub trust: Trust,
}

/// Which certificates of a server are accepted.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// Those with a root certificate of the system, or of the file and the folder in
    /// the variables `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    #[default]
    System,
    /// Those with one of these roots. The system's are not used.
    Roots(RootCertificates),
    /// Any, also one that has expired or that has another name. The connection is
    /// encrypted, but an attacker on its path can read it.
    Any,
}

/// Root certificates. A server's own certificate can be among them: it is accepted
/// by itself, with its names and until its end.
#[derive(Clone)]
pub struct RootCertificates {
    pub(super) store: Arc<RootCertStore>,
    pub(super) certificates: Arc<[CertificateDer<'static>]>,
}

/// The text has no root certificates. Its `Display` says what was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRoots {
    /// There is no certificate in it.
    Empty,
    /// The certificate of this number, counted from 1, is malformed.
    Malformed(usize),
}

impl RootCertificates {
    /// The certificates of a PEM file, at least one. Other sections are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidRoots`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidRoots> {
        let mut store = RootCertStore::empty();
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let malformed = InvalidRoots::Malformed(certificates.len() + 1);
            let certificate = certificate.map_err(|_: PemError| malformed)?;
            store.add(certificate.clone()).map_err(|_| malformed)?;
            certificates.push(certificate);
        }
        match certificates.is_empty() {
            true => Err(InvalidRoots::Empty),
            false => Ok(Self {
                store: Arc::new(store),
                certificates: certificates.into(),
            }),
        }
    }
}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootCertificates({})", self.certificates.len())
    }
}

impl fmt::Display for InvalidRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no certificate in it: PEM is expected"),
            Self::Malformed(number) => write!(f, "certificate {number} is malformed"),
        }
    }
}

impl std::error::Error for InvalidRoots {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_invalid() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for text in ["", "not PEM", key] {
            let error = RootCertificates::from_pem(text.as_bytes()).unwrap_err();
            assert_eq!(error, InvalidRoots::Empty, "{text}");
        }
    }

    #[test]
    fn a_malformed_certificate_is_named_by_its_number() {
        for body in ["AAAA\n", "*\n", ""] {
            let text = format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n");
            let error = RootCertificates::from_pem(text.as_bytes()).unwrap_err();
            assert_eq!(error, InvalidRoots::Malformed(1), "{body}");
        }
    }
}
