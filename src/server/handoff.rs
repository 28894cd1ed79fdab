//! The answers to a connection's requests. An event stream over HTTP/1.1 is its
//! last: hyper does not send the response, which waits in a slot until the
//! connection hands its socket over to the fan-out. Over HTTP/1.0, which has no
//! chunks, the connection stays with hyper, and the fan-out writes into the body.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Method, Request, Response, Version};

use super::body_gate::{BodyGate, GatedBody, UngatedBody};
use super::context::ServerContext;
use super::fanout::Handoff;
use super::timeouts::Timeouts;
use crate::http::{BodyLeft, Caller, Reply, answer, truncated};

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Where a connection's event stream waits, and whether its client may still be
/// sending after an answer.
#[derive(Debug, Default)]
pub(super) struct HandoffSlot {
    handoff: Mutex<Option<Box<Handoff>>>,
    /// The last answer was made before its request's body had arrived.
    has_body_left: AtomicBool,
    /// The next answer is the last of the connection.
    is_last: AtomicBool,
}

impl HandoffSlot {
    /// Answers a request, or keeps its stream: then this is pending for ever.
    pub(super) async fn answer(
        &self,
        context: &ServerContext,
        caller: Caller,
        request: Request<Incoming>,
        timeouts: &Timeouts,
        gate: &Arc<BodyGate>,
    ) -> Result<Response<GatedBody>, Infallible> {
        let line = RequestLine::begin(&request);
        let has_chunks = request.version() == Version::HTTP_11;
        let response = answer(&context.app, caller, request).await;
        if let Some(line) = line {
            line.log(&response);
        }
        let has_body_left = response.extensions().get::<BodyLeft>().is_some();
        self.has_body_left.store(has_body_left, Ordering::Relaxed);
        let (head, reply) = response.into_parts();
        let gated = |head, source| Ok(Response::from_parts(head, GatedBody::new(source, gate)));
        match reply {
            Reply::Body(body) => {
                timeouts.answered();
                let mut response = gated(head, UngatedBody::Answer(body))?;
                if self.is_last.load(Ordering::Relaxed) {
                    response.headers_mut().insert(CONNECTION, CLOSE);
                }
                Ok(response)
            }
            Reply::Stream(stream) if has_chunks => {
                self.put(Handoff {
                    first: stream.first_bytes(&head),
                    stream: *stream,
                });
                pending().await
            }
            Reply::Stream(stream) => {
                // Only the end of the connection ends the body. In a response of
                // HTTP/1.1, hyper would add that it is kept alive.
                let mut head = head;
                head.version = Version::HTTP_10;
                head.headers.insert(CONNECTION, CLOSE);
                let body = context.fanout.add_body(*stream);
                gated(head, UngatedBody::Stream(body))
            }
        }
    }

    /// Makes the next answer the last one, with `Connection: close`.
    pub(super) fn close_after_next(&self) {
        self.is_last.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending when the server closes after an
    /// answer: the rest of a body, or a request that it sent before it read that
    /// this answer is the last.
    pub(super) fn client_may_still_send(&self) -> bool {
        self.has_body_left.load(Ordering::Relaxed) || self.is_last.load(Ordering::Relaxed)
    }

    fn put(&self, handoff: Handoff) {
        *self.lock() = Some(Box::new(handoff));
    }

    pub(super) fn take(&self) -> Option<Box<Handoff>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Handoff>>> {
        self.handoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request as the debug log shows it: no query, which may hold a token or a
/// message.
#[derive(Debug)]
pub(super) struct RequestLine {
    method: Method,
    path: String,
}

impl RequestLine {
    /// `None` unless the debug log is on.
    pub(super) fn begin<B>(request: &Request<B>) -> Option<Self> {
        tracing::enabled!(tracing::Level::DEBUG).then(|| Self {
            method: request.method().clone(),
            path: truncated(request.uri().path()),
        })
    }

    pub(super) fn log<B>(&self, response: &Response<B>) {
        let status = response.status().as_u16();
        let method = truncated(self.method.as_str());
        tracing::debug!(method, path = self.path, status, "request answered");
    }
}
