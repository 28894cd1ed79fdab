//! The flags for how a client's command connects: HTTP/2, and the certificates that
//! it accepts.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};

use super::exit::{CommandError, ExitKind, print_stderr};
use super::values::parse_switch;
use crate::client::{ClientOptions, RootCertificates, ServerUrl, Trust};

/// How to connect.
#[derive(Debug, Args)]
pub(super) struct TransportFlags {
    /// Speak HTTP/2 instead of HTTP/1.1; the server must speak it
    #[arg(long, env = "SSE_CHAT_HTTP2", action = ArgAction::SetTrue, value_parser = parse_switch)]
    http2: bool,

    /// PEM file with the root certificates for https, in place of the system's. The server's own
    /// certificate may be one of them
    #[arg(long, env = "SSE_CHAT_CA", value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Accept any certificate of an https server, for tests; --ca has no effect then
    #[arg(long, env = "SSE_CHAT_INSECURE", action = ArgAction::SetTrue, value_parser = parse_switch)]
    insecure: bool,
}

impl TransportFlags {
    /// The options of a client. Prints a warning if it accepts any certificate.
    pub(super) fn options(&self, url: &ServerUrl) -> Result<ClientOptions, CommandError> {
        if self.insecure && url.is_tls() {
            print_stderr("--insecure: the certificate of the server is not verified");
        }
        let trust = match &self.ca {
            _ if self.insecure => Trust::Any,
            Some(path) => Trust::Roots(read(path).map_err(|why| {
                let file = path.display();
                ExitKind::Usage.with_message(format_args!("--ca {file}: {why}"))
            })?),
            None => Trust::System,
        };
        Ok(ClientOptions {
            http2: self.http2,
            trust,
        })
    }
}

fn read(path: &Path) -> Result<RootCertificates, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    RootCertificates::from_pem(&pem).map_err(|error| error.to_string())
}
