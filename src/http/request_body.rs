//! A request's body, read within limits of bytes and time. A small unread body is
//! discarded, so that the connection serves the next request; after a larger one
//! the connection closes.

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

use super::guard::RequestPermit;
use super::problem::Problem;
use crate::config::Config;
use crate::protocol::ProblemCode;

/// The most bytes that are discarded. Many clients send the body apart from the
/// head, and are still sending when the head alone is refused.
const MAX_DISCARDED_BYTES: usize = 4096;
/// The time that discarding may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// A response extension: the request's body was not read to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLeft;

/// How a body is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Most bytes that are read.
    pub(super) most: usize,
    /// The refusal of a body with more bytes.
    pub(super) too_large: fn(&Config) -> Problem,
    /// The code of a body that breaks off.
    pub(super) malformed: ProblemCode,
}

impl BodyLimits {
    /// The limits of a body with fields.
    pub(super) fn of_fields(config: &Config, malformed: ProblemCode) -> Self {
        Self {
            most: config.max_body_bytes(),
            too_large: |config| {
                let most = config.max_body_bytes();
                let detail = format!("a request's body is at most {most} bytes");
                Problem::new(ProblemCode::BodyTooLarge, detail)
            },
            malformed,
        }
    }
}

/// Why a body of a program's own can't be read further.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of one request.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// `None` once it was read, or if there is none.
    incoming: Option<BodySource>,
    /// It was read in part, or is left unread.
    is_left: bool,
    /// Held while the rest of the body is awaited.
    _permit: Option<RequestPermit>,
}

/// Where the bytes of a body come from.
#[derive(Debug)]
enum BodySource {
    /// The connection of this server.
    Hyper(Incoming),
    /// A program that embeds the routes, and reads requests by itself.
    Embedding(UnsyncBoxBody<Bytes, BoxError>),
}

impl From<Incoming> for RequestBody {
    fn from(incoming: Incoming) -> Self {
        Self::new(BodySource::Hyper(incoming))
    }
}

impl RequestBody {
    /// A body of any kind. Its bytes are read within the limits of the server.
    pub(crate) fn of<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let boxed = body.map_err(Into::into).boxed_unsync();
        Self::new(BodySource::Embedding(boxed))
    }

    fn new(incoming: BodySource) -> Self {
        Self {
            incoming: (!incoming.is_end_stream()).then_some(incoming),
            is_left: false,
            _permit: None,
        }
    }

    /// Holds the permit until the body is dropped.
    pub(super) fn hold(&mut self, permit: Option<RequestPermit>) {
        self._permit = permit;
    }

    /// Reads the whole body.
    pub(super) async fn read(
        &mut self,
        config: &Config,
        limits: BodyLimits,
    ) -> Result<Bytes, Problem> {
        let Some(incoming) = self.incoming.take() else {
            return Ok(Bytes::new());
        };
        let body = read(config, incoming, limits).await;
        self.is_left = body.is_err();
        body
    }

    /// Discards an unread body. Returns whether some of it is left unread.
    pub(super) async fn discard(&mut self, headers: &HeaderMap) -> bool {
        let Some(incoming) = self.incoming.take() else {
            return self.is_left;
        };
        // A client that awaits `100 Continue` has sent nothing to discard.
        let waits = headers.contains_key(EXPECT);
        if waits
            || !is_plain_or_chunked(headers)
            || incoming.size_hint().lower() > MAX_DISCARDED_BYTES as u64
        {
            return true;
        }
        let discard = collect(incoming, MAX_DISCARDED_BYTES);
        let passed = tokio::time::timeout(DISCARD_TIMEOUT, discard).await;
        !matches!(passed, Ok(Ok(_)))
    }
}

impl Body for BodySource {
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

async fn read(config: &Config, body: BodySource, limits: BodyLimits) -> Result<Bytes, Problem> {
    let BodyLimits {
        most,
        too_large,
        malformed,
    } = limits;
    // An announced length is refused before a byte is read, and before hyper
    // sends `100 Continue`.
    if body.size_hint().lower() > most as u64 {
        return Err(too_large(config));
    }
    let mut collected = pin!(collect(body, most));
    // hyper provides a body once it is polled, and mostly has it at hand: that
    // needs no timer.
    let read = match poll_twice(collected.as_mut()).await {
        Some(read) => Ok(read),
        None => tokio::time::timeout(config.limits.body_timeout, collected).await,
    };
    match read {
        Err(_) => Err(Problem::new(
            ProblemCode::RequestTimeout,
            format!(
                "the body took longer than {} s",
                config.limits.body_timeout.as_secs_f32()
            ),
        )),
        Ok(Err(Unreadable::TooLarge)) => Err(too_large(config)),
        Ok(Err(Unreadable::Broken)) => {
            let detail = "the body ended early, or its chunks are malformed";
            Err(Problem::new(malformed, detail))
        }
        Ok(Ok(body)) => Ok(body),
    }
}

/// The output of `future` if it is ready within two polls.
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

/// Collects the body. Most arrive in one piece, which is not copied.
async fn collect(mut body: BodySource, most: usize) -> Result<Bytes, Unreadable> {
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| Unreadable::Broken)?.into_data() else {
            // Trailers are ignored.
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

/// hyper decodes chunks, and ignores any coding below them (RFC 9112, section
/// 6.1).
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
