//! The answers to a connection's requests, and the event stream that it gives
//! away: hyper never gets that one's response.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, Response, Version};

use super::Shared;
use super::gate::{Gate, Gated};
use super::patience::Patience;
use crate::http::{AccessEntry, Body, BodyLeft, Caller, Opening, answer};

/// The event stream that a connection gives away.
#[derive(Debug, Default)]
pub(super) struct Given {
    opening: Mutex<Option<Box<Opening>>>,
    /// The last answer came while its request's body was still on the way.
    left: AtomicBool,
    /// The next answer is the last of the connection.
    is_last: AtomicBool,
}

impl Given {
    /// Answers a request, or takes its stream: then the answer never comes.
    pub(super) async fn answer(
        &self,
        shared: &Shared,
        caller: Caller,
        request: Request<Incoming>,
        patience: &Patience,
        gate: &Arc<Gate>,
    ) -> Result<Response<Gated>, Infallible> {
        let access = AccessEntry::begin(&shared.app, &request, caller);
        // Before that there are no chunks, and hyper ends the stream by closing.
        let has_chunks = request.version() == Version::HTTP_11;
        let mut response = answer(&shared.app, caller, request).await;
        if let Some(access) = access {
            response = access.answered(response);
        }
        let left = response.extensions().get::<BodyLeft>().is_some();
        self.left.store(left, Ordering::Relaxed);
        let gated = |response: Response<Body>| response.map(|body| Gated::new(body, gate));
        if !response.body().is_stream() {
            if self.is_last.load(Ordering::Relaxed) {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            patience.answered();
            return Ok(gated(response));
        }
        if !has_chunks || !shared.fanout.takes_readers() {
            return Ok(gated(response));
        }
        match Opening::of(response) {
            Ok(opening) => self.put(opening),
            Err(response) => return Ok(gated(response)),
        }
        pending().await
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

    fn put(&self, opening: Opening) {
        *self.lock() = Some(Box::new(opening));
    }

    pub(super) fn take(&self) -> Option<Box<Opening>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Opening>>> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
