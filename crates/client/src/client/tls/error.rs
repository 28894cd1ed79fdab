//! Why a TLS handshake failed, in words that name what to do.

use std::io;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use crate::client::error::{one_line, root_cause};
use crate::client::request_error::DialError;

/// The error of a handshake.
pub(super) fn handshake_error(error: &io::Error) -> DialError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::InvalidCertificate(error)) => certificate_error(error),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => DialError::other(
            "the server does not speak TLS at this port; is its address one of http?",
        ),
        Some(
            Error::NoApplicationProtocol
            | Error::AlertReceived(AlertDescription::NoApplicationProtocol),
        ) => DialError::no_http2(),
        Some(error) => DialError::other(format!("no TLS: {}", one_line(&error.to_string()))),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            DialError::other("the server closed the connection in the TLS handshake")
        }
        None => DialError::other(root_cause(error)),
    }
}

fn certificate_error(error: &CertificateError) -> DialError {
    DialError::other(match error {
        // A bad signature is one by another root of the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            return DialError::Untrusted;
        }
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the server's certificate expired {} ago",
            between(not_after, time)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the server's certificate is valid in {} only; is the clock right?",
            between(time, not_before)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            match names(presented) {
                names if names.is_empty() => {
                    format!("the server's certificate is not for {expected}; it has no names")
                }
                names => format!("the server's certificate is for {names}, not for {expected}"),
            }
        }
        other => format!(
            "the server's certificate is invalid: {}",
            one_line(&other.to_string())
        ),
    })
}

/// The names of a certificate, of which there may be hundreds. rustls shows each with
/// its kind, as in `DnsName("a.example")`.
fn names(presented: &[String]) -> String {
    const MOST: usize = 5;
    let bare = |name: &String| {
        let quoted = name.split('"').nth(1);
        let bracketed = || name.split(['(', ')']).nth(1);
        one_line(quoted.or_else(bracketed).unwrap_or(name))
    };
    let mut names: Vec<String> = presented.iter().take(MOST).map(bare).collect();
    if presented.len() > MOST {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// A time span in its largest unit.
fn between(earlier: &UnixTime, later: &UnixTime) -> String {
    let seconds = later.as_secs().saturating_sub(earlier.as_secs());
    let hours = Duration::from_secs(seconds).as_secs() / 3600;
    match hours {
        0 => format!("{} min", seconds / 60),
        1..48 => format!("{hours} h"),
        _ => format!("{} days", hours / 24),
    }
}
