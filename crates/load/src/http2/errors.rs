//! A server that does not keep to HTTP/2, and the names of its error codes.

use std::fmt;

/// The server does not keep to HTTP/2, for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotHttp2(pub(super) String);

impl fmt::Display for NotHttp2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is not HTTP/2: {}", self.0)
    }
}

pub(super) fn broken(why: &str) -> NotHttp2 {
    NotHttp2(why.to_owned())
}

/// The name of an error code (RFC 9113, section 7).
pub(crate) fn error_name(code: u32) -> &'static str {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES
        .get(code as usize)
        .copied()
        .unwrap_or("an unknown error")
}
