//! One connection: hyper reads requests, the service answers them, and a
//! shutdown ends it between two of them. A request for an event stream over
//! HTTP/1.1 is its last: the socket leaves hyper and goes to the fan-out.
//! A client that lets the server wait for too long ends it, too.

mod ending;

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use self::ending::end_late;
use super::Shared;
use super::gate::Gate;
use super::handoff::{Handoff, HandoffSlot};
use super::large_head::{self, LargeHead, NoHead};
use super::timeouts::{TimeoutTimer, Timeouts};
use super::tracked_io::TrackedIo;
use crate::config::SMALL_HEAD_BYTES;
use crate::http::{Caller, ConnectionPermit};

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
    let limits = &shared.app.config.limits;
    let connection = Connection {
        shared: &shared,
        caller,
        timeouts: Timeouts::of(&caller, limits),
        asked: AtomicBool::new(false),
        flushed: AtomicBool::new(true),
        gate: Arc::new(Gate::default()),
        slot: HandoffSlot::default(),
    };
    let small = limits.max_head_bytes.min(SMALL_HEAD_BYTES);
    let Some(ended) = connection.run(stream, Bytes::new(), small).await else {
        return;
    };
    if small < limits.max_head_bytes && ended.is_of_large_head(small) {
        // Boxed, because every connection would keep room for it.
        Box::pin(connection.serve_large_head(ended, permit)).await;
    } else {
        connection.finish(ended, permit).await;
    }
}

/// What belongs to one connection while hyper has it.
struct Connection<'a> {
    shared: &'a Shared,
    caller: Caller,
    timeouts: Timeouts,
    /// There was a request.
    asked: AtomicBool,
    flushed: AtomicBool,
    gate: Arc<Gate>,
    slot: HandoffSlot,
}

/// What hyper leaves of a connection.
struct Ended {
    end: End,
    stream: TcpStream,
    /// What was read, and is no part of a request that was answered.
    read: Bytes,
    /// The status that hyper refused a head with.
    refused: Option<StatusCode>,
}

impl Ended {
    /// Whether hyper may have stopped only since the head is over `small` bytes.
    /// Less than that is left where empty lines stood before the head, which hyper
    /// drops (RFC 9112, section 2.2).
    fn is_of_large_head(&self, small: usize) -> bool {
        self.refused == Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            && self.read.len() >= small / 2
    }
}

impl Connection<'_> {
    /// Lets hyper serve requests with heads of up to `head_bytes`, the first of
    /// which may begin with `ahead`. `None` when a shutdown cuts it.
    async fn run(&self, stream: TcpStream, ahead: Bytes, head_bytes: usize) -> Option<Ended> {
        let shared = self.shared;
        let service = service_fn(|request: Request<Incoming>| {
            self.asked.store(true, Ordering::Relaxed);
            self.timeouts.asked();
            self.slot
                .answer(shared, self.caller, request, &self.timeouts, &self.gate)
        });
        let io = TrackedIo {
            stream,
            waits: true,
            flushed: &self.flushed,
            gate: &self.gate,
            timeouts: &self.timeouts,
            ahead,
            refused: None,
        };
        let mut connection = hyper_for(head_bytes).serve_connection(TokioIo::new(io), service);
        let mut watch = Watch {
            slot: &self.slot,
            flushed: &self.flushed,
            timeouts: &self.timeouts,
            alarm: TimeoutTimer::new(&self.timeouts),
        };
        let end = tokio::select! {
            biased;
            end = end_of(&mut connection, &mut watch) => end,
            () = shared.cut.cancelled() => return None,
            () = shared.app.draining.begins() => {
                Pin::new(&mut connection).graceful_shutdown();
                tokio::select! {
                    end = end_of(&mut connection, &mut watch) => end,
                    () = shared.cut.cancelled() => return None,
                    () = no_request(&self.asked) => return None,
                }
            }
        };
        let parts = connection.into_parts();
        let io = parts.io.into_inner();
        Some(Ended {
            end,
            stream: io.stream,
            read: parts.read_buf,
            refused: io.refused,
        })
    }

    /// Reads the rest of a large head, and lets hyper serve that one request.
    async fn serve_large_head(&self, ended: Ended, permit: ConnectionPermit) {
        let Ended { stream, read, .. } = ended;
        let (shared, limits) = (self.shared, &self.shared.app.config.limits);
        // It may have come in one packet with an earlier request.
        self.timeouts.received();
        let mut alarm = TimeoutTimer::new(&self.timeouts);
        let is_head = is_head(&read);
        let most = limits.max_head_bytes;
        let (admission, access) = (&shared.app.admission, &shared.app.config.access);
        let share = admission.head_share(&self.caller, access);
        let head = tokio::select! {
            head = large_head::read(&stream, read, most, &shared.heads, share) => head,
            () = poll_fn(|cx| alarm.poll(&self.timeouts, cx)) => {
                return end_late(&stream, &self.timeouts, shared);
            }
            () = shared.cut.cancelled() => return,
        };
        match head {
            Ok(LargeHead {
                bytes,
                permit: memory,
            }) => {
                self.slot.close_after_next();
                let head_bytes = bytes.len().max(SMALL_HEAD_BYTES);
                if let Some(ended) = self.run(stream, bytes, head_bytes).await {
                    drop(memory);
                    self.finish(ended, permit).await;
                }
            }
            Err(NoHead::Bad(bad)) => self.refuse(stream, is_head, bad).await,
            Err(NoHead::Gone(error)) => tracing::debug!(%error, "a connection ended early"),
        }
    }
}

fn hyper_for(head_bytes: usize) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Ours tells the head from the wait before it.
        .header_read_timeout(None)
        // It bounds the head, and what is buffered in each direction.
        .max_buf_size(head_bytes)
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
    Stream(Box<Handoff>),
}

/// What is looked at after each turn of hyper's.
struct Watch<'a> {
    slot: &'a HandoffSlot,
    flushed: &'a AtomicBool,
    timeouts: &'a Timeouts,
    alarm: TimeoutTimer,
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
            && let Some(handoff) = watch.slot.take()
        {
            return Poll::Ready(End::Stream(handoff));
        }
        watch.alarm.poll(watch.timeouts, cx).map(|()| End::Late)
    })
    .await
}

/// Whether a request's method is HEAD, whose response has no body.
fn is_head(request: &[u8]) -> bool {
    request.starts_with(b"HEAD ")
}

/// Ends when no request comes; never, if there was one.
async fn no_request(asked: &AtomicBool) {
    tokio::time::sleep(FIRST_REQUEST_PATIENCE).await;
    if asked.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}
