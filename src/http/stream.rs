//! The body of an event stream: from a `Subscription` to bytes.
//!
//! It writes hello, then whatever the subscription has, joined into one write;
//! a ping when there was nothing for a while; and bye, then a clean end, when
//! the server drains.

use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, Sleep};

use super::app::App;
use super::body::PIECE_BYTES;
use super::counts::Counts;
use super::draining::{Draining, Turn};
use super::handoff::{StreamGuard, StreamHandoff};
use super::joined::Joined;
use crate::chat::{Cursor, Delivery, Hello, HelloRoom, Subscription};
use crate::config::Config;
use crate::sse;

/// How much is joined into one write to a reader by a worker, which keeps none
/// of it. A body is kept by hyper, so there it is [`PIECE_BYTES`].
pub const MAX_WRITE_BYTES: usize = 64 * 1024;

/// The body of an event stream.
#[derive(Debug)]
pub struct EventStream {
    config: Arc<Config>,
    draining: Arc<Draining>,
    counts: Arc<Counts>,
    /// Goes before the subscription: who leaves has given its place back.
    guard: StreamGuard,
    /// The first event, until it is sent.
    hello: Option<sse::Encoded>,
    /// `None` once the stream has ended. A drop of it leaves the rooms.
    subscription: Option<Subscription>,
    /// `None` until it is polled: many a stream is given away before that.
    clock: Option<Clock>,
    /// What was taken from the subscription and did not fit into the last piece.
    held: Option<Delivery>,
}

/// What a stream waits for beside its subscription.
#[derive(Debug)]
struct Clock {
    turn: Turn,
    ping: Pin<Box<Sleep>>,
    last_sent: Instant,
}

impl EventStream {
    /// The body of a stream that stays with hyper.
    pub fn new(app: &App, stream: StreamHandoff) -> Self {
        Self {
            config: Arc::clone(&app.config),
            draining: Arc::clone(&app.draining),
            counts: Arc::clone(&app.counts),
            hello: Some(stream.hello),
            subscription: Some(stream.subscription),
            clock: None,
            held: None,
            guard: stream.guard,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.subscription.is_none()
    }

    /// What is ready, up to a piece; `None` at the end, which comes when nothing
    /// is ready any more.
    pub(super) fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(subscription) = &mut self.subscription else {
            return Poll::Ready(None);
        };
        let clock = self
            .clock
            .get_or_insert_with(|| Clock::start(&self.config, &self.draining));
        let is_ending = clock.turn.poll(&self.draining, cx).is_ready();
        if is_ending {
            subscription.end_pacing();
        }
        let (mut ready, mut messages) = (Joined::default(), 0);
        if let Some(hello) = self.hello.take() {
            ready.push(hello.text());
        }
        let mut next = || match self.held.take() {
            Some(held) => Poll::Ready(held),
            None => subscription.poll_next(cx),
        };
        let mut has_all = true;
        while let Poll::Ready(delivery) = next() {
            let text = delivery.event().text();
            if !ready.is_empty() && ready.len() + text.len() > PIECE_BYTES {
                (self.held, has_all) = (Some(delivery), false);
                break;
            }
            messages += u64::from(matches!(delivery, Delivery::Update(_)));
            ready.push(text);
        }
        if is_ending && has_all {
            ready.push(bye(&self.config).text());
            self.guard = StreamGuard::default();
            self.subscription = None;
        }
        if !ready.is_empty() {
            clock.last_sent = Instant::now();
            self.counts.deliver(messages, ready.len());
            return Poll::Ready(Some(ready.into_bytes()));
        }
        clock.poll_ping(self.config.ping, cx).map(|()| {
            let ping = sse::Encoded::ping().text();
            self.counts.deliver(0, ping.len());
            Some(ping)
        })
    }
}

impl Clock {
    fn start(config: &Config, draining: &Draining) -> Self {
        Self {
            turn: Turn::of(draining),
            ping: Box::pin(tokio::time::sleep(config.ping)),
            last_sent: Instant::now(),
        }
    }

    /// Ready when nothing was sent for the time of `every`.
    ///
    /// The timer is not moved for each event, which would cost more than the
    /// event: when it rings too early it is set for the rest.
    fn poll_ping(&mut self, every: Duration, cx: &mut Context<'_>) -> Poll<()> {
        while self.ping.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let due = self.last_sent + every;
            if due <= now {
                self.last_sent = now;
                self.ping.as_mut().reset(now + every);
                return Poll::Ready(());
            }
            self.ping.as_mut().reset(due);
        }
        Poll::Pending
    }
}

/// A time for one client to come back after, so that not all do so at once.
pub(super) fn draw(range: &RangeInclusive<Duration>) -> Duration {
    let (from, to) = (range.start(), range.end());
    let millis = |time: &Duration| time.as_millis().try_into().unwrap_or(u64::MAX);
    Duration::from_millis(fastrand::u64(millis(from)..=millis(to)))
}

pub(super) fn encode_hello(config: &Config, hello: &Hello) -> sse::Encoded {
    #[derive(Serialize)]
    struct Data<'a> {
        cursor: &'a Cursor,
        ping_ms: u128,
        rooms: &'a [HelloRoom],
    }
    sse::Event::with_capacity(512)
        .retry(draw(&config.retry))
        .event("hello")
        .id(hello.cursor)
        .json(&Data {
            cursor: &hello.cursor,
            ping_ms: config.ping.as_millis(),
            rooms: &hello.rooms,
        })
}

/// The `bye` of one stream, with a time of its own to come back after.
pub fn bye(config: &Config) -> sse::Encoded {
    #[derive(Serialize)]
    struct Data {
        reason: &'static str,
        retry_ms: u128,
    }
    let retry = draw(&config.retry);
    sse::Event::with_capacity(96)
        .retry(retry)
        .event("bye")
        .json(&Data {
            reason: "shutdown",
            retry_ms: retry.as_millis(),
        })
}

#[cfg(test)]
mod tests;
