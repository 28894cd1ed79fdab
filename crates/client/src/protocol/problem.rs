//! Problem details (RFC 9457): the body of every response that refuses a
//! request. Which headers come with it is decided by the server.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::lenient::lenient;
use super::open_enum::{OpenEnum, wire_enum};

/// The media type of [`ProblemDetails`].
pub const PROBLEM_JSON: &str = "application/problem+json";

wire_enum! {
    /// The stable `code` of a problem.
    pub enum ProblemCode {
        /// The room's name breaks a rule of [`RoomName`](super::RoomName).
        InvalidRoom = "invalid_room",
        /// The name is missing or breaks a rule of [`UserName`](super::UserName).
        InvalidName = "invalid_name",
        /// The message is missing or breaks a rule of [`MessageText`](super::MessageText).
        InvalidMessage = "invalid_message",
        /// The `client_id` breaks a rule of [`ClientId`](super::ClientId).
        InvalidClientId = "invalid_client_id",
        /// The `edit_key` breaks a rule of [`EditKey`](super::EditKey), or is missing
        /// where it is required.
        InvalidEditKey = "invalid_edit_key",
        /// The `reply_to` is not an event id.
        InvalidReplyTo = "invalid_reply_to",
        /// The reaction is not one emoji, or there are too many.
        InvalidReaction = "invalid_reaction",
        /// The name of an event breaks a rule of
        /// [`CustomEventName`](super::CustomEventName), or its payload is not UTF-8.
        InvalidEvent = "invalid_event",
        /// A parameter of the query has a value that it can't have.
        InvalidQuery = "invalid_query",
        /// The body is not one JSON object with known fields.
        InvalidJson = "invalid_json",
        /// The body is not a form with known fields.
        InvalidForm = "invalid_form",
        /// The request's host is missing or malformed.
        InvalidHost = "invalid_host",
        /// The request is not valid HTTP.
        InvalidRequest = "invalid_request",
        /// A token is required.
        TokenRequired = "token_required",
        /// The token is not valid.
        TokenInvalid = "token_invalid",
        /// The token has expired.
        TokenExpired = "token_expired",
        /// The token does not permit this, or its owner is banned from the room.
        Forbidden = "forbidden",
        /// A page of another origin sent the request, or it is for another host name.
        CrossOrigin = "cross_origin",
        /// There is nothing under this path.
        NotFound = "not_found",
        /// The path does not support the method.
        MethodNotAllowed = "method_not_allowed",
        /// The body did not arrive in time.
        RequestTimeout = "request_timeout",
        /// The message has more bytes than the server accepts.
        MessageTooLarge = "message_too_large",
        /// The event's payload has more bytes than the server accepts.
        EventTooLarge = "event_too_large",
        /// The body has more bytes than the server accepts.
        BodyTooLarge = "body_too_large",
        /// The request's target has more bytes than the server accepts.
        UriTooLong = "uri_too_long",
        /// The body has a type or a coding that the server does not accept.
        UnsupportedMediaType = "unsupported_media_type",
        /// The `client_id` stands for another request.
        ClientIdReused = "client_id_reused",
        /// A rate or a limit of the address or of the room is reached.
        RateLimited = "rate_limited",
        /// The request's head has more bytes or fields than the server accepts.
        HeadersTooLarge = "headers_too_large",
        /// The server is shutting down.
        Draining = "draining",
        /// The server's limit of rooms is reached.
        TooManyRooms = "too_many_rooms",
        /// The server's limit of connections is reached.
        TooManyConnections = "too_many_connections",
        /// The server's memory for large heads is used up.
        TooManyLargeHeads = "too_many_large_heads",
        /// History can't be stored or read at present. What was to be published may be
        /// in it all the same: repeat it with its `client_id`.
        HistoryUnavailable = "history_unavailable",
    }
}

impl ProblemCode {
    /// The HTTP status of a response with this code.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRoom
            | Self::InvalidName
            | Self::InvalidMessage
            | Self::InvalidClientId
            | Self::InvalidEditKey
            | Self::InvalidReplyTo
            | Self::InvalidReaction
            | Self::InvalidEvent
            | Self::InvalidQuery
            | Self::InvalidJson
            | Self::InvalidForm
            | Self::InvalidHost
            | Self::InvalidRequest => 400,
            Self::TokenRequired | Self::TokenInvalid | Self::TokenExpired => 401,
            Self::Forbidden | Self::CrossOrigin => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::MessageTooLarge | Self::EventTooLarge | Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::UnsupportedMediaType => 415,
            Self::ClientIdReused => 422,
            Self::RateLimited => 429,
            Self::HeadersTooLarge => 431,
            Self::Draining
            | Self::TooManyRooms
            | Self::TooManyConnections
            | Self::TooManyLargeHeads
            | Self::HistoryUnavailable => 503,
        }
    }
}

/// The body of a refusal. Fields of another type than expected are decoded as
/// missing, as RFC 9457 says (section 3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProblemDetails<'a> {
    /// A URI that identifies the kind of problem; `about:blank` of this server.
    #[serde(deserialize_with = "lenient")]
    pub r#type: Option<Cow<'a, str>>,
    /// The reason phrase of the status.
    #[serde(deserialize_with = "lenient")]
    pub title: Option<Cow<'a, str>>,
    /// The HTTP status.
    #[serde(deserialize_with = "lenient")]
    pub status: Option<u16>,
    /// What was wrong and what would be right, in English.
    #[serde(deserialize_with = "lenient")]
    pub detail: Option<Cow<'a, str>>,
    /// The stable code.
    #[serde(deserialize_with = "lenient")]
    pub code: Option<OpenEnum<ProblemCode>>,
}

impl<'a> ProblemDetails<'a> {
    /// A problem of this protocol. `title` is the reason phrase of its status.
    pub fn new(code: ProblemCode, title: &'a str, detail: &'a str) -> Self {
        Self {
            r#type: Some("about:blank".into()),
            title: Some(title.into()),
            status: Some(code.status()),
            detail: Some(detail.into()),
            code: Some(code.into()),
        }
    }

    /// The body.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers have a JSON form")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_decoded_as_it_was_encoded() {
        for code in ProblemCode::ALL {
            let problem = ProblemDetails::new(code, "Title", "a \"detail\"");
            let decoded: ProblemDetails<'_> = serde_json::from_slice(&problem.to_json()).unwrap();
            assert_eq!(decoded, problem);
        }
    }

    #[test]
    fn a_problem_is_written_to_the_byte() {
        let problem = ProblemDetails::new(ProblemCode::NotFound, "Not Found", "nothing");
        assert_eq!(
            String::from_utf8(problem.to_json()).unwrap(),
            r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"nothing","code":"not_found"}"#
        );
    }

    #[test]
    fn problems_of_other_servers_are_tolerated() {
        let json = r#"{"type":7,"title":[],"status":"x","detail":"d","code":"gone","more":{}}"#;
        let problem: ProblemDetails<'_> = serde_json::from_str(json).unwrap();
        let expected = ProblemDetails {
            detail: Some("d".into()),
            code: Some(OpenEnum::Unknown("gone".to_owned())),
            ..ProblemDetails::default()
        };
        assert_eq!(problem, expected);
        let empty: ProblemDetails<'_> = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, ProblemDetails::default());
    }
}
