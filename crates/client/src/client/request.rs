//! A request to the server, with the fields that all have.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::header::USER_AGENT;

use super::error::Error;
use super::url::ServerUrl;

/// A request with its whole body.
pub(super) type Request = hyper::Request<Full<Bytes>>;

/// A request for a path and query of the server, without a body.
pub(super) fn request(url: &ServerUrl, method: Method, path: &str) -> Result<Request, Error> {
    let uri = url
        .join(path)
        .map_err(|error| Error::Unreachable(format!("can't reach {url}{path}: {error}")))?;
    let mut request = Request::new(Full::default());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request.headers_mut().insert(
        USER_AGENT,
        hyper::header::HeaderValue::from_static(concat!("sse-chat/", env!("CARGO_PKG_VERSION"))),
    );
    Ok(request)
}
