//! The settings of HTTP/2. A chat's requests are small and its answers are streams:
//! little is received, and what is sent waits in history, not in buffers.

use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::TokioTimer;

use super::streams::StreamExecutor;
use crate::config::Config;

/// What a client may send of one request's body before the server has read it: what a
/// message needs.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all requests of a connection.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// The largest frame that a client may send: the smallest that may be set.
const MAX_FRAME_BYTES: u32 = 16 * 1024;
/// Bytes of a stream that wait in h2: two pieces of a body.
const SEND_BUFFER: usize = 16 * 1024;
/// Streams that the client has reset before they were looked at. More of them end the
/// connection.
const MAX_UNSEEN_RESETS: usize = 20;
/// Streams that the server has reset because of an error of the client. More of them
/// end the connection.
const MAX_ERROR_RESETS: usize = 256;
/// A client that has sent nothing for this time is sent a ping, as the kernel does
/// below (TCP keep-alive): it reaches the client through proxies.
const PING_AFTER: Duration = Duration::from_secs(20);

/// hyper's HTTP/2, for connections of this server.
pub(super) fn builder(config: &Config, streams: StreamExecutor) -> Builder<StreamExecutor> {
    let limits = &config.limits;
    let mut builder = Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_concurrent_streams(config.http2.max_streams.get())
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_UNSEEN_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(limits.stall);
    builder
}
