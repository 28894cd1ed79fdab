//! The way from `/r/{room}/` to `/r/{room}`.

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::{Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};

use crate::http::body::Body;
use crate::protocol::RoomName;

/// All but what RFC 3986, section 2.3, leaves as it is.
const IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A redirect to the page of `room`, with the query of the request. The
/// location is relative, so it is right behind a proxy that strips a prefix.
pub(in crate::http) fn redirect(room: &RoomName, query: Option<&str>) -> Response<Body> {
    let name = percent_encode(room.as_str().as_bytes(), IN_A_PATH);
    let mut location = format!("../{name}");
    if let Some(query) = query {
        location.push('?');
        location.extend(percent_encode(query.as_bytes(), CONTROLS));
    }
    let location = HeaderValue::from_str(&location).expect("what is encoded is plain ASCII");
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
