//! A stream that its connection gives away: what it is told first, and what it
//! goes on with. For whoever writes to the socket without hyper.

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::header::{CONNECTION, DATE, TRANSFER_ENCODING};
use hyper::http::response;
use hyper::{Response, StatusCode};

use super::body::Body;
use super::stream::Kept;
use crate::chat::Subscription;

/// An event stream as it begins over HTTP/1.1.
#[derive(Debug)]
pub struct Opening {
    /// The response's head and hello: they leave in the same write.
    pub first: Bytes,
    /// What comes after.
    pub subscription: Subscription,
    /// What is to be kept as long as the stream lives.
    pub kept: Kept,
}

impl Opening {
    /// A stream as it would be answered, for those who test what comes after.
    #[cfg(test)]
    pub(crate) fn for_test(app: &super::App, subscription: Subscription) -> Self {
        let stream = super::stream::EventStream::new(app, subscription, None);
        let body = Body::Events(Box::new(stream));
        Self::of(Response::new(body)).expect("it is a stream")
    }

    /// Takes the stream out of a response, or gives the response back if it
    /// has none.
    ///
    /// # Errors
    ///
    /// The response, unchanged, when its body is not an event stream that just
    /// begins.
    #[expect(
        clippy::result_large_err,
        reason = "it is the response itself, on its way to hyper"
    )]
    pub fn of(response: Response<Body>) -> Result<Self, Response<Body>> {
        let (head, body) = response.into_parts();
        match body {
            Body::Events(stream) => {
                let mut first = encode_head(&head);
                let (hello, subscription, kept) = stream.into_parts();
                first.put(hello.chunk().clone());
                Ok(Self {
                    first: first.freeze(),
                    subscription,
                    kept,
                })
            }
            body => Err(Response::from_parts(head, body)),
        }
    }
}

/// The head of a chunked response (RFC 9112, section 4).
fn encode_head(head: &response::Parts) -> BytesMut {
    debug_assert_eq!(head.status, StatusCode::OK, "a stream always is");
    let mut bytes = BytesMut::with_capacity(1024);
    bytes.put_slice(b"HTTP/1.1 200 OK\r\n");
    let mut field = |name: &str, value: &[u8]| {
        bytes.put_slice(name.as_bytes());
        bytes.put_slice(b": ");
        bytes.put_slice(value);
        bytes.put_slice(b"\r\n");
    };
    for (name, value) in &head.headers {
        field(name.as_str(), value.as_bytes());
    }
    // Whoever reads the socket on finds nothing that could answer.
    field(CONNECTION.as_str(), b"close");
    field(TRANSFER_ENCODING.as_str(), b"chunked");
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    field(DATE.as_str(), now.as_bytes());
    bytes.put_slice(b"\r\n");
    bytes
}
