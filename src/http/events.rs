//! Event streams: from a request to a `Subscription`, and from that to a body.
//!
//! The body writes hello, then whatever the subscription has, joined into one
//! write; a ping when there was nothing for a while; and bye, then a clean end,
//! when the server drains.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use serde::Serialize;
use tokio::time::{Instant, Sleep};

use super::app::App;
use super::body::Body;
use super::draining::Turn;
use super::input::Pairs;
use super::problem::{Code, Problem};
use crate::chat::{Backlog, Cursor, Hello, HelloRoom, RoomName, Subscribe, Subscription, UserName};
use crate::sse;

/// Most rooms of one stream.
const MAX_ROOMS: usize = 100;
/// Most messages of backlog that can be asked for by number.
const MAX_BACKLOG: usize = 500;
/// How much is joined into one write.
const MAX_WRITE_BYTES: usize = 64 * 1024;

/// `GET /rooms/{room}/events`
pub(super) fn of_one_room(
    app: &Arc<App>,
    room: RoomName,
    asked: &Asked<'_>,
) -> Result<Response<Body>, Problem> {
    let wish = asked.wish(vec![room], Backlog::Last(0))?;
    respond(app, asked, wish)
}

/// `GET /events?room=a&room=b`
pub(super) fn of_many_rooms(app: &Arc<App>, asked: &Asked<'_>) -> Result<Response<Body>, Problem> {
    let mut rooms: Vec<RoomName> = Vec::new();
    for room in asked.query.all("room")? {
        let room = RoomName::parse(room)?;
        if !rooms.contains(&room) {
            rooms.push(room);
        }
        if rooms.len() > MAX_ROOMS {
            return Err(Code::InvalidQuery.because("a stream has at most 100 rooms"));
        }
    }
    if rooms.is_empty() {
        return Err(Code::InvalidQuery.because("name at least one room, as in /events?room=lobby"));
    }
    let wish = asked.wish(rooms, Backlog::Last(0))?;
    respond(app, asked, wish)
}

/// `GET /sse.php`: the default room, with all that was said.
pub(super) fn of_the_demo(app: &Arc<App>, asked: &Asked<'_>) -> Result<Response<Body>, Problem> {
    let wish = asked.wish(vec![app.default_room.clone()], Backlog::All)?;
    respond(app, asked, wish)
}

/// What a request says about the stream it wants.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Pairs<'a>,
}

impl Asked<'_> {
    fn wish(&self, rooms: Vec<RoomName>, backlog: Backlog) -> Result<Subscribe, Problem> {
        let name = self.query.one("name")?.map(UserName::parse).transpose()?;
        let presence = match self.query.one("presence")? {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return Err(Code::InvalidQuery.because("presence is 0 or 1")),
        };
        Ok(Subscribe {
            rooms,
            cursor: self.cursor(),
            backlog: self.backlog()?.unwrap_or(backlog),
            presence: presence || name.is_some(),
            name,
        })
    }

    /// The header wins over the query: on a reconnect a browser sends the same
    /// URL again, and only the header is up to date.
    fn cursor(&self) -> Option<Cursor> {
        let header = self.headers.get("last-event-id").map(HeaderValue::as_bytes);
        let sent = header.or_else(|| self.query.first_bytes("last_event_id"));
        sent.map(Cursor::parse)
    }

    fn backlog(&self) -> Result<Option<Backlog>, Problem> {
        let wrong = || Code::InvalidQuery.because("backlog is a number from 0 to 500, or all");
        let Some(backlog) = self.query.one("backlog")? else {
            return Ok(None);
        };
        if backlog == "all" {
            return Ok(Some(Backlog::All));
        }
        let digits = backlog.bytes().all(|byte| byte.is_ascii_digit());
        match backlog.parse() {
            Ok(most) if digits && most <= MAX_BACKLOG => Ok(Some(Backlog::Last(most))),
            _ => Err(wrong()),
        }
    }
}

fn respond(app: &Arc<App>, asked: &Asked<'_>, wish: Subscribe) -> Result<Response<Body>, Problem> {
    let body = match *asked.method {
        Method::HEAD => Body::Whole(Bytes::new()),
        _ => Body::Events(Box::new(EventStream::new(
            Arc::clone(app),
            app.hub.subscribe(wish)?,
        ))),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, no-transform"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// The body of an event stream.
#[derive(Debug)]
pub struct EventStream {
    app: Arc<App>,
    /// `None` once the stream has ended. A drop of it leaves the rooms.
    subscription: Option<Subscription>,
    turn: Turn,
    ping: Pin<Box<Sleep>>,
    last_sent: Instant,
}

impl EventStream {
    fn new(app: Arc<App>, subscription: Subscription) -> Self {
        Self {
            subscription: Some(subscription),
            turn: Turn::of(&app.draining),
            ping: Box::pin(tokio::time::sleep(app.config.ping)),
            last_sent: Instant::now(),
            app,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.subscription.is_none()
    }

    /// All that is ready, as one piece; `None` at the end.
    pub(super) fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(subscription) = &mut self.subscription else {
            return Poll::Ready(None);
        };
        let mut ready = Joined::default();
        if let Some(hello) = subscription.take_hello() {
            ready.push(encode_hello(&self.app, &hello));
        }
        while ready.len() < MAX_WRITE_BYTES
            && let Poll::Ready(delivery) = subscription.poll_next(cx)
        {
            ready.push(delivery.into_text());
        }
        if self.turn.poll(&self.app.draining, cx).is_ready() {
            ready.push(encode_bye(draw_retry(&self.app)));
            self.subscription = None;
        }
        if !ready.is_empty() {
            self.last_sent = Instant::now();
            return Poll::Ready(Some(ready.into_bytes()));
        }
        self.poll_ping(cx).map(Some)
    }

    /// The timer is not moved for each event, which would cost more than the
    /// event: when it rings too early it is set for the rest.
    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let every = self.app.config.ping;
        while self.ping.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let due = self.last_sent + every;
            if due <= now {
                self.last_sent = now;
                self.ping.as_mut().reset(now + every);
                return Poll::Ready(Bytes::from_static(sse::PING));
            }
            self.ping.as_mut().reset(due);
        }
        Poll::Pending
    }
}

/// Events joined into one piece; a single one is not copied.
#[derive(Debug, Default)]
struct Joined {
    first: Bytes,
    all: BytesMut,
}

impl Joined {
    fn push(&mut self, event: Bytes) {
        if self.first.is_empty() {
            self.first = event;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&event);
    }

    fn len(&self) -> usize {
        self.all.len().max(self.first.len())
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    fn into_bytes(self) -> Bytes {
        match self.all.is_empty() {
            true => self.first,
            false => self.all.freeze(),
        }
    }
}

/// A time for one client to come back after, so that not all do so at once.
fn draw_retry(app: &App) -> Duration {
    let (from, to) = (app.config.retry.start(), app.config.retry.end());
    let millis = |time: &Duration| time.as_millis().try_into().unwrap_or(u64::MAX);
    Duration::from_millis(fastrand::u64(millis(from)..=millis(to)))
}

fn encode_hello(app: &App, hello: &Hello) -> Bytes {
    #[derive(Serialize)]
    struct Data<'a> {
        cursor: &'a Cursor,
        ping_ms: u128,
        rooms: &'a [HelloRoom],
    }
    sse::Event::with_capacity(512)
        .retry(draw_retry(app))
        .event("hello")
        .id(hello.cursor)
        .json(&Data {
            cursor: &hello.cursor,
            ping_ms: app.config.ping.as_millis(),
            rooms: &hello.rooms,
        })
}

fn encode_bye(retry: Duration) -> Bytes {
    #[derive(Serialize)]
    struct Data {
        reason: &'static str,
        retry_ms: u128,
    }
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
