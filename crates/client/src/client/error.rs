//! The errors of the client. The text of each is one line.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use super::request_error::{DialError, Http2Error};
use super::url::ServerUrl;
use crate::protocol::{OpenEnum, ProblemCode, is_printable};

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is no connection. The line names the address and the root cause.
    Unreachable(String),
    /// The server's certificate is not trusted: none of the client's roots has issued
    /// it. The line names the address.
    Untrusted(String),
    /// The connection broke before the response was complete.
    Cut(String),
    /// The server is not an sse-chat. The line says what it answered.
    NotSseChat(String),
    /// The server refused the request.
    Refused(Refusal),
    /// The response was not complete in time.
    TimedOut {
        /// The server's address.
        url: String,
        /// The timeout.
        after: Duration,
    },
}

/// A refusal: the problem details of the response (RFC 9457), as far as it has
/// any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status, 400 to 599.
    pub status: u16,
    /// The stable code of the protocol; `None` if the server is not an sse-chat.
    pub code: Option<OpenEnum<ProblemCode>>,
    /// What was wrong, in one line. If the server is not an sse-chat, its status.
    pub detail: String,
    /// The time after which a retry may succeed, from `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// The error of a request that got no response.
    pub(super) fn of_request(url: &ServerUrl, error: &hyper_util::client::legacy::Error) -> Self {
        let mut causes = causes(error);
        if let Some(error) = causes.find_map(|cause| cause.downcast_ref::<DialError>()) {
            return Self::of_dialing(url, error);
        }
        let cause = root_cause(error);
        match error.is_connect() {
            true => Self::Unreachable(format!("can't reach {url}: {cause}")),
            false => Self::Cut(format!("{url} cut the connection: {cause}")),
        }
    }

    /// [`Error::of_request`] over HTTP/2.
    pub(super) fn of_http2(url: &ServerUrl, error: Http2Error) -> Self {
        match error {
            Http2Error::Dial(error) => Self::of_dialing(url, &error),
            Http2Error::Cut(cause) => Self::Cut(format!("{url} cut the connection: {cause}")),
        }
    }

    fn of_dialing(url: &ServerUrl, error: &DialError) -> Self {
        let line = format!("can't reach {url}: {error}");
        match error {
            DialError::Untrusted => Self::Untrusted(line),
            DialError::Other(_) => Self::Unreachable(line),
        }
    }

    /// The error of a response that was not complete `after` this time.
    pub(super) fn timed_out(url: &ServerUrl, after: Duration) -> Self {
        Self::TimedOut {
            url: url.to_string(),
            after,
        }
    }
}

/// The causes of an error, from the outermost to the innermost.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// The innermost cause, which is the one that a person can act on.
pub(super) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let root = causes(error).last().unwrap_or(error);
    // Its text for a shutdown is "not a result of an error".
    if let Some(h2::Reason::NO_ERROR) = root.downcast_ref().and_then(h2::Error::reason) {
        return "the server closed it".to_owned();
    }
    match root.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => "no answer in time".to_owned(),
        Some(io::ErrorKind::UnexpectedEof) => "closed in the middle".to_owned(),
        _ => one_line(&without_number(&root.to_string())),
    }
}

/// `Connection refused (os error 111)` without the number, in lower case.
fn without_number(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        // An abbreviation such as DNS stays as it is.
        Some(first) if chars.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// Foreign text as one line that can't control a terminal.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.trim().lines().next().unwrap_or_default();
    let shown = line.chars().filter(|c| is_printable(*c)).take(MOST);
    shown.collect()
}

impl Refusal {
    /// Whether a retry may succeed: the server is full, too busy, or shutting down.
    pub fn is_transient(&self) -> bool {
        self.status >= 500 || matches!(self.status, 408 | 429)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(line)
            | Self::Untrusted(line)
            | Self::Cut(line)
            | Self::NotSseChat(line) => f.write_str(line),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::TimedOut { url, after } => {
                write!(f, "{url} did not answer within {} s", after.as_secs_f64())
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "refused: {} ({} {code})", self.detail, self.status),
            None => write!(f, "refused: {}", self.detail),
        }
    }
}

impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_shown_without_its_number() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(root_cause(&refused), "connection refused");
        assert_eq!(without_number("DNS failed"), "DNS failed");
        let late = io::Error::new(io::ErrorKind::TimedOut, "deadline has elapsed");
        assert_eq!(root_cause(&late), "no answer in time");
    }

    #[test]
    fn foreign_text_becomes_one_line_without_control_characters() {
        assert_eq!(
            one_line(" a\u{1b}[2J\u{9b}1m\u{202e}\u{2028}b\nc"),
            "a[2J1mb"
        );
        assert_eq!(one_line(&"x".repeat(1000)).len(), 300);
    }
}
