//! What a TLS session needs to know of the server.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// The server's side of TLS: what a handshake needs.
#[derive(Debug, Clone)]
pub(crate) struct TlsPeer {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}
