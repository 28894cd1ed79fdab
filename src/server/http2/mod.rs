//! HTTP/2: many requests and streams on one connection, over TLS or in clear. hyper
//! and h2 speak the protocol; here a connection gets its bounds, its timeouts and its
//! end.
//!
//! Every answer is a body. That of an event stream is the read half of a pipe, into
//! which a worker of the fan-out writes as over HTTP/1.0. All streams of a connection
//! run in its task.
//!
//! # Slow clients
//!
//! h2 keeps what a stream has to write until its windows and the socket have room. Each
//! piece of a body reports when it is written ([`progress::Chunk`]), so a connection
//! knows since when a stream waits for its client. A stream that waits too long is
//! dropped, which resets it, and the others of the connection go on. Only a socket
//! that takes nothing ends the whole connection; pings of HTTP/2 and of the kernel find
//! a client that is gone.
//!
//! # Files
//!
//! | file | what it has |
//! | --- | --- |
//! | `mod` | how a connection begins and how its socket is closed |
//! | `connection` | its turns, its timeouts, its end |
//! | `answers` | a request in, a response out |
//! | `turns` | what was woken, and is polled in the next turn |
//! | `streams` | the streams, in the connection's task |
//! | `body` | the body of a response |
//! | `socket_io` | the socket, observed |
//! | `frames` | the frames that come in: floods, slow header blocks |
//! | `credit` | how many frames may come that cause nothing |
//! | `progress` | what these report to each other |
//! | `failure` | why hyper ended a connection |
//! | `settings` | windows, buffers and bounds |

mod answers;
mod body;
mod connection;
mod credit;
mod failure;
mod frames;
mod progress;
mod settings;
mod socket_io;
mod streams;
mod turns;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use self::connection::Ended;
use self::failure::is_refusal;
use self::frames::PREFACE;
use self::progress::ConnectionState;
use super::context::ServerContext;
use crate::http::Caller;

/// How long a client may take to close a connection without streams, after a GOAWAY.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Reasons of GOAWAY (RFC 9113, section 7).
const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;

/// How the socket of a connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketEnd {
    /// The client may still be sending, and has something to read.
    Linger,
    /// What the kernel has is left to it.
    Close,
    /// What the client has not read is discarded.
    Reset,
}

/// Whether `read`, the first bytes of a connection, begin one of HTTP/2, as far as they
/// were read. Less than the preface's version may begin a request of HTTP/1.
pub(super) fn is_begun(read: &[u8]) -> bool {
    let length = read.len().min(PREFACE.len());
    length >= b"PRI * HTTP/2".len() && read[..length] == PREFACE[..length]
}

/// Serves a connection whose first bytes, as far as they were read, are `ahead`.
pub(super) async fn serve<S>(
    context: &ServerContext,
    caller: Caller,
    stream: &mut S,
    ahead: Bytes,
) -> SocketEnd
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let state = Arc::new(ConnectionState::new());
    let ended = connection::run(context, caller, stream, ahead, &state).await;
    let is_flushed = state.is_flushed.load(Ordering::Relaxed);
    let is_flood = state.is_flooded.load(Ordering::Relaxed);
    let counters = &context.connections;
    let reason = match ended {
        Ended::Served => {
            tracing::debug!("connection closed");
            None
        }
        Ended::Cut => {
            tracing::debug!("connection closed by the shutdown");
            return SocketEnd::Close;
        }
        Ended::Stalled => {
            tracing::debug!("connection closed: its client reads nothing");
            return SocketEnd::Reset;
        }
        Ended::TimedOut(waiting_for) => {
            tracing::debug!(?waiting_for, "connection closed: timeout");
            counters.time_out(waiting_for);
            Some(NO_ERROR)
        }
        Ended::Failed(_) if is_flood => {
            tracing::debug!("connection closed: too many frames that cause nothing");
            counters.malformed.inc();
            Some(ENHANCE_YOUR_CALM)
        }
        Ended::Failed(error) => {
            // The client went away or did not keep to the protocol: no error of the
            // server. h2 has sent the reason.
            if is_refusal(&error) {
                counters.malformed.inc();
            }
            tracing::debug!(%error, "connection closed early");
            None
        }
    };
    // Within a frame of h2 nothing can be said.
    if let Some(reason) = reason.filter(|_| is_flushed) {
        say_goodbye(stream, state.last_stream.load(Ordering::Relaxed), reason).await;
    }
    let shutdown = poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx));
    // It serves only the client: errors do not matter.
    let _ = tokio::time::timeout(CLOSE_GRACE, shutdown).await;
    SocketEnd::Linger
}

/// Tells the client why the connection ends, if the socket takes it at once.
async fn say_goodbye(stream: &mut (impl AsyncWrite + Unpin), last_stream: u32, reason: u32) {
    let mut frame = vec![0, 0, 8, 7, 0, 0, 0, 0, 0];
    frame.extend(last_stream.to_be_bytes());
    frame.extend(reason.to_be_bytes());
    poll_fn(|cx| {
        let mut stream = Pin::new(&mut *stream);
        // It serves only the client: errors do not matter.
        let _ = stream.as_mut().poll_write(cx, &frame).map(drop);
        let _ = stream.poll_flush(cx).map(drop);
        Poll::Ready(())
    })
    .await;
}

#[cfg(test)]
mod tests;
