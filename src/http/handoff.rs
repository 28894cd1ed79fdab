//! An event stream as it leaves the service: its hello, its subscription and its
//! guard. The server attaches a transport.

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::StatusCode;
use hyper::header::{CONNECTION, DATE, TRANSFER_ENCODING};
use hyper::http::response;

use super::access_log::AccessEntry;
use super::app::App;
use super::guard::{Carrier, RequestPermit, StreamPermit};
use super::stream::encode_hello;
use crate::chat::Subscription;
use crate::config::Config;
use crate::sse;

/// A new event stream without a transport.
#[derive(Debug)]
pub(crate) struct StreamHandoff {
    /// The stream's first event.
    pub(crate) hello: sse::Encoded,
    /// Delivers everything after the hello.
    pub(crate) subscription: Subscription,
    /// Dropped when the stream ends.
    pub(crate) guard: StreamGuard,
}

/// Lives as long as its stream. The drop returns the stream's permit and writes
/// the access log line.
#[derive(Debug, Default)]
pub(crate) struct StreamGuard {
    /// Counts among the streams of the client's address.
    permit: Option<StreamPermit>,
    access: Option<Box<AccessEntry>>,
}

impl StreamHandoff {
    /// A stream whose hello is not sent yet.
    pub(super) fn new(
        config: &Config,
        mut subscription: Subscription,
        permit: Option<StreamPermit>,
    ) -> Self {
        let hello = subscription.take_hello();
        let hello = hello.expect("a new subscription has its hello");
        Self {
            hello: encode_hello(config, hello),
            subscription,
            guard: StreamGuard {
                permit,
                access: None,
            },
        }
    }

    /// A stream without a request, which counts for no address.
    pub(crate) fn without_request(app: &App, subscription: Subscription) -> Self {
        Self::new(&app.config, subscription, None)
    }

    /// Counts it for what carries it.
    pub(super) fn set_carrier(&mut self, carrier: Carrier) {
        if let Some(permit) = &mut self.guard.permit {
            permit.set_carrier(carrier);
        }
    }

    /// Counts its request, which has a connection with others, until it ends.
    pub(super) fn hold(&mut self, request: RequestPermit) {
        if let Some(permit) = &mut self.guard.permit {
            permit.hold(request);
        }
    }

    /// Writes `access` to the log when the stream ends.
    pub(super) fn log_end(&mut self, access: Box<AccessEntry>) {
        self.guard.access = Some(access);
    }

    /// The response head and the hello for HTTP/1.1, in one write.
    pub(crate) fn first_bytes(&self, head: &response::Parts) -> Bytes {
        let mut bytes = encode_head(head);
        bytes.put(self.hello.chunk().clone());
        bytes.freeze()
    }
}

/// The head of a chunked response (RFC 9112, section 4).
fn encode_head(head: &response::Parts) -> BytesMut {
    debug_assert_eq!(head.status, StatusCode::OK, "streams are always 200");
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
    // The server discards further input, so no other request is answered.
    field(CONNECTION.as_str(), b"close");
    field(TRANSFER_ENCODING.as_str(), b"chunked");
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    field(DATE.as_str(), now.as_bytes());
    bytes.put_slice(b"\r\n");
    bytes
}
