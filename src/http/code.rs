//! The stable names of why somebody is refused, or is told to come back: they
//! stand in answers, and are counted.

use hyper::StatusCode;

pub(super) use crate::protocol::BusyReason as Reason;

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
    InvalidRequest,
    CrossOrigin,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    MessageTooLarge,
    BodyTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    ClientIdReused,
    RateLimited,
    HeadersTooLarge,
    Draining,
    TooManyRooms,
    TooManyConnections,
    TooManyLargeHeads,
}

impl Code {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 24] = [
        Self::InvalidRoom,
        Self::InvalidName,
        Self::InvalidMessage,
        Self::InvalidClientId,
        Self::InvalidQuery,
        Self::InvalidJson,
        Self::InvalidForm,
        Self::InvalidHost,
        Self::InvalidRequest,
        Self::CrossOrigin,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::MessageTooLarge,
        Self::BodyTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::ClientIdReused,
        Self::RateLimited,
        Self::HeadersTooLarge,
        Self::Draining,
        Self::TooManyRooms,
        Self::TooManyConnections,
        Self::TooManyLargeHeads,
    ];

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::InvalidRoom
            | Self::InvalidName
            | Self::InvalidMessage
            | Self::InvalidClientId
            | Self::InvalidQuery
            | Self::InvalidJson
            | Self::InvalidForm
            | Self::InvalidHost
            | Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MessageTooLarge | Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ClientIdReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Draining
            | Self::TooManyRooms
            | Self::TooManyConnections
            | Self::TooManyLargeHeads => StatusCode::SERVICE_UNAVAILABLE,
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
            Self::InvalidRequest => "invalid_request",
            Self::CrossOrigin => "cross_origin",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::MessageTooLarge => "message_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::UriTooLong => "uri_too_long",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ClientIdReused => "client_id_reused",
            Self::RateLimited => "rate_limited",
            Self::HeadersTooLarge => "headers_too_large",
            Self::Draining => "draining",
            Self::TooManyRooms => "too_many_rooms",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyLargeHeads => "too_many_large_heads",
        }
    }
}
