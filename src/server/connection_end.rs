//! How a connection ends once hyper is done with it: it is handed over to the
//! fan-out, closed with lingering, refused, or cut. Which of these it is, is
//! decided in `connection`.

use std::error::Error as _;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;
#[cfg(feature = "https")]
use tokio::net::TcpStream;

use super::client_stream::ClientStream;
use super::context::ServerContext;
use super::fanout::{Handoff, StreamCut};
use super::lingering_close::{linger, write_and_linger};
use super::timeouts::{Timeouts, WaitingFor};
use crate::http::{BadHead, ConnectionPermit};

/// Hands the connection over to a worker of the fan-out.
pub(super) fn hand_over(
    context: &ServerContext,
    stream: ClientStream,
    handoff: Handoff,
    permit: ConnectionPermit,
) {
    match stream.into_socket() {
        Ok(socket) => {
            tracing::debug!("connection handed over to a worker");
            context
                .fanout
                .add_socket(socket, handoff, permit, &context.tasks);
        }
        Err(error) => tracing::warn!(%error, "a socket can't be handed over to a worker"),
    }
}

/// Closes a connection whose client may still be sending.
pub(super) async fn close_lingering(context: &ServerContext, stream: ClientStream) {
    tokio::select! {
        () = linger(stream) => {}
        () = context.cut.cancelled() => {}
    }
    tracing::debug!("connection closed after its last answer");
}

/// Closes a connection whose TLS handshake failed. Its client may still be sending, and
/// would not read the alert of a connection that is reset.
#[cfg(feature = "https")]
pub(super) async fn close_after_alert(context: &ServerContext, stream: TcpStream) {
    tokio::select! {
        () = write_and_linger(ClientStream::Clear(stream), &[]) => {}
        () = context.cut.cancelled() => {}
    }
}

/// Refuses a head in place of hyper, and closes the connection.
pub(super) async fn refuse(
    context: &ServerContext,
    stream: ClientStream,
    bad: BadHead,
    is_head: bool,
) {
    if bad != BadHead::NoMemory {
        context.connections.malformed.inc();
    }
    tracing::debug!(reason = ?bad, "connection closed: the request's head is refused");
    let response = bad.respond(&context.app, is_head);
    tokio::select! {
        () = write_and_linger(stream, &response) => {}
        () = context.cut.cancelled() => {}
    }
}

/// Closes a connection whose client was too slow. What it has not read is
/// discarded if it reads nothing, or if it had to read an answer in time; an
/// earlier answer that it is still reading is left to the kernel.
pub(super) fn time_out(context: &ServerContext, stream: &ClientStream, timeouts: &Timeouts) {
    let waiting_for = timeouts.waiting_for();
    let is_stalled = timeouts.is_stalled();
    tracing::debug!(?waiting_for, is_stalled, "connection closed: timeout");
    match waiting_for {
        WaitingFor::Nothing => _ = context.app.stalled.fetch_add(1, Ordering::Relaxed),
        _ if is_stalled => context.connections.time_out(WaitingFor::Answer),
        _ => context.connections.time_out(waiting_for),
    }
    if is_stalled || waiting_for == WaitingFor::Answer {
        reset_on_drop(stream);
    }
}

/// Closes a connection after an error of hyper's.
pub(super) fn fail(
    context: &ServerContext,
    stream: &ClientStream,
    timeouts: &Timeouts,
    error: &hyper::Error,
) {
    // By the kernel's user timeout, and not by ours.
    if is_timed_out(error) {
        return time_out(context, stream, timeouts);
    }
    if is_stream_cut(error) {
        reset_on_drop(stream);
    }
    // The client went away or did not send HTTP: no error of the server.
    if error.is_parse() {
        context.connections.malformed.inc();
    }
    tracing::debug!(%error, "connection closed early");
}

/// Whether the kernel found that the client acknowledges nothing any more.
fn is_timed_out(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut)
}

/// Whether the worker of an event stream cut it.
fn is_stream_cut(error: &hyper::Error) -> bool {
    error.source().is_some_and(|cause| cause.is::<StreamCut>())
}

/// Makes the drop of `stream` reset the connection and discard unsent data, so
/// that the client sees that the stream is incomplete.
pub(super) fn reset_on_drop(stream: &ClientStream) {
    // It fails only if the connection is gone already.
    let _ = SockRef::from(stream.tcp()).set_linger(Some(Duration::ZERO));
}
