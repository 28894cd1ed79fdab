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
//! | `mod` | a connection: its turns, its timeouts, its end |
//! | `answers` | a request in, a response out |
//! | `turns` | what was woken, and is polled in the next turn |
//! | `streams` | the streams, in the connection's task |
//! | `body` | the body of a response |
//! | `socket_io` | the socket, observed |
//! | `frames` | the frames that come in: floods, slow header blocks |
//! | `credit` | how many frames may come that cause nothing |
//! | `progress` | what these report to each other |
//! | `settings` | windows, buffers and bounds |

mod answers;
mod body;
mod credit;
mod frames;
mod progress;
mod settings;
mod socket_io;
mod streams;
mod turns;

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use self::answers::Answers;
use self::frames::FrameReader;
use self::frames::PREFACE;
use self::progress::{ConnectionState, Moment, StreamProgress};
use self::socket_io::ObservedIo;
use self::streams::Streams;
use self::turns::{END, HYPER, Source, Turns};
use super::context::ServerContext;
use super::timeouts::{TimeLimits, WaitingFor};
use crate::http::Caller;

/// How often a turn is begun again for what was woken in it. Beyond that, other
/// connections have theirs first.
const MAX_ROUNDS: usize = 8;
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

/// Why a connection ended.
#[derive(Debug)]
enum Ended {
    /// Its client closed it, or the server did in order.
    Served,
    /// hyper ended it.
    Failed(hyper::Error),
    /// The client was too slow.
    TimedOut(WaitingFor),
    /// The client's socket took nothing for too long.
    Stalled,
    /// The server stops.
    Cut,
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
    let ended = run(context, caller, stream, ahead, &state).await;
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

async fn run<S>(
    context: &ServerContext,
    caller: Caller,
    stream: &mut S,
    ahead: Bytes,
    state: &Arc<ConnectionState>,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let turns = Turns::new();
    let streams = Streams::new(&turns);
    let answers = Answers {
        context: context.clone(),
        caller,
        state: Arc::clone(state),
        streams: streams.executor(),
    };
    let io = ObservedIo {
        stream,
        ahead,
        state: Arc::clone(state),
        frames: FrameReader::new(),
    };
    let config = &context.app.config;
    let hyper = settings::builder(config, streams.executor()).serve_connection(
        TokioIo::new(io),
        service_fn(|request| answers.answer(request)),
    );
    let end = pin!(async {
        tokio::select! {
            biased;
            () = context.cut.cancelled() => return,
            () = context.app.draining.begins() => {}
        }
        state.is_last.store(true, Ordering::Relaxed);
        context.cut.cancelled().await;
    });
    let mut connection = Http2Connection {
        context,
        state,
        hyper_waker: turns.waker(HYPER),
        end_waker: turns.waker(END),
        turns,
        streams,
        unwritten: Vec::new(),
        times: TimeLimits::of(&caller, &config.limits),
        timer: Box::pin(sleep_until(Instant::now())),
        idle: Moment::never(),
        closing: Moment::never(),
        hyper,
        close_hyper: |hyper| hyper.graceful_shutdown(),
        end,
    };
    poll_fn(|cx| connection.poll(cx)).await
}

/// A connection while it is served.
struct Http2Connection<'a, H, E> {
    context: &'a ServerContext,
    state: &'a Arc<ConnectionState>,
    turns: Arc<Turns>,
    hyper_waker: Waker,
    end_waker: Waker,
    streams: Streams,
    /// What ended for hyper, and is not written yet.
    unwritten: Vec<Arc<StreamProgress>>,
    times: TimeLimits,
    timer: Pin<Box<Sleep>>,
    /// Since when there has been no stream.
    idle: Moment,
    /// Since when the client has known that there will be no more streams.
    closing: Moment,
    hyper: H,
    /// Makes hyper tell the client that there will be no more streams.
    close_hyper: fn(Pin<&mut H>),
    /// Announces that the server stops, and is done when connections are cut.
    end: Pin<&'a mut E>,
}

impl<H, E> Http2Connection<'_, H, E>
where
    H: Future<Output = hyper::Result<()>> + Unpin,
    E: Future<Output = ()>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.turns.run_in(cx.waker());
        for _ in 0..MAX_ROUNDS {
            let woken = self.turns.take_woken();
            if let Some(ended) = self.turn(woken, cx) {
                return Poll::Ready(ended);
            }
            if !self.streams.has_ready() && self.turns.end() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn turn(&mut self, mut woken: Source, cx: &mut Context<'_>) -> Option<Ended> {
        let unwritten = &mut self.unwritten;
        self.streams.poll_ready(|stream| {
            if !stream.is_written() {
                unwritten.push(stream);
            }
        });
        // What the streams have woken h2 for is done now.
        woken |= self.turns.take_woken();
        if woken & HYPER != 0 {
            let mut hyper = Context::from_waker(&self.hyper_waker);
            if let Poll::Ready(served) = Pin::new(&mut self.hyper).poll(&mut hyper) {
                return Some(self.ended(served));
            }
        }
        if woken & END != 0 {
            let mut end = Context::from_waker(&self.end_waker);
            if self.end.as_mut().poll(&mut end).is_ready() {
                return Some(Ended::Cut);
            }
        }
        self.unwritten.retain(|stream| !stream.is_written());
        if self.state.is_last.load(Ordering::Relaxed) {
            self.close();
        }
        match self.is_idle() {
            true => self.idle.begin(self.state),
            false => self.idle.clear(),
        }
        self.poll_timer(cx)
    }

    /// No stream runs, and all answers are written.
    fn is_idle(&self) -> bool {
        self.streams.is_empty() && self.unwritten.is_empty()
    }

    fn close(&mut self) {
        if self.closing.is_never() {
            self.closing.set(self.state);
            (self.close_hyper)(Pin::new(&mut self.hyper));
            // hyper is polled for it.
            self.hyper_waker.wake_by_ref();
        }
    }

    fn ended(&self, served: hyper::Result<()>) -> Ended {
        match served {
            Ok(()) => Ended::Served,
            Err(error) if is_timeout(&error) => self.stalled(),
            Err(error) => Ended::Failed(error),
        }
    }

    /// The client is gone, or its socket takes nothing: so it is for each of its
    /// streams.
    fn stalled(&self) -> Ended {
        let events = self.streams.iter().filter(|(_, stream)| stream.is_events());
        match events.count() {
            0 => self.context.connections.time_out(WaitingFor::Answer),
            events => self.count_stalled(events),
        }
        Ended::Stalled
    }

    fn count_stalled(&self, streams: usize) {
        let stalled = &self.context.app.stalled;
        stalled.fetch_add(streams as u64, Ordering::Relaxed);
    }

    /// Ends what has taken too long, and sets the timer for what may.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        while let Some(end) = self.next_end() {
            let now = Instant::now();
            if end <= now {
                if let Some(ended) = self.expire(now) {
                    return Some(ended);
                }
                continue;
            }
            // As in `TimeoutTimer`: it is moved only when it would fire too late.
            if end < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(end);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                break;
            }
        }
        None
    }

    /// What the connection as a whole waits for, and until when.
    fn waits(&self) -> impl Iterator<Item = (Wait, Instant)> {
        let (state, times) = (&**self.state, &self.times);
        let has_request = state.has_request.load(Ordering::Relaxed);
        let first = match state.first_byte.is_never() {
            _ if has_request => None,
            true => state
                .after_start(times.first_byte)
                .map(|end| (Wait::For(WaitingFor::FirstByte), end)),
            false => state
                .first_byte
                .after(state, times.head)
                .map(|end| (Wait::For(WaitingFor::Head), end)),
        };
        let head = state.head.after(state, times.head);
        let head = head.map(|end| (Wait::For(WaitingFor::Head), end));
        let blocked = state.blocked.after(state, times.stall);
        let blocked = blocked.map(|end| (Wait::Stall, end));
        let idle = match self.closing.is_never() {
            true if !has_request => None,
            true => self
                .idle
                .after(state, times.request)
                .map(|end| (Wait::Idle, end)),
            // From the later of the two.
            false => {
                let idle = self.idle.after(state, CLOSE_GRACE);
                let announced = self.closing.after(state, CLOSE_GRACE);
                idle.zip(announced)
                    .map(|(idle, announced)| (Wait::Close, idle.max(announced)))
            }
        };
        [first, head, blocked, idle].into_iter().flatten()
    }

    /// When something takes too long; `None` while nothing can.
    fn next_end(&self) -> Option<Instant> {
        let waits = self.waits().map(|(_, end)| end);
        // Mostly nothing waits for the client: then no stream is looked at.
        let has_unwritten = self.state.has_unwritten();
        let streams = self.streams.iter().map(|(_, stream)| stream);
        let streams = streams
            .chain(&self.unwritten)
            .take_while(|_| has_unwritten)
            .filter_map(|stream| stream.ends_at(self.times.stall, self.times.answer));
        waits.chain(streams).min()
    }

    /// Ends what has taken too long.
    fn expire(&mut self, now: Instant) -> Option<Ended> {
        let expired = self.waits().find(|(_, end)| *end <= now);
        match expired {
            None => {}
            Some((Wait::For(what), _)) => return Some(Ended::TimedOut(what)),
            Some((Wait::Stall, _)) => return Some(self.stalled()),
            Some((Wait::Close, _)) => return Some(Ended::Served),
            Some((Wait::Idle, _)) => {
                self.context.connections.time_out(WaitingFor::Request);
                self.close();
            }
        }
        let is_over = |stream: &StreamProgress| {
            let end = stream.ends_at(self.times.stall, self.times.answer);
            end.is_some_and(|end| end <= now)
        };
        // It can't be reset any more: h2 has its end.
        if self.unwritten.iter().any(|stream| is_over(stream)) {
            self.context.connections.time_out(WaitingFor::Answer);
            return Some(Ended::Stalled);
        }
        let over = self.streams.iter().filter(|(_, stream)| is_over(stream));
        let over: Vec<(usize, bool)> = over
            .map(|(key, stream)| (key, stream.is_events()))
            .collect();
        for (key, is_events) in over {
            tracing::debug!(is_events, "stream reset: its client does not read it");
            match is_events {
                true => self.count_stalled(1),
                false => self.context.connections.time_out(WaitingFor::Answer),
            }
            self.streams.remove(key);
        }
        None
    }
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    For(WaitingFor),
    /// The socket to take something.
    Stall,
    /// The next request.
    Idle,
    /// The client to close.
    Close,
}

/// Whether a ping was not answered, or the kernel found that the client acknowledges
/// nothing any more.
fn is_timeout(error: &hyper::Error) -> bool {
    let cause = h2_error(error).and_then(h2::Error::get_io);
    error.is_timeout() || cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Whether h2 ended the connection because the client did not keep to the protocol.
fn is_refusal(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(|error| error.is_go_away() && error.is_library())
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
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
