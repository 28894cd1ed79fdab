//! Refusals of a request head that hyper can't read. hyper answers no such
//! request, so the whole response is encoded here, as problem details.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use hyper::Response;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderValue, X_CONTENT_TYPE_OPTIONS};

use super::app::App;
use super::body::Body;
use super::problem::Problem;
use crate::protocol::ProblemCode;

/// `Retry-After` when the head budget is used up: heads are read within seconds.
const HEADS_ARE_READ: Duration = Duration::from_secs(2);
/// The number of header fields that hyper and httparse accept.
pub(crate) const MAX_HEADER_FIELDS: usize = 100;

/// Why a request's head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHead {
    /// Not HTTP/1; the detail says why.
    Malformed(&'static str),
    /// The target is longer than `--max-head-bytes`, or than a URI can be.
    UriTooLong,
    /// More bytes than `--max-head-bytes`, or more than [`MAX_HEADER_FIELDS`].
    TooLarge,
    /// A large head, and the head budget is used up.
    NoMemory,
}

impl BadHead {
    /// Counts the refusal and returns the whole response, after which the
    /// connection closes. A HEAD request gets no body.
    pub(crate) fn respond(self, app: &App, is_head: bool) -> Vec<u8> {
        encode(self.response(app), is_head)
    }

    /// Counts the refusal and returns the response.
    pub(crate) fn response(self, app: &App) -> Response<Body> {
        let problem = self.problem(app.config.limits.max_head_bytes);
        app.counts.refuse(problem.code());
        problem.into_response()
    }

    fn problem(self, max_head_bytes: usize) -> Problem {
        match self {
            Self::Malformed(detail) => Problem::new(ProblemCode::InvalidRequest, detail),
            Self::UriTooLong => Problem::new(
                ProblemCode::UriTooLong,
                format!(
                    "the request's target is too long; its whole head has at most {max_head_bytes} bytes"
                ),
            ),
            Self::TooLarge => Problem::new(
                ProblemCode::HeadersTooLarge,
                format!(
                    "a request's head has at most {max_head_bytes} bytes and {MAX_HEADER_FIELDS} fields"
                ),
            ),
            Self::NoMemory => Problem::new(
                ProblemCode::TooManyLargeHeads,
                "too many requests with large heads at once; retry in a moment, or \
                     ask for fewer rooms",
            )
            .retry_after(HEADS_ARE_READ),
        }
    }
}

fn encode(mut response: Response<Body>, is_head: bool) -> Vec<u8> {
    let Body::Whole(body) = std::mem::replace(response.body_mut(), Body::Whole("".into())) else {
        unreachable!("a problem has a whole body")
    };
    let date = httpdate::fmt_http_date(SystemTime::now());
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(DATE, HeaderValue::from_str(&date).expect("a date is ASCII"));
    let mut head = String::new();
    // Writing into a `String` never fails.
    let _ = write!(head, "HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        let value = value.to_str().expect("set above, in ASCII");
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if !is_head {
        bytes.extend_from_slice(&body);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_refusal_is_a_whole_response_and_is_counted() {
        let app = App::new(Config::default()).unwrap();
        for (bad, start, code) in [
            (
                BadHead::Malformed("why"),
                "HTTP/1.1 400 Bad Request\r\n",
                "invalid_request",
            ),
            (
                BadHead::UriTooLong,
                "HTTP/1.1 414 URI Too Long\r\n",
                "uri_too_long",
            ),
            (
                BadHead::TooLarge,
                "HTTP/1.1 431 Request Header Fields Too Large\r\n",
                "headers_too_large",
            ),
            (
                BadHead::NoMemory,
                "HTTP/1.1 503 Service Unavailable\r\n",
                "too_many_large_heads",
            ),
        ] {
            let bytes = bad.respond(&app, false);
            let text = std::str::from_utf8(&bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(start), "{text}");
            for field in [
                "content-type: application/problem+json".to_owned(),
                "connection: close".to_owned(),
                format!("content-length: {}", body.len()),
            ] {
                assert!(head.contains(&field), "{field}: {text}");
            }
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["code"], code);
            assert_eq!(
                app.counts.refusals.get_or_create(&[("code", code)]).get(),
                1
            );
            let busy = bad == BadHead::NoMemory;
            assert_eq!(head.contains("retry-after: 2"), busy, "{text}");
        }
    }

    #[test]
    fn head_gets_no_body() {
        let app = App::new(Config::default()).unwrap();
        let bytes = BadHead::TooLarge.respond(&app, true);
        assert!(bytes.ends_with(b"\r\n\r\n"));
    }
}
