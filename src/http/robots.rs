//! What search engines must not list: everything with a room's name in its
//! address, since a room's name is its secret, and refusals, which are no pages.
//!
//! There is no robots.txt on purpose. An engine that must not fetch a page never
//! sees this header, and may list the address that it found in a link.

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};

use super::body::Reply;
use crate::protocol::EVENT_STREAM;

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// Marks the answer if it must not be listed. Engines only GET, and list no
/// event streams.
pub(super) fn keep_out(request: &Request<()>, response: &mut Response<Reply>) {
    let path = request.uri().path();
    let has_a_room = path.starts_with("/r/") || path.starts_with("/rooms");
    let status = response.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = response.headers_mut();
    let is_stream = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == EVENT_STREAM);
    if is_read && !is_stream && (has_a_room || is_refused) {
        headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    }
}
