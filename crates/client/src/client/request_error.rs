//! Why a request got no response, before the server's address is added in `error`.

use std::error::Error as StdError;
use std::fmt;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum DialError {
    /// None of the roots has issued the server's certificate.
    Untrusted,
    /// Any other cause, in one line.
    Other(String),
}

/// Why a request got no response.
#[derive(Debug)]
pub(super) enum Http2Error {
    /// There is no connection.
    Dial(DialError),
    /// The connection or the stream ended. The line is the cause.
    Cut(String),
}

impl DialError {
    pub(super) fn other(cause: impl Into<String>) -> Self {
        Self::Other(cause.into())
    }

    pub(super) fn no_http2() -> Self {
        Self::other("the server does not speak HTTP/2 at this port")
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untrusted => f.write_str("the server's certificate is not trusted"),
            Self::Other(cause) => f.write_str(cause),
        }
    }
}

impl StdError for DialError {}
