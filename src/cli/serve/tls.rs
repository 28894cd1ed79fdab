//! The flags of [`TlsSettings`]: certificates, handshakes, and what leads browsers to
//! https.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::cli::values::{Time, parse_switch, parse_time};
use crate::config::{self, BadSetting, TlsPair, TlsSettings};

/// Certificates of https listeners.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsFlags {
    /// PEM file with a certificate and its chain, for --listen https://; repeat or use commas, each
    /// with its --tls-key
    ///
    /// Of several certificates a client gets the one with the name that it asks for, or else the
    /// first. The files are read again when they change, at the latest after 60 s, and at SIGHUP.
    #[arg(
        long,
        env = "SSE_CHAT_TLS_CERT",
        value_name = "FILE",
        value_delimiter = ','
    )]
    tls_cert: Vec<PathBuf>,

    /// PEM file with the private key of the --tls-cert at the same place; may be the same file
    #[arg(
        long,
        env = "SSE_CHAT_TLS_KEY",
        value_name = "FILE",
        value_delimiter = ','
    )]
    tls_key: Vec<PathBuf>,

    /// Time limit of a TLS handshake
    #[arg(long, env = "SSE_CHAT_TLS_HANDSHAKE_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_TLS_HANDSHAKE_TIMEOUT))]
    tls_handshake_timeout: Time,

    /// Most TLS handshakes at the same time
    #[arg(long, env = "SSE_CHAT_MAX_HANDSHAKES", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_HANDSHAKES)]
    max_handshakes: NonZeroUsize,

    /// Answer requests in clear with a redirect to the first https listener
    #[arg(long, env = "SSE_CHAT_REDIRECT_HTTP", action = ArgAction::SetTrue, value_parser = parse_switch)]
    redirect_http: bool,

    /// Folder of an ACME client's answers: certbot --webroot -w DIR, lego --http.webroot DIR
    ///
    /// GET /.well-known/acme-challenge/ is answered from the folder of this name in it, also in
    /// clear, so that a certificate can be renewed while the server has port 80.
    #[arg(long, env = "SSE_CHAT_ACME_WEBROOT", value_name = "DIR")]
    acme_webroot: Option<PathBuf>,

    /// Time for which browsers use https only (Strict-Transport-Security), such as 365d; off unless
    /// given
    #[arg(long, env = "SSE_CHAT_HSTS", value_name = "TIME", value_parser = parse_time)]
    hsts: Option<Time>,
}

impl TryFrom<TlsFlags> for TlsSettings {
    type Error = BadSetting;

    fn try_from(flags: TlsFlags) -> Result<Self, BadSetting> {
        let (certificates, keys) = (flags.tls_cert.len(), flags.tls_key.len());
        if certificates != keys {
            let (flag, why) = match certificates > keys {
                true => ("--tls-cert", "give the key of each by --tls-key"),
                false => ("--tls-key", "give the certificate of each by --tls-cert"),
            };
            return Err(BadSetting {
                flag,
                why: format!(
                    "{why}, in the same order; there are {certificates} certificates and {keys} keys"
                )
                .into(),
            });
        }
        let pairs = flags.tls_cert.into_iter().zip(flags.tls_key);
        Ok(Self {
            pairs: pairs
                .map(|(certificate, key)| TlsPair { certificate, key })
                .collect(),
            handshake_timeout: flags.tls_handshake_timeout.0,
            max_handshakes: flags.max_handshakes,
            redirect_http: flags.redirect_http,
            acme_webroot: flags.acme_webroot,
            hsts: flags.hsts.map(|time| time.0),
        })
    }
}
