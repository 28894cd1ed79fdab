//! The members of rooms: the `presence` event, and the response to
//! `GET /rooms/{room}/members`.

use serde::{Deserialize, Serialize};

use super::event_name::EventName;
use crate::sse::{Encoded, Event};

/// The `presence` event. It has one of three forms: `members`, the whole list;
/// `joined` and `left`, the changes since the last event; or the count alone,
/// which voids the list.
///
/// Clients decode it with the default parameters. The server encodes it from
/// lists that it borrows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceEvent<
    Room = String,
    Members = Vec<Member>,
    Left = Vec<LeftMember>,
    Names = Vec<String>,
> {
    /// The room's name.
    pub room: Room,
    /// The number of its members. Always exact.
    pub count: u64,
    /// All members: in the first event of a stream, and possibly in later ones.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub members: Option<Members>,
    /// Members that joined.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub joined: Option<Members>,
    /// Members that left. To be applied before `joined`.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// Members that type at the moment, at most 5. If there are none it is missing,
    /// or empty in the event that announces the end of the last one.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub typing: Option<Names>,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member<Name = String, Since = Option<String>> {
    /// The member's name.
    pub name: Name,
    /// When the member joined: RFC 3339, UTC, milliseconds.
    pub since: Since,
}

/// A member that left a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftMember<Name = String, Since = Option<String>> {
    /// The member's name.
    pub name: Name,
    /// When the member joined: RFC 3339, UTC, milliseconds.
    pub since: Since,
    /// The name under which it is a member now, if its client has changed its name.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub now: Option<Name>,
}

/// The response to `GET /rooms/{room}/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberList<Room = String, Members = Vec<Member>> {
    /// The room's name.
    pub room: Room,
    /// The number of its members. Always exact.
    pub count: u64,
    /// The members; of many, those that joined first.
    pub members: Members,
}

/// serde's own default asks for `Members: Default`.
fn none<T>() -> Option<T> {
    None
}

impl<Room, Members, Left, Names> PresenceEvent<Room, Members, Left, Names> {
    /// The event with the count alone.
    pub fn count(room: Room, count: u64) -> Self {
        Self {
            room,
            count,
            members: None,
            joined: None,
            left: None,
            typing: None,
        }
    }

    /// Whether this is the count alone, which voids the list.
    pub fn is_count(&self) -> bool {
        self.members.is_none() && self.joined.is_none() && self.left.is_none()
    }
}

impl<Room, Members, Left, Names> PresenceEvent<Room, Members, Left, Names>
where
    Self: Serialize,
{
    /// The event.
    pub fn encode(&self) -> Encoded {
        Event::with_capacity(256)
            .event(EventName::Presence.as_str())
            .json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ServerEvent, decode_one};

    fn member(name: &str) -> Member {
        Member {
            name: name.to_owned(),
            since: Some("2026-11-23T01:02:03.004Z".to_owned()),
        }
    }

    #[test]
    fn each_form_is_decoded_as_it_was_encoded() {
        let count = PresenceEvent::count("a".to_owned(), 2);
        let list = PresenceEvent {
            members: Some(vec![member("Ada"), member("Bob")]),
            ..count.clone()
        };
        let left = LeftMember {
            name: "Bob".to_owned(),
            since: None,
            now: Some("Ada".to_owned()),
        };
        let change = PresenceEvent {
            joined: Some(vec![member("Ada")]),
            left: Some(vec![left]),
            ..count.clone()
        };
        assert!(count.is_count() && !list.is_count() && !change.is_count());
        let typing = PresenceEvent {
            typing: Some(vec!["Ada".to_owned()]),
            ..change.clone()
        };
        for presence in [count, list, change, typing] {
            let decoded = decode_one(&presence.encode());
            assert_eq!(decoded, Some(ServerEvent::Presence(presence)));
        }
    }

    #[test]
    fn a_change_is_written_to_the_byte() {
        let ada = [Member {
            name: "Ada",
            since: "s",
        }];
        let change = PresenceEvent {
            joined: Some(&ada[..]),
            left: Some(&[LeftMember {
                name: "Bob",
                since: "t",
                now: None,
            }]),
            typing: None::<&[&str]>,
            ..PresenceEvent::count("a", 1)
        };
        assert_eq!(
            change.encode().text(),
            "event: presence\ndata: {\"room\":\"a\",\"count\":1,\"joined\":[{\"name\":\"Ada\",\"since\":\"s\"}],\"left\":[{\"name\":\"Bob\",\"since\":\"t\"}]}\n\n"
        );
    }

    #[test]
    fn a_list_of_members_is_decoded_as_it_was_encoded() {
        let list = MemberList {
            room: "a".to_owned(),
            count: 201,
            members: vec![member("Ada")],
        };
        let json = serde_json::to_string(&list).unwrap();
        assert_eq!(
            json,
            r#"{"room":"a","count":201,"members":[{"name":"Ada","since":"2026-11-23T01:02:03.004Z"}]}"#
        );
        assert_eq!(serde_json::from_str::<MemberList>(&json).unwrap(), list);
    }

    #[test]
    fn missing_and_unknown_fields_are_tolerated() {
        let json = r#"{"room":"a","count":1,"joined":[{"name":"Ada","role":"op"}],"muted":[]}"#;
        let presence: PresenceEvent = serde_json::from_str(json).unwrap();
        assert_eq!(presence.joined.unwrap()[0].since, None);
        assert_eq!((presence.members, presence.left), (None, None));
        assert_eq!(presence.typing, None);
        let json = r#"{"room":"a","count":1,"left":[{"name":"Ada"}]}"#;
        let presence: PresenceEvent = serde_json::from_str(json).unwrap();
        assert_eq!(presence.left.unwrap()[0].now, None);
    }
}
