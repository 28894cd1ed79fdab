//! An event stream as it leaves the service: what it begins with, where it goes
//! on from, and what lives as long as it does. The server gives it a transport.

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::StatusCode;
use hyper::header::{CONNECTION, DATE, TRANSFER_ENCODING};
use hyper::http::response;

use super::access_log::AccessEntry;
use super::app::App;
use super::guard::StreamPermit;
use super::stream::encode_hello;
use crate::chat::Subscription;
use crate::sse;

/// An event stream that begins, without its transport.
#[derive(Debug)]
pub struct StreamHandoff {
    /// The stream's first event.
    pub hello: sse::Encoded,
    /// What comes after it.
    pub subscription: Subscription,
    /// To be dropped when the stream ends.
    pub guard: StreamGuard,
}

/// Lives as long as a stream does. Its drop frees the stream's place and writes
/// its line in the access log.
#[derive(Debug, Default)]
pub struct StreamGuard {
    /// Among the streams of the client's address.
    _permit: Option<StreamPermit>,
    access: Option<Box<AccessEntry>>,
}

impl StreamHandoff {
    /// A stream whose hello was not sent yet.
    pub(super) fn new(
        app: &App,
        mut subscription: Subscription,
        permit: Option<StreamPermit>,
    ) -> Self {
        let hello = subscription.take_hello();
        let hello = hello.expect("a subscription that just began has its hello");
        Self {
            hello: encode_hello(&app.config, hello),
            subscription,
            guard: StreamGuard {
                _permit: permit,
                access: None,
            },
        }
    }

    /// A stream that no request asked for, so no address counts it.
    pub(crate) fn without_request(app: &App, subscription: Subscription) -> Self {
        Self::new(app, subscription, None)
    }

    /// The end of the stream is to be logged.
    pub(super) fn log_end(&mut self, access: Box<AccessEntry>) {
        self.guard.access = Some(access);
    }

    /// The response's head and hello over HTTP/1.1, which leave in one write.
    pub fn first_bytes(&self, head: &response::Parts) -> Bytes {
        let mut bytes = encode_head(head);
        bytes.put(self.hello.chunk().clone());
        bytes.freeze()
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
    // No request after this one is answered: the server reads to discard only.
    field(CONNECTION.as_str(), b"close");
    field(TRANSFER_ENCODING.as_str(), b"chunked");
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    field(DATE.as_str(), now.as_bytes());
    bytes.put_slice(b"\r\n");
    bytes
}
