//! The certificate for a client, by the name that it asks for (SNI, RFC 6066). The
//! table is exchanged while the server runs: a handshake gets the old one or the
//! new one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificates::Certificate;

/// Chooses certificates.
#[derive(Debug)]
pub(super) struct CertificateResolver {
    table: RwLock<Arc<CertificateTable>>,
}

/// Certificates by name.
#[derive(Debug, Default)]
struct CertificateTable {
    /// Those of a name in the order of the flags; a name may be a wildcard.
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For clients that ask for no name, or for one that no certificate has.
    default: Option<Arc<CertifiedKey>>,
}

impl CertificateResolver {
    pub(super) fn new<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> Self {
        Self {
            table: RwLock::new(Arc::new(CertificateTable::of(certificates))),
        }
    }

    /// Serves these from the next handshake on.
    pub(super) fn replace<'a>(&self, certificates: impl Iterator<Item = &'a Certificate>) {
        let table = Arc::new(CertificateTable::of(certificates));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    fn table(&self) -> Arc<CertificateTable> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The certificate for a name, of a kind that `fits`.
    fn choose(
        &self,
        name: Option<&str>,
        fits: impl Fn(&CertifiedKey) -> bool,
    ) -> Option<Arc<CertifiedKey>> {
        let table = self.table();
        let candidates = name.map_or(&[][..], |name| table.candidates(name));
        // A client without RSA, or without ECDSA, gets the one that it can check.
        let fitting = candidates.iter().find(|key| fits(key));
        let chosen = fitting.or(candidates.first()).or(table.default.as_ref());
        chosen.cloned()
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        self.choose(hello.server_name(), |key| {
            key.key.choose_scheme(schemes).is_some()
        })
    }
}

impl CertificateTable {
    fn of<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> Self {
        let mut table = Self::default();
        for certificate in certificates {
            table
                .default
                .get_or_insert_with(|| Arc::clone(&certificate.key));
            for name in &certificate.names {
                let keys = table.by_name.entry(name.clone()).or_default();
                keys.push(Arc::clone(&certificate.key));
            }
        }
        table
    }

    /// The certificates of a name; a wildcard is for one label (RFC 9525, section
    /// 6.3).
    fn candidates(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let name = name.to_ascii_lowercase();
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        let found = self.by_name.get(&name).or_else(wildcard);
        found.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use rustls::SignatureScheme;

    use super::*;
    use crate::server::tls::test_certificates::{Kind, TestCertificate};

    #[test]
    fn a_client_gets_the_certificate_of_the_name_that_it_asks_for() {
        let pairs = [
            &["chat.example", "www.chat.example"][..],
            &["*.example.org"],
            &["special.example.org"],
        ]
        .map(|names| TestCertificate::new(names).load());
        let resolver = CertificateResolver::new(pairs.iter());
        let asked = |name| {
            let chosen = resolver.choose(name, |_| true).unwrap();
            pairs.iter().position(|one| Arc::ptr_eq(&one.key, &chosen))
        };
        assert_eq!(asked(Some("chat.example")), Some(0));
        assert_eq!(asked(Some("WWW.Chat.Example")), Some(0));
        assert_eq!(asked(Some("a.example.org")), Some(1));
        assert_eq!(asked(Some("special.example.org")), Some(2));
        // The first one is the default, also for what a wildcard does not cover.
        for name in [None, Some("example.org"), Some("a.b.example.org"), Some("")] {
            assert_eq!(asked(name), Some(0), "{name:?}");
        }
    }

    #[test]
    fn of_two_certificates_of_one_name_a_client_gets_the_one_that_it_can_check() {
        let pairs = [Kind::P256, Kind::Ed25519]
            .map(|kind| TestCertificate::of_kind(kind, &["chat.example"]).load());
        let resolver = CertificateResolver::new(pairs.iter());
        let asked = |schemes: &[SignatureScheme]| {
            let fits = |key: &CertifiedKey| key.key.choose_scheme(schemes).is_some();
            let chosen = resolver.choose(Some("chat.example"), fits).unwrap();
            pairs.iter().position(|one| Arc::ptr_eq(&one.key, &chosen))
        };
        let (p256, ed25519) = (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ED25519,
        );
        assert_eq!(asked(&[p256]), Some(0));
        assert_eq!(asked(&[ed25519]), Some(1));
        assert_eq!(asked(&[ed25519, p256]), Some(0));
        // The handshake fails, and says why.
        assert_eq!(asked(&[]), Some(0));
    }

    #[test]
    fn replaced_certificates_are_served_at_once() {
        let [old, new] = [(); 2].map(|()| TestCertificate::new(&["chat.example"]).load());
        let resolver = CertificateResolver::new([&old].into_iter());
        resolver.replace([&new].into_iter());
        let chosen = resolver.choose(Some("chat.example"), |_| true).unwrap();
        assert!(Arc::ptr_eq(&chosen, &new.key));
    }
}
