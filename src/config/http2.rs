//! The settings of HTTP/2 that an operator may need.

use std::num::NonZeroU32;

/// Streams of one connection at a time: a browser opens about 100, and a proxy more
/// connections when it needs more.
pub const DEFAULT_HTTP2_MAX_STREAMS: NonZeroU32 = NonZeroU32::new(128).unwrap();

/// The settings of HTTP/2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http2Settings {
    /// Requests, event streams among them, that one connection may have at a time.
    pub max_streams: NonZeroU32,
}

impl Default for Http2Settings {
    fn default() -> Self {
        Self {
            max_streams: DEFAULT_HTTP2_MAX_STREAMS,
        }
    }
}
