//! The flags of HTTP/2. docs/operating.md explains each of them.

use std::num::NonZeroU32;

use clap::Args;

use crate::config::{self, Http2Settings};

/// Settings of HTTP/2.
#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP/2")]
pub(super) struct Http2Flags {
    /// Requests and streams of one HTTP/2 connection at the same time
    #[arg(long, env = "SSE_CHAT_HTTP2_MAX_STREAMS", value_name = "COUNT", default_value_t = config::DEFAULT_HTTP2_MAX_STREAMS)]
    http2_max_streams: NonZeroU32,
}

impl From<Http2Flags> for Http2Settings {
    fn from(flags: Http2Flags) -> Self {
        Self {
            max_streams: flags.http2_max_streams,
        }
    }
}
