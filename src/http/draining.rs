//! The state of the drain, and the health probes, `GET /healthz` and
//! `GET /readyz`, which report it. The server starts the drain; endpoints and
//! streams read it here.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio_util::sync::CancellationToken;

use super::body::Body;
use super::problem::Problem;

/// The state of the drain.
#[derive(Debug, Default)]
pub(crate) struct Draining {
    begun: CancellationToken,
    /// The same, lock-free: reading the token takes a lock.
    has_begun: AtomicBool,
    /// The time over which streams end. Set before `begun` is cancelled.
    spread: OnceLock<Duration>,
}

impl Draining {
    /// Starts the drain: from now on publishing is refused, and each stream ends
    /// at a random time within `spread`.
    pub(crate) fn begin(&self, spread: Duration) {
        self.spread.get_or_init(|| spread);
        self.has_begun.store(true, Ordering::Release);
        self.begun.cancel();
    }

    /// Whether the drain has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Waits until the drain begins.
    pub(crate) async fn begins(&self) {
        self.begun.cancelled().await;
    }

    /// Draws how long after the start of the drain one stream ends.
    pub(crate) fn draw_turn(&self) -> Duration {
        let spread = self.spread.get().copied().unwrap_or_default();
        spread.mul_f64(fastrand::f64())
    }
}

/// `GET /healthz`
pub(super) fn healthy() -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::from_static(b"ok")));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /readyz`: refused during the drain.
pub(super) fn ready(draining: &Draining) -> Result<Response<Body>, Problem> {
    match draining.has_begun() {
        true => Err(Problem::draining()),
        false => Ok(healthy()),
    }
}
