//! What somebody gets who is one too many: a stream is told when to come back,
//! in a stream, since a browser takes every status but 200 for the end of it;
//! everything else is refused.

use bytes::Bytes;
use hyper::{Method, Response};

use super::app::App;
use super::body::{Body, event_stream};
use super::guard::Refused;
use super::problem::Problem;
use super::route::Route;
use super::stream::draw;
use crate::protocol::{Busy, BusyReason, ProblemCode};

/// The answer on a connection that is one too many.
pub(super) fn instead(
    app: &App,
    route: Route<'_>,
    refused: Refused,
    method: &Method,
) -> Result<Response<Body>, Problem> {
    if route.is_stream() && [Method::GET, Method::HEAD].contains(method) {
        let reason = match refused {
            Refused::Full => BusyReason::Connections,
            Refused::Address => BusyReason::Address,
        };
        return Ok(stream(app, method, reason));
    }
    let problem = match refused {
        Refused::Full => Problem::new(
            ProblemCode::TooManyConnections,
            "the server has as many connections as it may have; come back later",
        ),
        Refused::Address => Problem::new(
            ProblemCode::RateLimited,
            "your address has as many connections as one may have; close one of them",
        ),
    };
    Err(problem.retry_after(draw(&app.config.limits.busy_retry)))
}

/// A stream that says when to come back, and ends.
pub(super) fn stream(app: &App, method: &Method, reason: BusyReason) -> Response<Body> {
    app.counts.send_busy(reason);
    let retry = draw(&app.config.limits.busy_retry);
    let body = match *method {
        Method::HEAD => Bytes::new(),
        _ => Busy::new(reason, retry).encode().text(),
    };
    event_stream(Body::Whole(body))
}
