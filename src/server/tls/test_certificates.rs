//! Certificates that tests make, and the files that they are in.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::crypto::ring;

use super::certificates::Certificate;
use crate::config::TlsPair;

/// A folder that is removed with this value.
#[derive(Debug)]
pub(super) struct TestFolder(PathBuf);

impl TestFolder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sse-chat-tls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a certificate and its key.
    pub(super) fn pair(&self, certificate: &TestCertificate) -> TlsPair {
        TlsPair {
            certificate: self.write("cert.pem", &certificate.certificate),
            key: self.write("key.pem", &certificate.key),
        }
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    P256,
    Ed25519,
}

/// A certificate that signs itself, and its key, in PEM.
#[derive(Debug)]
pub(super) struct TestCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl TestCertificate {
    pub(super) fn new(names: &[&str]) -> Self {
        Self::of_kind(Kind::P256, names)
    }

    pub(super) fn of_kind(kind: Kind, names: &[&str]) -> Self {
        Self::with(kind, names, |_| {})
    }

    /// One that ended at the end of 2019.
    pub(super) fn expired(names: &[&str]) -> Self {
        Self::with(Kind::P256, names, |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        })
    }

    pub(super) fn with(
        kind: Kind,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let key = match kind {
            Kind::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Kind::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
        };
        let key = key.unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2124, 1, 2);
        change(&mut params);
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub(super) fn load(&self) -> Certificate {
        let folder = TestFolder::new();
        Certificate::load(&folder.pair(self), &ring::default_provider()).unwrap()
    }
}
