//! A certificate in files, for a server with https.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use sse_chat::config::{Config, TlsPair};

/// A folder that is removed with this value.
pub(crate) struct CertificateFolder(PathBuf);

impl CertificateFolder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("over-tcp-tls-{}-{number}", std::process::id());
        let folder = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder.renew();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a new certificate of `localhost` and its key.
    pub(crate) fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    }

    pub(crate) fn pair(&self) -> TlsPair {
        TlsPair {
            certificate: self.path("cert.pem"),
            key: self.path("key.pem"),
        }
    }

    /// Adds a listener for https, after the others.
    pub(crate) fn listen(&self, config: &mut Config) {
        config.listen.push("https://127.0.0.1:0".parse().unwrap());
        config.tls.pairs = vec![self.pair()];
    }
}

impl Drop for CertificateFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
