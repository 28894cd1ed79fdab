//! The answer to a request: a body, or an event stream that takes its place.

use http_body::Body as _;
use hyper::Response;

use super::access_log::AccessEntry;
use super::body::Body;
use super::guard::RequestPermit;
use super::handoff::StreamHandoff;

/// The answer to a request, beside the head of the response.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A body, for hyper to send.
    Body(Body),
    /// An event stream, to which the server attaches a transport.
    Stream(Box<StreamHandoff>),
}

impl Reply {
    /// Whether it is an event stream.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// [`Body::hold`]. A stream has a permit of its own, and keeps this one only if it
    /// `shares` its client's connection with other requests; otherwise it returns it.
    pub(super) fn hold(&mut self, permit: RequestPermit, shares: bool) -> Option<RequestPermit> {
        match self {
            Self::Body(body) => return body.hold(permit),
            Self::Stream(_) if !shares => return Some(permit),
            Self::Stream(stream) => stream.hold(permit),
        }
        None
    }
}

/// Completes the access log entry with the response. A stream keeps it until it ends.
pub(super) fn log(mut entry: Box<AccessEntry>, response: &mut Response<Reply>) {
    let status = response.status();
    match response.body_mut() {
        Reply::Stream(stream) => {
            entry.set_response(status, None);
            stream.log_end(entry);
        }
        Reply::Body(body) => entry.set_response(status, body.size_hint().exact()),
    }
}
