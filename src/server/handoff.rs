//! The answers to a connection's requests. An event stream over HTTP/1.1 is its
//! last: its response is not hyper's to send, and waits in a slot until the
//! connection gives its socket to the fan-out. Over HTTP/1.0, which has no
//! chunks, the connection stays with hyper, and the fan-out writes into the body.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, Response, Version};

use super::Shared;
use super::gate::{Gate, Gated, Source};
use super::timeouts::Timeouts;
use crate::http::{BodyLeft, Caller, Reply, StreamHandoff, answer};

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// An event stream that waits for the connection's socket.
#[derive(Debug)]
pub(super) struct Handoff {
    /// The response's head, and the stream's first event: what of them is not
    /// written yet.
    pub(super) first: Bytes,
    pub(super) stream: StreamHandoff,
}

/// Where a connection's event stream waits, and what is known of its answers.
#[derive(Debug, Default)]
pub(super) struct HandoffSlot {
    handoff: Mutex<Option<Box<Handoff>>>,
    /// The last answer came while its request's body was still on the way.
    left: AtomicBool,
    /// The next answer is the last of the connection.
    is_last: AtomicBool,
}

impl HandoffSlot {
    /// Answers a request, or keeps its stream: then the answer never comes.
    pub(super) async fn answer(
        &self,
        shared: &Shared,
        caller: Caller,
        request: Request<Incoming>,
        timeouts: &Timeouts,
        gate: &Arc<Gate>,
    ) -> Result<Response<Gated>, Infallible> {
        let has_chunks = request.version() == Version::HTTP_11;
        let response = answer(&shared.app, caller, request).await;
        let left = response.extensions().get::<BodyLeft>().is_some();
        self.left.store(left, Ordering::Relaxed);
        let (head, reply) = response.into_parts();
        let gated = |head, source| Ok(Response::from_parts(head, Gated::new(source, gate)));
        match reply {
            Reply::Body(body) => {
                timeouts.answered();
                let mut response = gated(head, Source::Answer(body))?;
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
                let body = shared.fanout.add_body(*stream);
                gated(head, Source::Stream(body))
            }
        }
    }

    /// The next answer is to be the last, and to say so.
    pub(super) fn close_after_next(&self) {
        self.is_last.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending when the server closes after its
    /// answer: the rest of a body, or a further request before it was told that
    /// there would be none.
    pub(super) fn client_may_still_send(&self) -> bool {
        self.left.load(Ordering::Relaxed) || self.is_last.load(Ordering::Relaxed)
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
