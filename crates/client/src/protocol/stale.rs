//! The events `stale` and `fresh`: whether what is published on other servers of a shared
//! history arrives.

use serde::{Deserialize, Serialize};

use super::event_name::EventName;
use crate::sse::{Encoded, Event};

/// The `stale` event: the server is cut off from the shared history. What is published on
/// other servers does not arrive until `fresh`, and comes, or is announced as a gap, later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Since when: RFC 3339, UTC, with milliseconds.
    pub since: String,
}

impl Stale {
    /// The event. It has no id, because it does not move the cursor.
    pub fn encode(&self) -> Encoded {
        Event::with_capacity(80)
            .event(EventName::Stale.as_str())
            .json(self)
    }
}

/// The `fresh` event: `stale` is over. It has no id.
pub fn encode_fresh() -> Encoded {
    Encoded::from_static(b"14\r\nevent: fresh\ndata:\n\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ServerEvent, decode_one};

    #[test]
    fn stale_is_decoded_as_it_was_encoded() {
        let stale = Stale {
            since: "2026-11-28T01:02:03.004Z".to_owned(),
        };
        let encoded = stale.encode();
        let text = "event: stale\ndata: {\"since\":\"2026-11-28T01:02:03.004Z\"}\n\n";
        assert_eq!(encoded.text(), text);
        assert_eq!(decode_one(&encoded), Some(ServerEvent::Stale(stale)));
    }

    #[test]
    fn fresh_is_a_whole_chunk_without_data() {
        let encoded = encode_fresh();
        assert_eq!(encoded.text(), "event: fresh\ndata:\n\n");
        let size = format!("{:x}\r\n", encoded.text_len());
        assert!(encoded.chunk().starts_with(size.as_bytes()));
        assert_eq!(decode_one(&encoded), Some(ServerEvent::Fresh));
    }
}
