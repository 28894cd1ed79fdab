//! One connection: hyper reads requests, the service answers them, and a
//! shutdown ends it between two of them. A request for an event stream over
//! HTTP/1.1 is its last: the socket leaves hyper and goes to the fan-out.
//! A client that lets the server wait for too long ends it, too.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::Shared;
use super::flushing::Flushing;
use super::linger::linger;
use super::patience::{Alarm, Patience, Waiting};
use crate::config::Limits;
use crate::http::{AccessEntry, Body, BodyLeft, Caller, ConnectionPermit, Opening, answer};

/// How long a connection that never sent a request may hold up a shutdown:
/// browsers open such connections on a guess and leave them.
const FIRST_REQUEST_PATIENCE: Duration = Duration::from_millis(500);

/// A connection, who has it, and its place.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) caller: Caller,
    pub(super) permit: ConnectionPermit,
}

pub(super) async fn serve(accepted: Accepted, shared: Shared) {
    let Accepted {
        stream,
        caller,
        permit,
    } = accepted;
    let (asked, flushed) = (AtomicBool::new(false), AtomicBool::new(true));
    let limits = &shared.app.config.limits;
    let patience = Patience::of(&caller, limits);
    let given = Given::default();
    let service = service_fn(|request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        patience.asked();
        given.answer(&shared, caller, request, &patience)
    });
    let io = Flushing {
        stream,
        waits: true,
        flushed: &flushed,
        patience: &patience,
    };
    let mut connection = hyper_for(limits).serve_connection(TokioIo::new(io), service);
    let mut watch = Watch {
        given: &given,
        flushed: &flushed,
        patience: &patience,
        alarm: Alarm::new(&patience),
    };
    let end = tokio::select! {
        biased;
        end = end_of(&mut connection, &mut watch) => end,
        () = shared.cut.cancelled() => return,
        () = shared.app.draining.begins() => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                end = end_of(&mut connection, &mut watch) => end,
                () = shared.cut.cancelled() => return,
                () = no_request(&asked) => return,
            }
        }
    };
    // What the client sent after its last request is dropped with the parts.
    let stream = connection.into_parts().io.into_inner().stream;
    match end {
        End::Served(Ok(())) if given.has_left_a_body() => {
            tokio::select! {
                () = linger(stream) => {}
                () = shared.cut.cancelled() => {}
            }
        }
        End::Served(Ok(())) => {}
        // By the kernel's clock, which the socket was given, and not by ours.
        End::Served(Err(error)) if is_timed_out(&error) => end_late(&stream, &patience, &shared),
        // A client that went away, or sent what is not HTTP: no error of ours.
        End::Served(Err(error)) => {
            shared.connections.broke(&error);
            tracing::debug!(%error, "a connection ended early");
        }
        End::Late => end_late(&stream, &patience, &shared),
        End::Stream(opening) => give_away(stream, *opening, permit, &shared),
    }
}

fn hyper_for(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Ours tells the head from the wait before it.
        .header_read_timeout(None)
        // It bounds the head, and what is buffered in each direction.
        .max_buf_size(limits.max_head_bytes)
        // Answers are small: copied into one piece they are out sooner than
        // head and body are as two.
        .writev(false);
    builder
}

/// How hyper's part of a connection ends.
enum End {
    /// It is over.
    Served(hyper::Result<()>),
    /// The client let the server wait for too long.
    Late,
    /// An event stream begins, and goes on without hyper.
    Stream(Box<Opening>),
}

/// What is looked at after each turn of hyper's.
struct Watch<'a> {
    given: &'a Given,
    flushed: &'a AtomicBool,
    patience: &'a Patience,
    alarm: Alarm,
}

/// Lets hyper work until either end.
///
/// The connection is polled as what it is, a future that also closes the
/// socket. That is hyper's to do when requests end; when a stream begins, the
/// answer that hyper waits for never comes, so that it does not get so far.
async fn end_of<C>(connection: &mut C, watch: &mut Watch<'_>) -> End
where
    C: Future<Output = hyper::Result<()>> + Unpin,
{
    poll_fn(|cx| {
        if let Poll::Ready(served) = Pin::new(&mut *connection).poll(cx) {
            return Poll::Ready(End::Served(served));
        }
        // hyper reads a request while answers to earlier ones may still be on
        // their way; they must not stay behind in its buffer.
        if watch.flushed.load(Ordering::Relaxed)
            && let Some(opening) = watch.given.take()
        {
            return Poll::Ready(End::Stream(opening));
        }
        watch.alarm.poll(watch.patience, cx).map(|()| End::Late)
    })
    .await
}

/// Whether the socket itself found that nobody takes anything any more.
fn is_timed_out(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut)
}

/// The client let the server wait. What it does not take is not kept for it by
/// the kernel; but what it is still taking of an earlier answer comes whole.
fn end_late(stream: &TcpStream, patience: &Patience, shared: &Shared) {
    let waiting = patience.waiting();
    tracing::debug!(?waiting, "a connection ended, since its client let it wait");
    let is_stalled = patience.is_stalled();
    match waiting {
        Waiting::Nothing => _ = shared.app.stalled.fetch_add(1, Ordering::Relaxed),
        _ if is_stalled => shared.connections.end_late(Waiting::Taken),
        _ => shared.connections.end_late(waiting),
    }
    if is_stalled || waiting == Waiting::Taken {
        // An error says that the other side is gone already.
        let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
}

fn give_away(stream: TcpStream, opening: Opening, permit: ConnectionPermit, shared: &Shared) {
    match stream.into_std() {
        Ok(socket) => shared.fanout.take(socket, opening, permit, &shared.tasks),
        Err(error) => tracing::warn!(%error, "a socket can't be given to the fan-out"),
    }
}

/// The event stream that a connection gives away.
#[derive(Debug, Default)]
struct Given {
    opening: Mutex<Option<Box<Opening>>>,
    /// The last answer came while its request's body was still on the way.
    left: AtomicBool,
}

impl Given {
    /// Answers a request, or takes its stream: then the answer never comes.
    async fn answer(
        &self,
        shared: &Shared,
        caller: Caller,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Result<Response<Body>, Infallible> {
        let access = AccessEntry::begin(&shared.app, &request, caller);
        // Before that there are no chunks, and hyper ends the stream by closing.
        let has_chunks = request.version() == Version::HTTP_11;
        let mut response = answer(&shared.app, caller, request).await;
        if let Some(access) = access {
            response = access.answered(response);
        }
        let left = response.extensions().get::<BodyLeft>().is_some();
        self.left.store(left, Ordering::Relaxed);
        if !response.body().is_stream() {
            patience.answered();
            return Ok(response);
        }
        if !has_chunks || !shared.fanout.takes_readers() {
            return Ok(response);
        }
        match Opening::of(response) {
            Ok(opening) => self.put(opening),
            Err(response) => return Ok(response),
        }
        pending().await
    }

    fn has_left_a_body(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    fn put(&self, opening: Opening) {
        *self.lock() = Some(Box::new(opening));
    }

    fn take(&self) -> Option<Box<Opening>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Opening>>> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when no request comes; never, if there was one.
async fn no_request(asked: &AtomicBool) {
    tokio::time::sleep(FIRST_REQUEST_PATIENCE).await;
    if asked.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}
