//! Refusals as RFC 9457 problem details with a stable `code`, and the `Retry-After`
//! and `Allow` headers that belong to them. Client input is never echoed into a
//! header. The codes and the JSON are in `protocol`.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::guard::{CrossOrigin, InvalidHost, RateExceeded, RateKind};
use crate::chat::{ChangeError, HistoryUnavailable, PublishError, RoomLimitReached, RoomLoadError};
use crate::protocol::{
    CloseReason, InvalidClientId, InvalidEditKey, InvalidEmoji, InvalidEventName, InvalidRoom,
    InvalidText, InvalidUserName, PROBLEM_JSON, PayloadTooLarge, ProblemCode, ProblemDetails,
    RoomName,
};
use crate::tokens::TokenError;

/// The expected downtime of a restart.
const RESTART_TIME: Duration = Duration::from_secs(5);
/// The retry time while the store takes nothing.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// The retry time at the limit on rooms: until then, an idle room may be forgotten.
const ROOM_LIMIT_RETRY: Duration = Duration::from_secs(60);

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    code: ProblemCode,
    detail: Cow<'static, str>,
    allow: Option<&'static str>,
    /// The value of `Retry-After`, before rounding.
    retry_after: Option<Duration>,
    /// The rooms of a stream that are forbidden.
    rooms: Vec<RoomName>,
    /// The ticket of a stream is used up.
    is_ticket_used: bool,
}

impl Problem {
    /// A refusal. `detail` states what is wrong with the request and how to correct it.
    pub(super) fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            allow: None,
            retry_after: None,
            rooms: Vec::new(),
            is_ticket_used: false,
        }
    }

    #[cfg(feature = "tokens")]
    pub(super) fn ticket_used() -> Self {
        let detail = "the ticket was used before, or is older than a minute; get another one from \
                      POST /tickets";
        Self {
            is_ticket_used: true,
            ..Self::new(ProblemCode::TokenInvalid, detail)
        }
    }

    /// Why a stream is closed with this refusal. `None` if it is not about rights.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        Some(match self.code {
            _ if self.is_ticket_used => CloseReason::TicketUsed,
            ProblemCode::TokenRequired => CloseReason::TokenRequired,
            ProblemCode::TokenInvalid => CloseReason::TokenInvalid,
            ProblemCode::TokenExpired => CloseReason::TokenExpired,
            ProblemCode::Forbidden => CloseReason::Forbidden,
            _ => return None,
        })
    }

    /// Names the rooms of a stream that are forbidden.
    pub(super) fn of_rooms(self, rooms: Vec<RoomName>) -> Self {
        Self { rooms, ..self }
    }

    /// The rooms of a stream that are forbidden.
    pub(super) fn rooms(&self) -> &[RoomName] {
        &self.rooms
    }

    /// Adds `Retry-After`.
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
            "nothing is at this path; the chat is at /",
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
            "the server is shutting down; try again in a few seconds",
        )
        .retry_after(RESTART_TIME)
    }

    pub(super) fn too_much_replay(after: Duration) -> Self {
        Self::new(
            ProblemCode::RateLimited,
            "too much history was read from your address; try again later",
        )
        .retry_after(after)
    }

    pub(super) fn too_many_pages(after: Duration) -> Self {
        Self::new(
            ProblemCode::RateLimited,
            "too many pages of the list of rooms were requested; try again later",
        )
        .retry_after(after)
    }

    pub(super) fn not_this_host() -> Self {
        Self::new(
            ProblemCode::CrossOrigin,
            "the server does not answer to this host name; --allowed-host names those it answers to",
        )
    }

    /// The member `detail`: one line of English.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The value of `Retry-After`: whole seconds, at least 1.
    pub(super) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(whole_seconds)
    }

    /// The refusal as `application/problem+json`.
    pub(super) fn into_response(self) -> Response<Body> {
        let title = self.status().canonical_reason().unwrap_or_default();
        let details = ProblemDetails::new(self.code, title, &self.detail);
        self.respond(PROBLEM_JSON, Bytes::from(details.to_json()))
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).expect("the status of each code is valid")
    }

    /// A response with the status and headers of the refusal, and a body in any
    /// format.
    pub(super) fn respond(&self, content_type: &'static str, body: Bytes) -> Response<Body> {
        let mut response = Response::new(Body::Whole(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(after));
        }
        if let Some(challenge) = challenge(self.code) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// The value of `WWW-Authenticate`, which has at least one parameter (RFC 6750,
/// section 3). An error is for requests with a token only (section 3.1).
fn challenge(code: ProblemCode) -> Option<HeaderValue> {
    Some(HeaderValue::from_static(match code {
        ProblemCode::TokenRequired => "Bearer realm=\"sse-chat\"",
        ProblemCode::TokenInvalid | ProblemCode::TokenExpired => {
            "Bearer realm=\"sse-chat\", error=\"invalid_token\""
        }
        _ => return None,
    }))
}

/// Rounds up: a retry before the time would be refused again.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

impl From<InvalidHost> for Problem {
    fn from(error: InvalidHost) -> Self {
        Self::new(ProblemCode::InvalidHost, error.0)
    }
}

impl From<CrossOrigin> for Problem {
    fn from(error: CrossOrigin) -> Self {
        Self::new(ProblemCode::CrossOrigin, error.0)
    }
}

impl From<RateExceeded> for Problem {
    fn from(error: RateExceeded) -> Self {
        let detail = match error.kind {
            RateKind::Address => "too many messages from your address; send it again later",
            RateKind::Room => "too many messages in this room; send it again later",
            RateKind::Streams => "too many new streams from your address; try again later",
            RateKind::Requests => "too many requests from your address; send it again later",
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

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Expired => ProblemCode::TokenExpired,
            TokenError::Invalid(_) | TokenError::UnknownKey => ProblemCode::TokenInvalid,
        };
        Self::new(code, error.to_string())
    }
}

impl From<InvalidEditKey> for Problem {
    fn from(error: InvalidEditKey) -> Self {
        Self::new(ProblemCode::InvalidEditKey, error.to_string())
    }
}

impl From<InvalidEventName> for Problem {
    fn from(error: InvalidEventName) -> Self {
        Self::new(ProblemCode::InvalidEvent, error.to_string())
    }
}

impl From<PayloadTooLarge> for Problem {
    fn from(error: PayloadTooLarge) -> Self {
        Self::new(ProblemCode::EventTooLarge, error.to_string())
    }
}

impl From<InvalidEmoji> for Problem {
    fn from(error: InvalidEmoji) -> Self {
        Self::new(ProblemCode::InvalidReaction, error.to_string())
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let code = match error {
            ChangeError::NotFound => ProblemCode::NotFound,
            ChangeError::NotTheAuthor => ProblemCode::Forbidden,
            ChangeError::NoOwner => ProblemCode::InvalidEditKey,
            ChangeError::TooManyReactions => ProblemCode::InvalidReaction,
            ChangeError::HistoryUnavailable(error) => return error.into(),
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
            PublishError::RoomLimit(error) => error.into(),
            PublishError::ClientIdReused => {
                Self::new(ProblemCode::ClientIdReused, error.to_string())
            }
            PublishError::HistoryUnavailable(error) => error.into(),
        }
    }
}

impl From<RoomLoadError> for Problem {
    fn from(error: RoomLoadError) -> Self {
        match error {
            RoomLoadError::RoomLimit(error) => error.into(),
            RoomLoadError::HistoryUnavailable(error) => error.into(),
        }
    }
}

impl From<HistoryUnavailable> for Problem {
    fn from(error: HistoryUnavailable) -> Self {
        Self::new(ProblemCode::HistoryUnavailable, error.to_string()).retry_after(STORE_RETRY)
    }
}

impl From<RoomLimitReached> for Problem {
    fn from(error: RoomLimitReached) -> Self {
        Self::new(ProblemCode::TooManyRooms, error.to_string()).retry_after(ROOM_LIMIT_RETRY)
    }
}
