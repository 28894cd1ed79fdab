//! The responses that list messages and rooms, a page at a time.
//!
//! The server joins a page from items that are encoded already, so it takes only
//! the text around them from here. Clients decode whole pages.

use serde::{Deserialize, Serialize};

use super::event_id::EventId;
use super::message::Message;

/// The response to `GET /rooms/{room}/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePage<Room = String> {
    /// The room's name.
    pub room: Room,
    /// The messages, oldest first.
    pub messages: Vec<Message<'static>>,
    /// The oldest message in the room's history.
    pub oldest: Option<EventId>,
    /// The newest message in the room's history.
    pub newest: Option<EventId>,
}

/// The response to `GET /rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPage<Room = String> {
    /// The rooms, by name.
    pub rooms: Vec<RoomSummary<Room>>,
    /// If there are more rooms: the last one of this page, to be sent as `after`.
    #[serde(default = "no_room", skip_serializing_if = "Option::is_none")]
    pub next: Option<Room>,
}

/// A room in the list of rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary<Room = String> {
    /// The room's name.
    pub room: Room,
    /// The number of its members.
    pub members: u64,
    /// The number of messages in its history.
    pub messages: u64,
    /// The newest of them.
    pub newest: Option<EventId>,
}

/// serde's own default asks for `Room: Default`.
fn no_room<Room>() -> Option<Room> {
    None
}

impl<Room: Serialize> MessagePage<Room> {
    /// The text before the messages, which are joined by commas, and after them.
    pub fn around(
        room: Room,
        oldest: Option<EventId>,
        newest: Option<EventId>,
    ) -> (String, String) {
        split(&Self {
            room,
            messages: Vec::new(),
            oldest,
            newest,
        })
    }
}

impl<Room: Serialize> RoomPage<Room> {
    /// The text before the rooms, which are joined by commas, and after them.
    pub fn around(next: Option<Room>) -> (String, String) {
        split(&Self {
            rooms: Vec::new(),
            next,
        })
    }
}

/// Splits a page at its empty list. A room's name has no bracket, and what
/// stands before the list is at most that.
fn split(page: &impl Serialize) -> (String, String) {
    let json = serde_json::to_string(page).expect("a page has a JSON form");
    let (start, end) = json.split_once("[]").expect("the page has an empty list");
    (format!("{start}["), format!("]{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RoomName;

    #[test]
    fn a_page_of_messages_is_decoded_as_it_was_joined() {
        let message = |number: u64| {
            let id = format!("e-{number}").parse().unwrap();
            Message::new(id, "größe", number, "Ada", "[]", "2026-11-23T01:02:03.004Z")
        };
        let room = RoomName::parse("größe").unwrap();
        for count in 0..3 {
            let messages: Vec<_> = (1..=count).map(message).collect();
            let ends = |message: Option<&Message<'_>>| message.map(|message| message.id);
            let (oldest, newest) = (ends(messages.first()), ends(messages.last()));
            let json = messages.iter().map(|m| serde_json::to_string(m).unwrap());
            let json = json.collect::<Vec<_>>().join(",");
            let (start, end) = MessagePage::around(&room, oldest, newest);
            let page = MessagePage {
                room: "größe".to_owned(),
                messages,
                oldest,
                newest,
            };
            let joined = format!("{start}{json}{end}");
            assert_eq!(joined, serde_json::to_string(&page).unwrap());
            assert_eq!(serde_json::from_str::<MessagePage>(&joined).unwrap(), page);
        }
    }

    #[test]
    fn the_text_around_is_written_to_the_byte() {
        let around = MessagePage::around("a", None, Some("e-2".parse().unwrap()));
        assert_eq!(around.0, r#"{"room":"a","messages":["#);
        assert_eq!(around.1, r#"],"oldest":null,"newest":"e-2"}"#);
        let around = RoomPage::around(Some("b"));
        assert_eq!(around.0, r#"{"rooms":["#);
        assert_eq!(around.1, r#"],"next":"b"}"#);
        assert_eq!(RoomPage::<&str>::around(None).1, "]}");
    }

    #[test]
    fn a_page_of_rooms_is_decoded_as_it_was_encoded() {
        let page = RoomPage {
            rooms: vec![RoomSummary {
                room: "a".to_owned(),
                members: 1,
                messages: 2,
                newest: Some("e-2".parse().unwrap()),
            }],
            next: Some("a".to_owned()),
        };
        let json = serde_json::to_string(&page).unwrap();
        assert_eq!(
            json,
            r#"{"rooms":[{"room":"a","members":1,"messages":2,"newest":"e-2"}],"next":"a"}"#
        );
        assert_eq!(serde_json::from_str::<RoomPage>(&json).unwrap(), page);
        let last: RoomPage = serde_json::from_str(r#"{"rooms":[],"total":0}"#).unwrap();
        assert_eq!(last.next, None);
    }
}
