//! A request's body: read by whoever wants it, within its limits of bytes and
//! time. What nobody read is passed over if it is small, so that the connection
//! serves the next request; else the answer says that it is the last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::header::{EXPECT, HeaderMap, TRANSFER_ENCODING};

use super::app::App;
use super::guard::RequestPermit;
use super::problem::Problem;
use crate::protocol::ProblemCode;

/// How much is passed over: many a client sends its body apart from the head,
/// and is still sending what is refused by the head alone.
const SMALL: usize = 4096;
/// How long that may take.
const PASSING: Duration = Duration::from_secs(1);

/// Marks an answer whose request's body was left where it was.
#[derive(Debug, Clone, Copy)]
pub struct BodyLeft;

/// Why a body of a program's own can't be read further.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of one request.
#[derive(Debug)]
pub struct RequestBody {
    /// `None` once it was read, or if there is none.
    incoming: Option<Source>,
    /// A part of it was read, or will not be.
    is_left: bool,
    /// The place of its request, for as long as the rest of it is waited for.
    _permit: Option<RequestPermit>,
}

/// Where the bytes of a body come from.
#[derive(Debug)]
enum Source {
    /// The connection of this server.
    Hyper(Incoming),
    /// A program that embeds the routes, and reads requests by itself.
    Embedding(UnsyncBoxBody<Bytes, BoxError>),
}

impl From<Incoming> for RequestBody {
    fn from(incoming: Incoming) -> Self {
        Self::new(Source::Hyper(incoming))
    }
}

impl RequestBody {
    /// A body of any kind. Its bytes are read within the limits of the server.
    pub fn of<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let boxed = body.map_err(Into::into).boxed_unsync();
        Self::new(Source::Embedding(boxed))
    }

    fn new(incoming: Source) -> Self {
        Self {
            incoming: (!incoming.is_end_stream()).then_some(incoming),
            is_left: false,
            _permit: None,
        }
    }

    /// The request is under way until its body is dropped.
    pub(super) fn keep(&mut self, permit: Option<RequestPermit>) {
        self._permit = permit;
    }

    /// All of it. `wrong` is what a body is called that can't be read.
    pub(super) async fn read(&mut self, app: &App, wrong: ProblemCode) -> Result<Bytes, Problem> {
        let Some(incoming) = self.incoming.take() else {
            return Ok(Bytes::new());
        };
        let body = read(app, incoming, wrong).await;
        self.is_left = body.is_err();
        body
    }

    /// Passes over what nobody has read. Whether something was left.
    pub(super) async fn pass_over(&mut self, headers: &HeaderMap) -> bool {
        let Some(incoming) = self.incoming.take() else {
            return self.is_left;
        };
        // Who waits for `100 Continue` is not asked for what nobody wants.
        let waits = headers.contains_key(EXPECT);
        if waits || !is_plain_or_chunked(headers) || incoming.size_hint().lower() > SMALL as u64 {
            return true;
        }
        let passed = tokio::time::timeout(PASSING, collect(incoming, SMALL)).await;
        !matches!(passed, Ok(Ok(_)))
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Hyper(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Embedding(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hyper(body) => body.is_end_stream(),
            Self::Embedding(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(body) => body.size_hint(),
            Self::Embedding(body) => body.size_hint(),
        }
    }
}

async fn read(app: &App, body: Source, wrong: ProblemCode) -> Result<Bytes, Problem> {
    let most = app.config.max_body_bytes();
    let too_large = || {
        Problem::new(
            ProblemCode::BodyTooLarge,
            format!("a request's body is at most {most} bytes"),
        )
    };
    // Said beforehand, it is refused before a byte of it is read, and before
    // `100 Continue` asks for it.
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let mut collected = pin!(collect(body, most));
    // hyper hands a body over once it was asked for it, and mostly has it: no
    // timer for that.
    let read = match poll_twice(collected.as_mut()).await {
        Some(read) => Ok(read),
        None => tokio::time::timeout(app.config.limits.body_timeout, collected).await,
    };
    match read {
        Err(_) => Err(Problem::new(
            ProblemCode::RequestTimeout,
            format!(
                "the body took longer than {} s",
                app.config.limits.body_timeout.as_secs_f32()
            ),
        )),
        Ok(Err(Unreadable::TooLarge)) => Err(too_large()),
        Ok(Err(Unreadable::Broken)) => {
            let detail = "the body ended early, or its chunks are malformed";
            Err(Problem::new(wrong, detail))
        }
        Ok(Ok(body)) => Ok(body),
    }
}

/// What `future` has at once, or when it is asked once more.
async fn poll_twice<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut asked = false;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if std::mem::replace(&mut asked, true) => Poll::Ready(None),
        Poll::Pending => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

enum Unreadable {
    TooLarge,
    Broken,
}

/// The whole body. Most come in one piece, which is not copied.
async fn collect(mut body: Source, most: usize) -> Result<Bytes, Unreadable> {
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| Unreadable::Broken)?.into_data() else {
            // Trailers say nothing here.
            continue;
        };
        if first.len().max(joined.len()) + piece.len() > most {
            return Err(Unreadable::TooLarge);
        }
        if first.is_empty() {
            first = piece;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&piece);
    }
    match joined.is_empty() {
        true => Ok(first),
        false => Ok(joined.freeze()),
    }
}

/// hyper undoes the chunks, and would pass over a coding below them as if it
/// were not there (RFC 9112, section 6.1).
pub(super) fn is_plain_or_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}
