//! How a connection ends once hyper has done its part: it closes, lingers, says
//! a last word, or gives its stream to the fan-out.

use std::error::Error as _;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::super::Shared;
use super::super::fanout::StreamCut;
use super::super::handoff::Handoff;
use super::super::hyper_refusal;
use super::super::lingering_close::{last_words, linger};
use super::super::timeouts::{Phase, Timeouts};
use super::{Connection, End, Ended, is_head};
use crate::http::{BadHead, ConnectionPermit};

impl Connection<'_> {
    /// Ends the connection, or gives its stream away.
    pub(super) async fn finish(&self, ended: Ended, permit: ConnectionPermit) {
        let Ended {
            end,
            stream,
            read,
            refused,
        } = ended;
        let shared = self.shared;
        if let (End::Served(Err(_)), Some(status)) = (&end, refused) {
            let (bad, is_head) = (hyper_refusal::reason(status, &read), is_head(&read));
            drop(read);
            return self.refuse(stream, is_head, bad).await;
        }
        drop(read);
        match end {
            End::Served(Ok(())) if self.slot.client_may_still_send() => {
                tokio::select! {
                    () = linger(stream) => {}
                    () = shared.cut.cancelled() => {}
                }
            }
            End::Served(Ok(())) => {}
            // By the kernel's clock, which the socket was given, and not by ours.
            End::Served(Err(error)) if is_timed_out(&error) => {
                end_late(&stream, &self.timeouts, shared);
            }
            End::Served(Err(error)) if is_cut(&error) => reset(&stream),
            // A client that went away, or sent what is not HTTP: no error of ours.
            End::Served(Err(error)) => {
                if error.is_parse() {
                    shared.connections.end_malformed();
                }
                tracing::debug!(%error, "a connection ended early");
            }
            End::Late => end_late(&stream, &self.timeouts, shared),
            End::Stream(handoff) => hand_off(stream, *handoff, permit, shared),
        }
    }

    /// Refuses a head in place of hyper, as the connection's last word.
    pub(super) async fn refuse(&self, stream: TcpStream, is_head: bool, bad: BadHead) {
        let shared = self.shared;
        if bad != BadHead::NoMemory {
            shared.connections.end_malformed();
        }
        tracing::debug!(?bad, "a head is refused");
        let response = bad.respond(&shared.app, is_head);
        tokio::select! {
            () = last_words(stream, &response) => {}
            () = shared.cut.cancelled() => {}
        }
    }
}

/// Whether the socket itself found that nobody takes anything any more.
fn is_timed_out(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut)
}

/// Whether the worker of an event stream cut it.
fn is_cut(error: &hyper::Error) -> bool {
    error.source().is_some_and(|cause| cause.is::<StreamCut>())
}

/// Closes so that the client sees a cut, and what it did not take is thrown away.
fn reset(stream: &TcpStream) {
    // An error says that the other side is gone already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// The client let the server wait. What it does not take is not kept for it by
/// the kernel; but what it is still taking of an earlier answer comes whole.
pub(super) fn end_late(stream: &TcpStream, timeouts: &Timeouts, shared: &Shared) {
    let waiting = timeouts.waiting();
    tracing::debug!(?waiting, "a connection ended, since its client let it wait");
    let is_stalled = timeouts.is_stalled();
    match waiting {
        Phase::Nothing => _ = shared.app.stalled.fetch_add(1, Ordering::Relaxed),
        _ if is_stalled => shared.connections.end_late(Phase::Taken),
        _ => shared.connections.end_late(waiting),
    }
    if is_stalled || waiting == Phase::Taken {
        reset(stream);
    }
}

fn hand_off(stream: TcpStream, handoff: Handoff, permit: ConnectionPermit, shared: &Shared) {
    match stream.into_std() {
        Ok(socket) => shared
            .fanout
            .add_socket(socket, handoff, permit, &shared.tasks),
        Err(error) => tracing::warn!(%error, "a socket can't be handed to the fan-out"),
    }
}
