//! A certificate of its own, for servers and Sentinels.

use std::fs;
use std::path::PathBuf;

/// A certificate and its key in a folder, for `localhost` and `127.0.0.1`. Dropping it
/// removes the folder.
pub(crate) struct Encryption {
    folder: PathBuf,
    /// The certificate (PEM).
    pub(crate) certificate: Vec<u8>,
}

impl Encryption {
    pub(crate) fn new(test: &str) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let signed = rcgen::generate_simple_self_signed(names).unwrap();
        let folder = format!("sse-chat-redis-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("cert.pem"), signed.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        Self {
            folder,
            certificate: signed.cert.pem().into_bytes(),
        }
    }

    /// The settings of a server or Sentinel that encrypts on this port.
    pub(crate) fn settings(&self, port: u16) -> [(&'static str, String); 5] {
        let file = |name: &str| self.folder.join(name).to_str().unwrap().to_owned();
        [
            ("tls-port", port.to_string()),
            ("tls-cert-file", file("cert.pem")),
            ("tls-key-file", file("key.pem")),
            ("tls-ca-cert-file", file("cert.pem")),
            ("tls-auth-clients", "no".to_owned()),
        ]
    }

    /// The same as flags.
    pub(crate) fn flags(&self, port: u16) -> Vec<String> {
        let flags = self.settings(port).into_iter();
        flags
            .flat_map(|(name, value)| [format!("--{name}"), value])
            .collect()
    }
}

impl Drop for Encryption {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
