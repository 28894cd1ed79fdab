//! The answer to a request over a limit on connections. An `EventSource` gives up
//! after any status but 200, so a stream gets 200 with one `busy` event and its
//! retry time. Other requests are refused with a problem.

use bytes::Bytes;
use hyper::{Method, Response};

use super::app::App;
use super::body::{Body, event_stream};
use super::guard::Refused;
use super::problem::Problem;
use super::route::Route;
use super::stream::draw;
use crate::protocol::{Busy, BusyReason, ProblemCode};

/// The answer to a request that `refused` keeps from its endpoint.
pub(super) fn answer(
    app: &App,
    route: Route<'_>,
    refused: Refused,
    method: &Method,
) -> Result<Response<Body>, Problem> {
    if route.is_stream(method) {
        return Ok(stream(app, method, reason_of(refused)));
    }
    let problem = match refused {
        Refused::Full => Problem::new(
            ProblemCode::TooManyConnections,
            "the server is at its limit on connections; try again later",
        ),
        Refused::Address => Problem::new(
            ProblemCode::RateLimited,
            "your address is at its limit on connections; close one of them",
        ),
    };
    Err(problem.retry_after(draw(&app.config.limits.busy_retry)))
}

/// Why a stream is refused, as its `busy` event says.
pub(super) fn reason_of(refused: Refused) -> BusyReason {
    match refused {
        Refused::Full => BusyReason::Connections,
        Refused::Address => BusyReason::Address,
    }
}

/// A stream of one `busy` event with a drawn retry time. `HEAD` has no body.
pub(super) fn stream(app: &App, method: &Method, reason: BusyReason) -> Response<Body> {
    app.counts.send_busy(reason);
    let retry = draw(&app.config.limits.busy_retry);
    let body = match *method {
        Method::HEAD => Bytes::new(),
        _ => Busy::new(reason, retry).encode().text(),
    };
    event_stream(Body::Whole(body))
}
