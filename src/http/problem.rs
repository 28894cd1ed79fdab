//! Refusals: a problem of the protocol with the headers that belong to it, as a
//! response. Input is never echoed into a header.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::guard::{TooFast, Whose};
use crate::chat::{PublishError, TooManyRooms};
use crate::protocol::{
    InvalidClientId, InvalidRoom, InvalidText, InvalidUserName, PROBLEM_JSON, ProblemCode,
    ProblemDetails,
};

/// A restart takes about this long.
const AFTER_A_RESTART: Duration = Duration::from_secs(5);
/// Some room is forgotten after about this time.
const ROOMS_ARE_FORGOTTEN: Duration = Duration::from_secs(60);

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    code: ProblemCode,
    detail: Cow<'static, str>,
    allow: Option<&'static str>,
    /// When a retry may succeed.
    retry_after: Option<Duration>,
}

impl Problem {
    /// A refusal; `detail` states what was wrong and what would be right.
    pub(super) fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            allow: None,
            retry_after: None,
        }
    }

    /// The same refusal with a time after which a retry may succeed.
    pub(super) fn retry_after(self, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..self
        }
    }

    pub(super) fn code(&self) -> ProblemCode {
        self.code
    }

    pub(super) fn not_found() -> Self {
        Self::new(
            ProblemCode::NotFound,
            "there is nothing here; see / for the chat",
        )
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let problem = Self::new(ProblemCode::MethodNotAllowed, format!("use one of {allow}"));
        Self {
            allow: Some(allow),
            ..problem
        }
    }

    pub(super) fn draining() -> Self {
        Self::new(
            ProblemCode::Draining,
            "the server is shutting down; send it again in a moment",
        )
        .retry_after(AFTER_A_RESTART)
    }

    pub(super) fn too_much_replay(after: Duration) -> Self {
        Self::new(
            ProblemCode::RateLimited,
            "your address has drawn too much history; ask again later",
        )
        .retry_after(after)
    }

    pub(super) fn too_many_pages(after: Duration) -> Self {
        Self::new(
            ProblemCode::RateLimited,
            "too many pages of the list of rooms are asked for; ask again later",
        )
        .retry_after(after)
    }

    pub(super) fn not_this_host() -> Self {
        Self::new(
            ProblemCode::CrossOrigin,
            "the server does not answer to this host name; --allowed-host names those it answers to",
        )
    }

    /// What was wrong and what would be right, in English.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The value of `Retry-After`.
    pub(super) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(whole_seconds)
    }

    /// The response with problem details (RFC 9457).
    pub(super) fn into_response(self) -> Response<Body> {
        let title = self.status().canonical_reason().unwrap_or_default();
        let details = ProblemDetails::new(self.code, title, &self.detail);
        self.respond(PROBLEM_JSON, Bytes::from(details.to_json()))
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).expect("the status of each code is valid")
    }

    /// A response with the status and the headers of the refusal and any body.
    pub(super) fn respond(&self, content_type: &'static str, body: Bytes) -> Response<Body> {
        let mut response = Response::new(Body::Whole(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(after));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// `Retry-After` has whole seconds; an earlier retry would be refused again.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

impl From<TooFast> for Problem {
    fn from(error: TooFast) -> Self {
        let detail = match error.whose {
            Whose::Address => "too many messages from your address; send it again later",
            Whose::Room => "too many messages in this room; send it again later",
            Whose::Streams => "too many new streams from your address; come back later",
            Whose::Requests => "too many requests from your address; send it again later",
        };
        Self::new(ProblemCode::RateLimited, detail).retry_after(error.after)
    }
}

impl From<InvalidRoom> for Problem {
    fn from(error: InvalidRoom) -> Self {
        Self::new(ProblemCode::InvalidRoom, error.to_string())
    }
}

impl From<InvalidUserName> for Problem {
    fn from(error: InvalidUserName) -> Self {
        Self::new(ProblemCode::InvalidName, error.to_string())
    }
}

impl From<InvalidText> for Problem {
    fn from(error: InvalidText) -> Self {
        let code = match error {
            InvalidText::TooLarge { .. } => ProblemCode::MessageTooLarge,
            InvalidText::Empty | InvalidText::Invisible | InvalidText::Control => {
                ProblemCode::InvalidMessage
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<InvalidClientId> for Problem {
    fn from(error: InvalidClientId) -> Self {
        Self::new(ProblemCode::InvalidClientId, error.to_string())
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Rooms(error) => error.into(),
            PublishError::ClientIdReused => {
                Self::new(ProblemCode::ClientIdReused, error.to_string())
            }
        }
    }
}

impl From<TooManyRooms> for Problem {
    fn from(error: TooManyRooms) -> Self {
        Self::new(ProblemCode::TooManyRooms, error.to_string()).retry_after(ROOMS_ARE_FORGOTTEN)
    }
}
