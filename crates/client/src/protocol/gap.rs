//! The `gap` event: a loss that the server announces.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::event_name::EventName;
use super::open_enum::{OpenEnum, wire_enum};
use crate::sse::{Encoded, Event};

/// The `gap` event: messages of a room that the server can no longer deliver.
/// Clients decode it with the default parameters; the server encodes it from
/// its own types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap<Room = String, Reason = OpenEnum<GapReason>, Id = String> {
    /// The room's name.
    pub room: Room,
    /// Why the messages can't be delivered.
    pub reason: Reason,
    /// The number of lost messages; `None` where the server can't know it.
    pub lost: Option<u64>,
    /// The number of the next message in this stream.
    pub next: u64,
    /// The cursor that the stream continues from: the event's id.
    #[serde(skip)]
    pub cursor: Id,
}

wire_enum! {
    /// Why there is a gap.
    pub enum GapReason {
        /// The client was away for longer than history reaches.
        Evicted = "evicted",
        /// The cursor is of another history, or of the part of this one that the server
        /// has lost: it was restarted.
        Restart = "restart",
        /// The server did not issue the cursor.
        Unknown = "unknown",
        /// The client was too slow for longer than history reaches.
        Lagged = "lagged",
    }
}

impl<Room: Serialize, Reason: Serialize, Id: Display> Gap<Room, Reason, Id> {
    /// The event.
    pub fn encode(&self) -> Encoded {
        Event::with_capacity(192)
            .event(EventName::Gap.as_str())
            .id(&self.cursor)
            .json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Cursor, RoomName, ServerEvent, decode_one};

    #[test]
    fn a_gap_is_decoded_as_it_was_encoded() {
        for (reason, lost) in [(GapReason::Evicted, Some(3)), (GapReason::Restart, None)] {
            let gap = Gap {
                room: RoomName::parse("a").unwrap(),
                reason,
                lost,
                next: 5,
                cursor: Cursor::Id("e-4".parse().unwrap()),
            };
            let expected = Gap {
                room: "a".to_owned(),
                reason: OpenEnum::Known(reason),
                lost,
                next: 5,
                cursor: "e-4".to_owned(),
            };
            assert_eq!(decode_one(&gap.encode()), Some(ServerEvent::Gap(expected)));
        }
    }

    #[test]
    fn a_gap_is_written_to_the_byte() {
        let gap = Gap {
            room: "a",
            reason: GapReason::Lagged,
            lost: None,
            next: 5,
            cursor: "e-4",
        };
        assert_eq!(
            gap.encode().text(),
            "event: gap\nid: e-4\ndata: {\"room\":\"a\",\"reason\":\"lagged\",\"lost\":null,\"next\":5}\n\n"
        );
    }

    #[test]
    fn an_unknown_reason_is_kept() {
        let json = r#"{"room":"a","reason":"moved","lost":1,"next":2,"to":"b"}"#;
        let gap: Gap = serde_json::from_str(json).unwrap();
        assert_eq!(gap.reason, OpenEnum::Unknown("moved".to_owned()));
    }
}
