//! What a client sees when it is refused: RFC 9457 problem details, with a
//! stable `code`. Input is never echoed into a header.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::Body;
use crate::chat::{InvalidClientId, InvalidRoom, InvalidText, InvalidUserName, TooManyRooms};

/// The stable names of all refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    InvalidRoom,
    InvalidName,
    InvalidMessage,
    InvalidClientId,
    InvalidQuery,
    InvalidJson,
    InvalidForm,
    InvalidHost,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    MessageTooLarge,
    BodyTooLarge,
    UnsupportedMediaType,
    Draining,
    TooManyRooms,
}

impl Code {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 16] = [
        Self::InvalidRoom,
        Self::InvalidName,
        Self::InvalidMessage,
        Self::InvalidClientId,
        Self::InvalidQuery,
        Self::InvalidJson,
        Self::InvalidForm,
        Self::InvalidHost,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::MessageTooLarge,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::Draining,
        Self::TooManyRooms,
    ];

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRoom
            | Self::InvalidName
            | Self::InvalidMessage
            | Self::InvalidClientId
            | Self::InvalidQuery
            | Self::InvalidJson
            | Self::InvalidForm
            | Self::InvalidHost => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MessageTooLarge | Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Draining | Self::TooManyRooms => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRoom => "invalid_room",
            Self::InvalidName => "invalid_name",
            Self::InvalidMessage => "invalid_message",
            Self::InvalidClientId => "invalid_client_id",
            Self::InvalidQuery => "invalid_query",
            Self::InvalidJson => "invalid_json",
            Self::InvalidForm => "invalid_form",
            Self::InvalidHost => "invalid_host",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::MessageTooLarge => "message_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Draining => "draining",
            Self::TooManyRooms => "too_many_rooms",
        }
    }

    /// When it is worth trying again, in seconds.
    fn retry_after(self) -> Option<HeaderValue> {
        match self {
            Self::Draining => Some(HeaderValue::from_static("5")),
            Self::TooManyRooms => Some(HeaderValue::from_static("60")),
            _ => None,
        }
    }

    /// A refusal; `detail` says what was wrong and what would be right.
    pub(super) fn because(self, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem {
            code: self,
            detail: detail.into(),
            allow: None,
        }
    }
}

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    allow: Option<&'static str>,
}

impl Problem {
    pub(super) fn code(&self) -> Code {
        self.code
    }

    pub(super) fn not_found() -> Self {
        Code::NotFound.because("there is nothing here; see / for the chat")
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let problem = Code::MethodNotAllowed.because(format!("use one of {allow}"));
        Self {
            allow: Some(allow),
            ..problem
        }
    }

    pub(super) fn draining() -> Self {
        Code::Draining.because("the server is shutting down; send it again in a moment")
    }

    pub(super) fn into_response(self) -> Response<Body> {
        #[derive(Serialize)]
        struct Details<'a> {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            detail: &'a str,
            code: &'static str,
        }
        let status = self.code.status();
        let details = serde_json::to_vec(&Details {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
        });
        let body = details.expect("strings and numbers have a JSON form");
        let mut response = Response::new(Body::Whole(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.code.retry_after() {
            headers.insert(RETRY_AFTER, seconds);
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<InvalidRoom> for Problem {
    fn from(error: InvalidRoom) -> Self {
        Code::InvalidRoom.because(error.to_string())
    }
}

impl From<InvalidUserName> for Problem {
    fn from(error: InvalidUserName) -> Self {
        Code::InvalidName.because(error.to_string())
    }
}

impl From<InvalidText> for Problem {
    fn from(error: InvalidText) -> Self {
        let code = match error {
            InvalidText::TooLarge { .. } => Code::MessageTooLarge,
            InvalidText::Empty | InvalidText::Control => Code::InvalidMessage,
        };
        code.because(error.to_string())
    }
}

impl From<InvalidClientId> for Problem {
    fn from(error: InvalidClientId) -> Self {
        Code::InvalidClientId.because(error.to_string())
    }
}

impl From<TooManyRooms> for Problem {
    fn from(error: TooManyRooms) -> Self {
        Code::TooManyRooms.because(error.to_string())
    }
}
