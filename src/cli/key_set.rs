//! Loads the text of a JSON Web Key Set from a file or a URL.

use std::fs::File;
use std::future::pending;
use std::io::{self, Read as _};
use std::path::Path;

use tokio::task::spawn_blocking;

use crate::client::fetch;
use crate::config::JwksLocation;
use crate::http::App;
use crate::tokens::MAX_JWKS_BYTES;

/// Keeps the key set of a server up to date, if it has one. It never returns.
pub(super) async fn keep_loading(app: &App) {
    if let Some(verifier) = app.verifier() {
        verifier.keep_loading_jwks(load).await;
    }
    pending().await
}

/// The text of the key set. It has no timeout. The error is one line.
pub(super) async fn load(location: JwksLocation) -> Result<Vec<u8>, String> {
    match location {
        JwksLocation::File(path) => {
            let text = spawn_blocking(move || read(&path)).await;
            let text = text.map_err(io::Error::other).flatten();
            text.map_err(|error| error.to_string())
        }
        JwksLocation::Url(url) => {
            let loaded = fetch(&url, MAX_JWKS_BYTES).await;
            loaded.map(Vec::from).map_err(|error| error.to_string())
        }
    }
}

/// A longer file is read to one byte more than is allowed, which refuses it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let most = MAX_JWKS_BYTES as u64 + 1;
    File::open(path)?.take(most).read_to_end(&mut text)?;
    Ok(text)
}
