//! `GET /healthz` and `GET /readyz`: whether the process lives, and whether it
//! wants more work.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::app::App;
use super::body::Body;
use super::problem::Problem;

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

pub(super) fn ready(app: &App) -> Result<Response<Body>, Problem> {
    match app.draining.has_begun() {
        true => Err(Problem::draining()),
        false => Ok(healthy()),
    }
}
