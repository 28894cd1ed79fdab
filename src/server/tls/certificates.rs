//! One certificate with its key, loaded from a pair of PEM files. Which client gets
//! it is in `resolver`, and when it is loaded again in `reload`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sse_chat_client::certificate::CertificateValidity;
use webpki::EndEntityCert;

use crate::config::{BadSetting, TlsPair};

/// The largest file that is read: a chain has a few KiB.
const MAX_FILE: u64 = 1 << 20;

/// A certificate that can be served.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// The DNS names in lower case, wildcards included; none if it is for addresses.
    pub(super) names: Vec<String>,
    pub(super) validity: CertificateValidity,
    /// Clients refuse one that has only the name of its subject (RFC 9110, section
    /// 4.3.4).
    has_alternative_names: bool,
    /// The first name, or the file's path if it has none.
    pub(super) label: String,
}

/// Why a pair of files can't be used. The text names the flag and the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateError {
    flag: &'static str,
    path: PathBuf,
    why: String,
}

impl Certificate {
    /// Reads both files. An expired certificate is loaded: clients refuse it, and a
    /// server that does not start would not help them.
    pub(super) fn load(
        pair: &TlsPair,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let of_certificate = |why| CertificateError::new("--tls-cert", &pair.certificate, why);
        let of_key = |why| CertificateError::new("--tls-key", &pair.key, why);
        let chain = read(&pair.certificate)
            .and_then(|pem| parse_chain(&pem))
            .map_err(of_certificate)?;
        let (names, validity) = describe(&chain[0]).map_err(of_certificate)?;
        let key = read(&pair.key)
            .and_then(|pem| parse_key(&pem))
            .map_err(of_key)?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| of_key("its key is of a kind that is not supported; use ECDSA with P-256 or P-384, RSA from 2048 bits, or Ed25519".to_owned()))?;
        let key = CertifiedKey::new(chain, key);
        key.keys_match().map_err(|_| {
            let certificate = pair.certificate.display();
            of_key(format!(
                "the key does not belong to the certificate in {certificate}"
            ))
        })?;
        Ok(Self {
            label: match names.first() {
                Some(name) => name.clone(),
                None => pair.certificate.display().to_string(),
            },
            has_alternative_names: has_alternative_names(&key.cert[0]),
            key: Arc::new(key),
            names,
            validity,
        })
    }

    /// The end of its validity in RFC 3339.
    fn not_after_text(&self) -> String {
        Timestamp::try_from(self.validity.not_after)
            .map_or_else(|error| error.to_string(), |time| time.to_string())
    }

    /// The end of its validity in seconds since 1970.
    pub(super) fn not_after_seconds(&self) -> u64 {
        let since = self
            .validity
            .not_after
            .duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |time| time.as_secs())
    }

    /// Logs what was loaded, and warns if clients will refuse it.
    pub(super) fn log(&self) {
        let (names, not_after) = (self.names.join(","), self.not_after_text());
        let now = SystemTime::now();
        if self.validity.not_after <= now {
            tracing::warn!(
                names,
                not_after,
                "the certificate has expired: clients refuse it"
            );
        } else if self.validity.not_before > now {
            tracing::warn!(
                names,
                not_after,
                "the certificate is not valid yet: clients refuse it"
            );
        } else if !self.has_alternative_names {
            tracing::warn!(
                label = self.label,
                not_after,
                "the certificate has no subjectAltName: clients refuse it"
            );
        } else {
            tracing::info!(names, not_after, "certificate loaded");
        }
    }
}

impl CertificateError {
    fn new(flag: &'static str, path: &Path, why: String) -> Self {
        let path = path.to_owned();
        Self { flag, path, why }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.flag, self.path.display(), self.why)
    }
}

impl From<CertificateError> for BadSetting {
    fn from(error: CertificateError) -> Self {
        Self {
            flag: error.flag,
            why: format!("{}: {}", error.path.display(), error.why).into(),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let found = fs::metadata(path).map_err(|error| error.to_string())?;
    // To open a named pipe would wait for its writer, and a device may have no end.
    if !found.is_file() {
        return Err("it is no regular file, which can be read again when it changes".to_owned());
    }
    if found.len() > MAX_FILE {
        return Err("larger than 1 MiB, so it is no PEM file of a certificate or key".to_owned());
    }
    fs::read(path).map_err(|error| error.to_string())
}

fn parse_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not a valid PEM file: {error}"))?;
    match chain.is_empty() {
        true => Err("there is no certificate in it (BEGIN CERTIFICATE)".to_owned()),
        false => Ok(chain),
    }
}

fn parse_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let has = |text: &str| pem.windows(text.len()).any(|part| part == text.as_bytes());
    if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        return Err(
            "the key is encrypted; decrypt it, for example by openssl pkey -in FILE -out NEW_FILE"
                .to_owned(),
        );
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => "there is no private key in it (BEGIN PRIVATE KEY)".to_owned(),
        error => format!("not a valid PEM file: {error}"),
    })
}

/// The DNS names and the validity of a certificate.
fn describe(
    certificate: &CertificateDer<'_>,
) -> Result<(Vec<String>, CertificateValidity), String> {
    let validity = CertificateValidity::of_der(certificate)
        .ok_or("no valid certificate: its time of validity can't be read")?;
    let parsed = EndEntityCert::try_from(certificate)
        .map_err(|error| format!("its first certificate can't be used: {error}"))?;
    let names = parsed.valid_dns_names().map(str::to_ascii_lowercase);
    Ok((names.collect(), validity))
}

/// Whether the extension is there (RFC 5280, section 4.2.1.6): its identifier is no
/// part of another value but by intent, and this decides over a warning only.
fn has_alternative_names(certificate: &[u8]) -> bool {
    let identifier = [0x06, 0x03, 0x55, 0x1d, 0x11];
    certificate
        .windows(identifier.len())
        .any(|part| part == identifier)
}

#[cfg(test)]
mod tests;
