//! Response bodies: bytes at hand, or a history page encoded piece by piece; and
//! the most common responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::guard::RequestPermit;
use super::history_body::{HistoryBody, PIECE_BYTES};
use crate::protocol::EVENT_STREAM;

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Body {
    /// Bytes, perhaps shared by many responses; the part not sent yet.
    Whole(Bytes),
    /// The same with its request permit, which is held until the client has
    /// taken the bytes. Boxed, so that small responses stay small.
    Held(Box<HeldBody>),
    /// A history page.
    History(Box<HistoryBody>),
}

/// A body of more than one piece that holds its request permit.
#[derive(Debug)]
pub(crate) struct HeldBody {
    /// The part not sent yet.
    bytes: Bytes,
    _permit: RequestPermit,
}

impl Body {
    /// Holds the permit until the whole body is sent, if it is longer than one
    /// piece: the client decides how long that takes. Else returns the permit.
    pub(super) fn hold(&mut self, permit: RequestPermit) -> Option<RequestPermit> {
        match self {
            Self::History(page) => page.hold(permit),
            Self::Whole(bytes) if bytes.len() > PIECE_BYTES => {
                *self = Self::Held(Box::new(HeldBody {
                    bytes: std::mem::take(bytes),
                    _permit: permit,
                }));
            }
            Self::Whole(_) | Self::Held(_) => return Some(permit),
        }
        None
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl From<HistoryBody> for Body {
    fn from(page: HistoryBody) -> Self {
        Self::History(Box::new(page))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Held(held) if held.bytes.is_empty() => Poll::Ready(None),
            Self::Held(held) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut held.bytes))))),
            Self::History(page) if page.left() == 0 => Poll::Ready(None),
            Self::History(page) => Poll::Ready(Some(Ok(Frame::data(page.next_piece())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Held(held) => held.bytes.is_empty(),
            Self::History(page) => page.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Held(held) => SizeHint::with_exact(held.bytes.len() as u64),
            Self::History(page) => SizeHint::with_exact(page.left() as u64),
        }
    }
}

/// A JSON response that is not cached.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The head of an event stream's response.
pub(super) fn event_stream<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, no-transform"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// A response without a body.
pub(super) fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
