//! The certificate of a test run: its own root, and a leaf for this machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;

/// A certificate and its key, as PEM files, and its root.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    root: rcgen::Certificate,
}

impl Certificate {
    /// The one of this process. The root is made anew in each run, so nothing else
    /// trusts it.
    pub(crate) fn of_tests() -> &'static Self {
        static MADE: OnceLock<Certificate> = OnceLock::new();
        MADE.get_or_init(|| {
            let name = format!("certificate-{}", std::process::id());
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            Self::made_in(&folder)
        })
    }

    fn made_in(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().unwrap();
        let root = params.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(params, root_key);
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            certificate: write("certificate.pem", &leaf.pem()),
            key: write("key.pem", &key.serialize_pem()),
            root,
        }
    }

    /// What a client trusts.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        roots
    }
}
