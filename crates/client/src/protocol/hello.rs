//! The `hello` event, the first of every stream.

use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event_id::EventId;
use super::event_name::EventName;
use super::lenient::lenient;
use crate::sse::{Encoded, Event};

/// The `hello` event. Clients decode it with the default parameters; the server
/// encodes it from its own types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<Room = String, Id = String> {
    /// The cursor that this stream continues from. It is the event's id too.
    pub cursor: Id,
    /// The server sends a `ping` after at most this much silence, in milliseconds.
    pub ping_ms: u64,
    /// The state of the stream's rooms.
    #[serde(default)]
    pub rooms: Vec<HelloRoom<Room>>,
}

/// The state of a room when a stream begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloRoom<Room = String> {
    /// The room's name.
    pub room: Room,
    /// The number of its members.
    pub members: u64,
    /// The oldest message in its history.
    #[serde(default, deserialize_with = "lenient")]
    pub oldest: Option<EventId>,
    /// The newest message in its history.
    #[serde(default, deserialize_with = "lenient")]
    pub newest: Option<EventId>,
    /// The number of its next message.
    pub next: u64,
}

impl<Room: Serialize, Id: Serialize + Display> Hello<Room, Id> {
    /// The event; `retry` is the time after which this client reconnects.
    pub fn encode(&self, retry: Duration) -> Encoded {
        Event::with_capacity(512)
            .retry(retry)
            .event(EventName::Hello.as_str())
            .id(&self.cursor)
            .json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Cursor, RoomName, ServerEvent, decode_one};

    #[test]
    fn hello_is_decoded_as_it_was_encoded() {
        let hello = Hello {
            cursor: Cursor::Unknown,
            ping_ms: 15_000,
            rooms: vec![HelloRoom {
                room: RoomName::parse("größe").unwrap(),
                members: 2,
                oldest: None,
                newest: Some("e-7".parse().unwrap()),
                next: 8,
            }],
        };
        let encoded = hello.encode(Duration::from_millis(2500));
        assert_eq!(
            encoded.text(),
            "retry: 2500\nevent: hello\nid: unknown-0\ndata: {\"cursor\":\"unknown-0\",\
             \"ping_ms\":15000,\"rooms\":[{\"room\":\"größe\",\"members\":2,\"oldest\":null,\
             \"newest\":\"e-7\",\"next\":8}]}\n\n"
        );
        let Some(ServerEvent::Hello(decoded)) = decode_one(&encoded) else {
            panic!("not a hello");
        };
        assert_eq!((&*decoded.cursor, decoded.ping_ms), ("unknown-0", 15_000));
        let room = &decoded.rooms[0];
        assert_eq!((&*room.room, room.members, room.next), ("größe", 2, 8));
        assert_eq!(
            (room.oldest, room.newest),
            (None, Some("e-7".parse().unwrap()))
        );
    }

    #[test]
    fn ids_and_fields_of_another_server_are_tolerated() {
        let json = r#"{"cursor":"?","ping_ms":1,"region":"eu",
            "rooms":[{"room":"a","members":0,"oldest":"No. 7","newest":7,"next":1,"topic":"x"}]}"#;
        let hello: Hello = serde_json::from_str(json).unwrap();
        assert_eq!(hello.cursor, "?");
        assert_eq!((hello.rooms[0].oldest, hello.rooms[0].newest), (None, None));
        let hello: Hello = serde_json::from_str(r#"{"cursor":"e-0","ping_ms":1}"#).unwrap();
        assert!(hello.rooms.is_empty());
    }
}
