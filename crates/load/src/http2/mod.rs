//! The part of HTTP/2 (RFC 9113) that a reader of event streams needs: a session
//! without sockets, which turns bytes into parts of responses and requests into bytes.
//!
//! The server may use neither server push nor the dynamic table of HPACK: the settings
//! forbid both. The payload of DATA frames is neither kept nor copied.

mod frame;
mod hpack;
mod huffman;
mod session;
mod windows;

use std::fmt;

pub(crate) use self::hpack::HeaderBlock;
pub(crate) use self::session::{Http2Part, Http2Session};

/// The server does not keep to HTTP/2, for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotHttp2(pub(super) String);

impl fmt::Display for NotHttp2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is not HTTP/2: {}", self.0)
    }
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
