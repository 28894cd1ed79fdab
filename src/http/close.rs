//! The answer to a request for a stream that may not be. A browser's `EventSource`
//! can't read a status, so it gets 200 with one `close` event; other clients get
//! the refusal itself.

use bytes::Bytes;
use hyper::header::{ACCEPT, HeaderMap};
use hyper::{Method, Request, Response};

use super::app::App;
use super::body::{Body, event_stream};
use super::problem::Problem;
use crate::protocol::{Close, CloseReason, EVENT_STREAM};

/// The answer to a request for a stream that `problem` refuses: a stream of one
/// `close` event, if the refusal is about rights and the client asks for an event
/// stream by its header.
pub(super) fn answer(
    app: &App,
    problem: Problem,
    request: &Request<()>,
) -> Result<Response<Body>, Problem> {
    let reason = match problem.close_reason() {
        Some(reason) if accepts_event_stream(request.headers()) => reason,
        _ => return Err(problem),
    };
    app.counts.refuse(problem.code());
    let rooms = match reason {
        CloseReason::Forbidden => problem.rooms(),
        _ => &[],
    };
    let close = Close {
        rooms: rooms.iter().map(|room| room.as_str().to_owned()).collect(),
        ..Close::new(reason)
    };
    let body = match *request.method() {
        Method::HEAD => Bytes::new(),
        _ => close.encode().text(),
    };
    Ok(event_stream(Body::Whole(body)))
}

/// Whether `Accept` names `text/event-stream`.
fn accepts_event_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter();
    let mut ranges = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let kind = range.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(EVENT_STREAM)
    })
}
