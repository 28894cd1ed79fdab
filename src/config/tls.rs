//! Certificates, and what the server does for https beside them. The files are read
//! by `server::tls`, not here.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::listen::{Listen, Scheme};

/// The time limit of a TLS handshake, from the first byte of the connection.
pub const DEFAULT_TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes at one time: 1,000 new clients per second with 1 s of round trips
/// each. One takes up to some 30 KiB.
pub const DEFAULT_MAX_HANDSHAKES: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// The longest [`TlsSettings::hsts`]: ten years.
const MAX_HSTS: Duration = Duration::from_secs(3650 * 86_400);

/// The certificates of the TLS listeners, and limits of handshakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates by name; the first one is for clients that name no other.
    pub pairs: Vec<TlsPair>,
    /// The time limit of a handshake.
    pub handshake_timeout: Duration,
    /// Most handshakes at one time.
    pub max_handshakes: NonZeroUsize,
    /// Whether the clear listeners redirect to the first TLS listener.
    pub redirect_http: bool,
    /// The folder in which an ACME client puts the answers to `http-01` challenges
    /// (RFC 8555, section 8.3), in `.well-known/acme-challenge`.
    pub acme_webroot: Option<PathBuf>,
    /// How long browsers use https only (`Strict-Transport-Security`, RFC 6797);
    /// `None` does not send the header.
    pub hsts: Option<Duration>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPair {
    /// PEM: the certificate, and after it those that lead to its root.
    pub certificate: PathBuf,
    /// PEM: the private key of the certificate.
    pub key: PathBuf,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            pairs: Vec::new(),
            handshake_timeout: DEFAULT_TLS_HANDSHAKE_TIMEOUT,
            max_handshakes: DEFAULT_MAX_HANDSHAKES,
            redirect_http: false,
            acme_webroot: None,
            hsts: None,
        }
    }
}

impl TlsSettings {
    /// Every flag, whether its value fits the listeners, and what would.
    pub(super) fn checks(
        &self,
        listen: &[Listen],
    ) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let has = |scheme| listen.iter().any(|one| one.scheme == scheme);
        let (has_http, has_https) = (has(Scheme::Http), has(Scheme::Https));
        let has_pairs = !self.pairs.is_empty();
        [
            (
                "--listen",
                !has_https || cfg!(feature = "https"),
                "this program is built without https (the Cargo feature `https`)",
            ),
            (
                "--listen",
                !has_twice(listen),
                "an address is given as http and as https; it can be only one of them",
            ),
            (
                "--tls-cert",
                has_pairs || !has_https,
                "a --listen is https; give its certificate by --tls-cert and --tls-key",
            ),
            (
                "--tls-cert",
                has_https || !has_pairs,
                "no --listen is https; write --listen https://0.0.0.0:443",
            ),
            (
                "--redirect-http",
                has_https || !self.redirect_http,
                "no --listen is https; add --listen https://0.0.0.0:443",
            ),
            (
                "--redirect-http",
                has_http || !self.redirect_http,
                "every --listen is https; add --listen http://0.0.0.0:80",
            ),
            (
                "--hsts",
                has_https || self.hsts.is_none(),
                "no --listen is https; behind a proxy, the proxy sends this header",
            ),
            (
                "--hsts",
                self.hsts.is_none_or(|time| time <= MAX_HSTS),
                "must be at most 3650d",
            ),
            (
                "--tls-handshake-timeout",
                !self.handshake_timeout.is_zero(),
                "must be more than 0s",
            ),
        ]
        .into_iter()
    }
}

/// Whether an endpoint is given under both schemes.
fn has_twice(listen: &[Listen]) -> bool {
    listen.iter().enumerate().any(|(place, one)| {
        let others = &listen[place + 1..];
        one.endpoint.port() != 0
            && others
                .iter()
                .any(|other| other.endpoint == one.endpoint && other.scheme != one.scheme)
    })
}

#[cfg(feature = "https")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn check(listen: &[&str], change: fn(&mut TlsSettings)) -> Result<(), String> {
        let mut config = Config {
            listen: listen.iter().map(|text| text.parse().unwrap()).collect(),
            ..Config::default()
        };
        change(&mut config.tls);
        config.check().map_err(|error| error.to_string())
    }

    fn with_pair(settings: &mut TlsSettings) {
        settings.pairs = vec![TlsPair {
            certificate: "cert.pem".into(),
            key: "key.pem".into(),
        }];
    }

    #[test]
    fn https_needs_a_listener_and_a_certificate() {
        let https = "https://0.0.0.0:443";
        assert_eq!(check(&[https], with_pair), Ok(()));
        assert_eq!(check(&[https, ":80"], with_pair), Ok(()));
        let refused = |listen: &[&str], change, words: [&str; 2]| {
            let error = check(listen, change).unwrap_err();
            for word in words {
                assert!(error.contains(word), "{error}");
            }
        };
        refused(&[https], |_| {}, ["--tls-cert: ", "--tls-key"]);
        refused(
            &[":80"],
            with_pair,
            ["--tls-cert: no --listen", "https://0.0.0.0:443"],
        );
        refused(
            &[":80"],
            |tls| tls.redirect_http = true,
            ["--redirect-http: ", "no --listen is https"],
        );
        refused(
            &[":80"],
            |tls| tls.hsts = Some(Duration::from_secs(1)),
            ["--hsts: ", "proxy"],
        );
    }

    #[test]
    fn a_redirect_needs_a_clear_listener() {
        let redirecting = |tls: &mut TlsSettings| {
            with_pair(tls);
            tls.redirect_http = true;
        };
        assert_eq!(check(&["https://:443", ":80"], redirecting), Ok(()));
        let error = check(&["https://:443"], redirecting).unwrap_err();
        assert!(error.contains("http://0.0.0.0:80"), "{error}");
    }

    #[test]
    fn an_endpoint_has_one_scheme() {
        let error = check(&["https://:443", "http://:443"], with_pair).unwrap_err();
        assert!(error.starts_with("--listen: "), "{error}");
        assert_eq!(check(&["https://:0", "http://:0"], with_pair), Ok(()));
    }

    #[test]
    fn times_are_bounded() {
        let error = check(&["https://:443"], |tls| {
            with_pair(tls);
            tls.hsts = Some(Duration::MAX);
        });
        assert!(error.unwrap_err().contains("3650d"));
        let error = check(&[":80"], |tls| tls.handshake_timeout = Duration::ZERO);
        assert!(error.unwrap_err().contains("more than 0s"));
    }
}
