//! One connection while it is served: its turns, in which hyper and the streams that
//! were woken are polled, and how it ends. What it waits for is in `waits`.

mod waits;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::answers::Answers;
use super::failure::is_timeout;
use super::frames::FrameReader;
use super::progress::{ConnectionState, Moment, StreamProgress};
use super::settings;
use super::socket_io::ObservedIo;
use super::streams::Streams;
use super::turns::{END, HYPER, Source, Turns};
use crate::http::Caller;
use crate::server::context::ServerContext;
use crate::server::timeouts::{TimeLimits, WaitingFor};

/// How often a turn is begun again for what was woken in it. Beyond that, other
/// connections have theirs first.
const MAX_ROUNDS: usize = 8;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
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

/// Serves a connection until it ends; the socket is left to the caller.
pub(super) async fn run<S>(
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
}
