//! The body of a response: whole, or messages in pieces; the event stream that
//! a response may have in place of one; and the most common responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::guard::RequestPermit;
use super::handoff::StreamHandoff;
use super::messages::Messages;
use crate::protocol::EVENT_STREAM;

/// How much of a body is copied for one client at a time. What is larger and
/// shared, such as one event, may come whole.
pub const PIECE_BYTES: usize = 8 * 1024;

/// What answers a request, beside the head of the response.
#[derive(Debug)]
pub enum Reply {
    /// A body, for hyper to send.
    Body(Body),
    /// An event stream, for the server to give a transport.
    Stream(Box<StreamHandoff>),
}

/// What a response carries.
#[derive(Debug)]
pub enum Body {
    /// Bytes that may be shared by many responses; what was not taken yet.
    Whole(Bytes),
    /// The same, of which a client may take its time, with the place of its
    /// request. Boxed, so that small answers cost no more for it.
    Held(Box<Held>),
    /// A page of history.
    Messages(Box<Messages>),
}

/// A body that is more than one piece, and keeps the place of its request.
#[derive(Debug)]
pub struct Held {
    /// What was not taken yet.
    bytes: Bytes,
    _permit: RequestPermit,
}

impl Reply {
    /// Whether it is an event stream.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// [`Body::keep`]. Streams have places of their own.
    pub(super) fn keep(&mut self, permit: RequestPermit) -> Option<RequestPermit> {
        match self {
            Self::Body(body) => body.keep(permit),
            Self::Stream(_) => Some(permit),
        }
    }
}

impl Body {
    /// Keeps the place of a request until all of it is taken, if it has more
    /// than one piece: those come only as the client takes them. Else gives it
    /// back.
    fn keep(&mut self, permit: RequestPermit) -> Option<RequestPermit> {
        match self {
            Self::Messages(messages) => messages.keep(permit),
            Self::Whole(bytes) if bytes.len() > PIECE_BYTES => {
                *self = Self::Held(Box::new(Held {
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

impl From<Messages> for Body {
    fn from(messages: Messages) -> Self {
        Self::Messages(Box::new(messages))
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
            Self::Messages(messages) if messages.left() == 0 => Poll::Ready(None),
            Self::Messages(messages) => Poll::Ready(Some(Ok(Frame::data(messages.next_piece())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Held(held) => held.bytes.is_empty(),
            Self::Messages(messages) => messages.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Held(held) => SizeHint::with_exact(held.bytes.len() as u64),
            Self::Messages(messages) => SizeHint::with_exact(messages.left() as u64),
        }
    }
}

/// An answer in JSON that no cache keeps.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer that is an event stream, whatever is in it.
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
