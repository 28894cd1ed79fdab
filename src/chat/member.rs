//! A member as presence events and the list of members show it. When a name is a
//! member is decided in `presence`.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::protocol::{self, MemberList, RoomName, UserName};

/// One member of a room.
pub type Member = protocol::Member<UserName, Since>;

/// A member that left a room, perhaps by taking another name.
pub(super) type LeftMember = protocol::LeftMember<UserName, Since>;

/// The time at which a member joined. It is written as RFC 3339 in UTC, with
/// milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since(pub(super) Timestamp);

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// The response to `GET /rooms/{room}/members`.
pub(super) fn members_json(room: &RoomName, count: usize, members: Vec<Member>) -> Bytes {
    let list = MemberList {
        room,
        count: count as u64,
        members,
    };
    let json = serde_json::to_vec(&list).expect("members have a JSON form");
    json.into()
}
