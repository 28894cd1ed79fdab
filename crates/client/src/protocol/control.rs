//! Events about the stream itself: `ping`, `expiring`, and `busy`, `bye` and
//! `close`, which end it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event_name::EventName;
use super::open_enum::{OpenEnum, wire_enum};
use crate::sse::{Encoded, Event};

/// The `ping` event, the same bytes for every reader. It has a name, because
/// scripts can't see comments, and no id, because it does not move the cursor.
pub fn encode_ping() -> Encoded {
    Encoded::from_static(b"13\r\nevent: ping\ndata:\n\n\r\n")
}

/// The `busy` event: there is no place for this stream, and it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// Which limit is reached.
    #[serde(default)]
    pub reason: OpenEnum<BusyReason>,
    /// The time after which the client may reconnect, in milliseconds.
    pub retry_ms: u64,
}

wire_enum! {
    /// Which limit a stream met.
    pub enum BusyReason {
        /// The server's limit of connections.
        Connections = "connections",
        /// The limit of connections, streams or rooms of one address.
        Address = "address",
        /// The server's limit of members.
        Members = "members",
    }
}

/// The `bye` event: the server ends the stream, and the client reconnects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Why the stream ends.
    #[serde(default)]
    pub reason: OpenEnum<ByeReason>,
    /// The time after which the client may reconnect, in milliseconds.
    pub retry_ms: u64,
}

wire_enum! {
    /// Why the server ends a stream.
    pub enum ByeReason {
        /// The server is shutting down.
        Shutdown = "shutdown",
    }
}

/// The `expiring` event: the token of the stream expires soon. The client opens a
/// new stream with a new token and its cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    /// When the token expires: RFC 3339, UTC.
    pub expires_at: String,
}

/// The `close` event: the stream ends, and the client must not reconnect with the
/// same token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// Why the stream ends.
    #[serde(default)]
    pub reason: OpenEnum<CloseReason>,
    /// The rooms that the token may not read, with reason `forbidden`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
}

wire_enum! {
    /// Why the server closes a stream for good.
    pub enum CloseReason {
        /// A token is needed.
        TokenRequired = "token_required",
        /// The token is not valid.
        TokenInvalid = "token_invalid",
        /// The token has expired.
        TokenExpired = "token_expired",
        /// The ticket was used before, or is too old.
        TicketUsed = "ticket_used",
        /// The token may not read these rooms, or its owner is banned from them.
        Forbidden = "forbidden",
    }
}

/// A minute, in case that a client reconnects all the same.
const CLOSE_RETRY: Duration = Duration::from_secs(60);

impl Expiring {
    /// The event. It has no id.
    pub fn encode(&self) -> Encoded {
        Event::with_capacity(96)
            .event(EventName::Expiring.as_str())
            .json(self)
    }
}

impl Close {
    /// The event for a stream that ends for this reason.
    pub fn new(reason: CloseReason) -> Self {
        Self {
            reason: reason.into(),
            rooms: Vec::new(),
        }
    }

    /// The event.
    pub fn encode(&self) -> Encoded {
        Event::with_capacity(128)
            .retry(CLOSE_RETRY)
            .event(EventName::Close.as_str())
            .json(self)
    }
}

impl Busy {
    /// The event for a stream that may be opened again after `retry`.
    pub fn new(reason: BusyReason, retry: Duration) -> Self {
        Self {
            reason: reason.into(),
            retry_ms: millis(retry),
        }
    }

    /// The event.
    pub fn encode(&self) -> Encoded {
        encode(EventName::Busy, self.retry_ms, self)
    }
}

impl Bye {
    /// The event for a client that may reconnect after `retry`.
    pub fn new(reason: ByeReason, retry: Duration) -> Self {
        Self {
            reason: reason.into(),
            retry_ms: millis(retry),
        }
    }

    /// The event.
    pub fn encode(&self) -> Encoded {
        encode(EventName::Bye, self.retry_ms, self)
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

fn encode(name: EventName, retry_ms: u64, data: &impl Serialize) -> Encoded {
    Event::with_capacity(96)
        .retry(Duration::from_millis(retry_ms))
        .event(name.as_str())
        .json(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ServerEvent, decode_one};

    #[test]
    fn a_ping_is_a_whole_chunk() {
        let ping = encode_ping();
        assert_eq!(ping.text(), "event: ping\ndata:\n\n");
        assert_eq!(*ping.chunk(), "13\r\nevent: ping\ndata:\n\n\r\n");
        assert_eq!(decode_one(&ping), Some(ServerEvent::Ping));
    }

    #[test]
    fn busy_is_decoded_as_it_was_encoded() {
        for reason in BusyReason::ALL {
            let busy = Busy::new(reason, Duration::from_millis(2500));
            let encoded = busy.encode();
            assert_eq!(
                encoded.text(),
                format!(
                    "retry: 2500\nevent: busy\ndata: {{\"reason\":\"{reason}\",\"retry_ms\":2500}}\n\n"
                )
            );
            assert_eq!(decode_one(&encoded), Some(ServerEvent::Busy(busy)));
        }
    }

    #[test]
    fn bye_is_decoded_as_it_was_encoded() {
        let bye = Bye::new(ByeReason::Shutdown, Duration::from_millis(7));
        let encoded = bye.encode();
        assert_eq!(
            encoded.text(),
            "retry: 7\nevent: bye\ndata: {\"reason\":\"shutdown\",\"retry_ms\":7}\n\n"
        );
        assert_eq!(decode_one(&encoded), Some(ServerEvent::Bye(bye)));
    }

    #[test]
    fn close_is_decoded_as_it_was_encoded() {
        for reason in CloseReason::ALL {
            let close = Close::new(reason);
            let encoded = close.encode();
            assert_eq!(
                encoded.text(),
                format!("retry: 60000\nevent: close\ndata: {{\"reason\":\"{reason}\"}}\n\n")
            );
            assert_eq!(decode_one(&encoded), Some(ServerEvent::Close(close)));
        }
        let close = Close {
            rooms: vec!["größe".to_owned()],
            ..Close::new(CloseReason::Forbidden)
        };
        let encoded = close.encode();
        let data = r#"{"reason":"forbidden","rooms":["größe"]}"#;
        let expected = format!("retry: 60000\nevent: close\ndata: {data}\n\n");
        assert_eq!(encoded.text(), expected.as_bytes());
        assert_eq!(decode_one(&encoded), Some(ServerEvent::Close(close)));
    }

    #[test]
    fn expiring_is_decoded_as_it_was_encoded() {
        let expiring = Expiring {
            expires_at: "2026-11-28T01:02:03Z".to_owned(),
        };
        let encoded = expiring.encode();
        assert_eq!(
            encoded.text(),
            "event: expiring\ndata: {\"expires_at\":\"2026-11-28T01:02:03Z\"}\n\n"
        );
        assert_eq!(decode_one(&encoded), Some(ServerEvent::Expiring(expiring)));
    }

    #[test]
    fn missing_and_unknown_reasons_are_tolerated() {
        let busy: Busy = serde_json::from_str(r#"{"retry_ms":1}"#).unwrap();
        assert_eq!(busy.reason.to_string(), "");
        let bye: Bye = serde_json::from_str(r#"{"reason":"moved","retry_ms":1}"#).unwrap();
        assert_eq!(bye.reason, OpenEnum::Unknown("moved".to_owned()));
    }
}
