//! The rooms, their streams and the routes inside another program: everything of
//! a server but its listener and its connections, which are the program's own.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use hyper::{Request, Response};
use tokio::task::JoinSet;

use super::drain::{self, Drained};
use super::fanout::{Fanout, PipeBody, StopOnDrop, StreamCut};
use super::maintenance::maintain_rooms;
use super::refusals;
use super::start_error::StartError;
use super::task_tracker::{TaskToken, TaskTracker};
use crate::chat::{Hub, SubscribeError, SubscribeOptions};
use crate::config::Config;
use crate::http::{self, App, Caller, Reply, RequestBody, StreamHandoff};
#[cfg(feature = "tokens")]
use crate::tokens::Verifier;

/// A chat and broadcast server inside another program. A clone is the same one.
///
/// It begins with its fan-out threads running, and housekeeping (presence, idle
/// rooms) as a task of the runtime. The drop of the last clone cuts what streams
/// are left; [`Embedded::drain`] ends them in order.
///
/// ```
/// use http_body_util::BodyExt as _;
/// use sse_chat::chat::{Draft, SubscribeOptions};
/// use sse_chat::config::Config;
/// use sse_chat::protocol::{Backlog, MessageText, RoomName, UserName};
/// use sse_chat::server::Embedded;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rooms = Embedded::start(Config::default())?;
/// let lobby = RoomName::parse("lobby")?;
/// let draft = Draft::new(UserName::parse("Ada")?, MessageText::parse("Hello!", 4096)?);
/// rooms.hub().publish(&lobby, draft)?;
/// let mut stream = rooms.subscribe(SubscribeOptions {
///     backlog: Backlog::All,
///     ..SubscribeOptions::to(lobby)
/// })?;
/// // A frame is a piece of the stream. It may hold several events, or a part of one.
/// let mut received = Vec::new();
/// while !received.windows(6).any(|bytes| bytes == b"Hello!") {
///     let frame = stream.frame().await.expect("the stream stays open")?;
///     received.extend_from_slice(&frame.into_data().unwrap_or_default());
/// }
/// # drop(stream);
/// rooms.drain().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Embedded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: Arc<App>,
    fanout: Arc<Fanout>,
    /// One token for each stream that a drain waits for.
    streams: TaskTracker,
    /// Ends with it.
    _housekeeping: JoinSet<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.fanout.stop();
    }
}

impl Embedded {
    /// Starts the fan-out threads and the housekeeping. Settings of listeners and
    /// connections are not used, because those are the program's: of `config`
    /// `listen` and `metrics`, of its limits the number of connections, the timeouts,
    /// the sizes of heads, `stall`, `accept_queue` and `send_buffer`.
    ///
    /// # Errors
    ///
    /// [`StartError`] for a setting that no server can run with, and when a
    /// thread can't be started.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time.
    pub fn start(config: Config) -> Result<Self, StartError> {
        Self::of(App::new(config)?)
    }

    /// As [`Embedded::start`], also with a history that several servers share.
    ///
    /// # Errors
    ///
    /// As of [`Embedded::start`], and if the history is not reached.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub async fn connect(config: Config) -> Result<Self, StartError> {
        Self::of(App::connect(config).await?)
    }

    fn of(app: App) -> Result<Self, StartError> {
        let app = Arc::new(app);
        let fanout = Fanout::start(&app, app.config.workers).map_err(StartError::Workers)?;
        let mut housekeeping = JoinSet::new();
        housekeeping.spawn(maintain_rooms(Arc::clone(&app)));
        #[cfg(feature = "redis")]
        housekeeping.spawn(super::shared_history::follow(Arc::clone(&app)));
        housekeeping.spawn(refusals::log_periodically(Arc::clone(&app)));
        Ok(Self(Arc::new(Inner {
            app,
            fanout: Arc::new(fanout),
            streams: TaskTracker::default(),
            _housekeeping: housekeeping,
        })))
    }

    /// The rooms: publish, read history, list members.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.0.app.hub
    }

    /// What verifies tokens, if [`Config::tokens`] has keys. A key set at a URL is empty
    /// until the program loads it: see
    /// [`Verifier::keep_loading_jwks`](crate::tokens::Verifier::keep_loading_jwks).
    #[cfg(feature = "tokens")]
    pub fn verifier(&self) -> Option<&Verifier> {
        self.0.app.verifier()
    }

    /// An event stream as the routes would send it: hello, what the cursor or
    /// the backlog asks for, then what is published. It checks no token, no host and no
    /// origin, and counts for no address. A stream resumes only if the program passes the
    /// client's `Last-Event-ID` as the cursor.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`] when a room or a member would be over the limit.
    pub fn subscribe(&self, options: SubscribeOptions) -> Result<EventBody, SubscribeError> {
        let subscription = self.hub().subscribe(options)?;
        Ok(self.deliver(StreamHandoff::without_request(&self.0.app, subscription)))
    }

    /// Answers a request as the server would: the chat page, its assets, every
    /// endpoint of the protocol, and a problem for all else. `peer` is the
    /// address that the connection came from; limits per address, and who may be
    /// a trusted proxy, go by it.
    ///
    /// A program that serves other routes beside these asks for its own first.
    pub async fn answer<B>(&self, request: Request<B>, peer: IpAddr) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + 'static,
    {
        // A loopback peer has connected to a loopback address, where only the names
        // of this machine are valid hosts. For other peers the local address has no
        // meaning to the checks.
        let address = SocketAddr::new(peer, 0);
        let caller = Caller::new(address, address, None);
        let response = http::answer(&self.0.app, caller, request.map(RequestBody::of)).await;
        response.map(|reply| match reply {
            Reply::Body(body) => ResponseBody(Content::Answer(body)),
            Reply::Stream(stream) => ResponseBody(Content::Events(self.deliver(*stream))),
        })
    }

    /// Ends every stream with `bye`, each at a random time within `Config::grace`;
    /// from now on `POST` is answered with 503 `draining`. Returns when all have
    /// ended; what is left at the end of the grace is cut, and also when the returned
    /// future is dropped.
    pub async fn drain(&self) -> Drained {
        let Inner {
            app,
            fanout,
            streams,
            ..
        } = &*self.0;
        let _stop = StopOnDrop(Arc::clone(fanout));
        let drained = drain::drain(app, fanout, streams).await;
        refusals::log_new(&app.counts);
        drained
    }

    fn deliver(&self, stream: StreamHandoff) -> EventBody {
        EventBody {
            pipe: self.0.fanout.add_body(stream),
            _tracked: self.0.streams.token(),
        }
    }
}

/// An event stream: a [`Body`] for a response, and a [`Stream`] of the same
/// bytes. A piece is one event or several, never a part of one. Its drop leaves
/// the rooms.
///
/// At most 64 KiB, or one larger event, wait in it. While it is full its reader is served from
/// history, and gets `gap` only for what history has lost.
#[derive(Debug)]
pub struct EventBody {
    pipe: PipeBody,
    _tracked: TaskToken,
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        Pin::new(&mut self.pipe).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.pipe.is_end_stream()
    }
}

impl Stream for EventBody {
    type Item = Result<Bytes, StreamCut>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // An event stream has no trailers.
        let data = |frame: Frame<Bytes>| frame.into_data().unwrap_or_default();
        self.poll_frame(cx).map_ok(data)
    }
}

/// The body of an answer of [`Embedded::answer`].
pub struct ResponseBody(Content);

enum Content {
    Answer(http::Body),
    Events(EventBody),
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Answer(body) => body.fmt(f),
            Content::Events(body) => body.fmt(f),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        match &mut self.get_mut().0 {
            Content::Answer(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Content::Events(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Answer(body) => body.is_end_stream(),
            Content::Events(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Answer(body) => body.size_hint(),
            Content::Events(body) => Body::size_hint(body),
        }
    }
}
