//! Events about the stream itself: `ping`, and `busy` and `bye`, which end it.

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
    fn missing_and_unknown_reasons_are_tolerated() {
        let busy: Busy = serde_json::from_str(r#"{"retry_ms":1}"#).unwrap();
        assert_eq!(busy.reason.to_string(), "");
        let bye: Bye = serde_json::from_str(r#"{"reason":"moved","retry_ms":1}"#).unwrap();
        assert_eq!(bye.reason, OpenEnum::Unknown("moved".to_owned()));
    }
}
