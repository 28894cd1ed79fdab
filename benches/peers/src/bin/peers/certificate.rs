//! The certificate of all servers: self-signed, with an ECDSA key on P-256, made by
//! openssl for one run.

use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

/// A certificate for 127.0.0.1. Its files are removed with the value.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    _folder: TempDir,
}

impl Certificate {
    /// Makes one. An error if openssl is missing or fails.
    pub(crate) async fn make() -> Result<Self, String> {
        let folder = TempDir::with_prefix("sse-chat-peers-")
            .map_err(|error| format!("no temporary folder: {error}"))?;
        let (chain, key) = (
            folder.path().join("chain.pem"),
            folder.path().join("key.pem"),
        );
        let output = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(' '))
            .args("-days 2 -subj /CN=localhost".split(' '))
            .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
            .args(["-out".as_ref(), chain.as_os_str()])
            .args(["-keyout".as_ref(), key.as_os_str()])
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| format!("openssl: {error}"))?;
        if !output.status.success() {
            let talk = String::from_utf8_lossy(&output.stderr);
            return Err(format!("openssl: {}: {}", output.status, talk.trim()));
        }
        Ok(Self {
            chain,
            key,
            _folder: folder,
        })
    }
}
