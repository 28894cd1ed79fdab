//! What a subscription tells: the events of the protocol as types, and what
//! only a client can know: that it was cut, that something is missing.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::error::one_line;
use crate::protocol::Message;

/// One thing that happened in the rooms that are followed.
#[derive(Debug, Clone)]
pub enum ClientEvent {
    /// A stream has begun; again after each cut.
    Hello(Welcome),
    /// Somebody said something.
    Message {
        /// What, typed.
        message: Message<'static>,
        /// The same, exactly as the server sent it.
        json: String,
    },
    /// A hole that the server announced.
    Gap(Hole),
    /// A hole that nobody announced: the message that comes next does not
    /// follow the one before it in its room.
    Missing {
        /// The room.
        room: String,
        /// The number of the last message before the hole, 0 for none.
        after: u64,
        /// The number of the message after it.
        before: u64,
    },
    /// Who is here.
    Presence(Here),
    /// The stream was lost; another attempt follows after `wait`.
    Cut {
        /// Why, in one line.
        reason: String,
        /// How long until the next attempt.
        wait: Duration,
    },
}

/// In a few words, one line for a log: without the text of a message, and
/// without times. A number that nobody knows is a `?`. Names come from a server
/// that may be anybody's: what could drive a terminal is left out.
impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(_) => f.write_str("hello"),
            Self::Message { message, .. } => {
                write!(f, "{} {}", one_line(&message.room), message.number)
            }
            Self::Gap(hole) => write!(
                f,
                "gap {} {} lost {} after {} counted {}",
                one_line(&hole.room),
                one_line(&hole.reason),
                Known(hole.lost),
                Known(hole.after),
                Known(hole.counted),
            ),
            Self::Missing {
                room,
                after,
                before,
            } => write!(f, "missing {} {after} {before}", one_line(room)),
            Self::Presence(here) => {
                write!(f, "presence {} {}", one_line(&here.room), here.count)
            }
            Self::Cut { reason, .. } => write!(f, "cut: {}", one_line(reason)),
        }
    }
}

/// A number that may not be known.
struct Known(Option<u64>);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("?"),
        }
    }
}

/// The `hello` event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Welcome {
    /// Where the stream goes on from.
    pub cursor: String,
    /// Silence after which the server sends a ping, in milliseconds.
    pub ping_ms: u64,
    /// The rooms as they are now.
    #[serde(default)]
    pub rooms: Vec<HereRoom>,
}

/// A room as it is when a stream begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HereRoom {
    /// The room.
    pub room: String,
    /// How many members are in it.
    pub members: u64,
    /// The id of the oldest message that the server holds.
    pub oldest: Option<String>,
    /// The id of the newest message that the server holds.
    pub newest: Option<String>,
    /// The number of the next message.
    pub next: u64,
}

/// The `gap` event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hole {
    /// The room.
    pub room: String,
    /// `evicted`, `restart`, `unknown`, `lagged`, or one that is not known yet.
    pub reason: String,
    /// How many messages are lost, if the server knows.
    pub lost: Option<u64>,
    /// The number of the next message in this stream.
    pub next: u64,
    /// The number of the last message that the client has; `None` for none.
    #[serde(skip)]
    pub after: Option<u64>,
    /// How many messages are lost by the client's own count; `None` where the
    /// numbers before and after the hole are not of one life of the server.
    #[serde(skip)]
    pub counted: Option<u64>,
}

/// The `presence` event: all members, the members that joined and left since
/// the last one, or the count alone, which voids the list of before.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Here {
    /// The room.
    pub room: String,
    /// How many members it has.
    pub count: u64,
    /// All members: in the first event of a stream, and at any time later.
    pub members: Option<Vec<HereMember>>,
    /// Members that joined since.
    #[serde(default)]
    pub joined: Vec<HereMember>,
    /// Members that left since: to be applied before `joined`.
    #[serde(default)]
    pub left: Vec<HereMember>,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HereMember {
    /// The name.
    pub name: String,
    /// Since when, in RFC 3339.
    pub since: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_foreign_server_drive_no_terminal() {
        let bad = "a\u{1b}[2J\nb";
        let hole = format!(
            r#"{{"room":{0},"reason":{0},"lost":null,"next":1}}"#,
            serde_json::json!(bad)
        );
        let here = format!(
            r#"{{"room":{},"count":1,"members":null}}"#,
            serde_json::json!(bad)
        );
        let json = format!(
            r#"{{"id":"e-1","room":{},"number":1,"name":"A","message":"m","created_at":"2026-11-23T01:02:03.004Z"}}"#,
            serde_json::json!(bad)
        );
        let message: Message<'static> = serde_json::from_str(&json).unwrap();
        let all = [
            ClientEvent::Message { message, json },
            ClientEvent::Gap(serde_json::from_str(&hole).unwrap()),
            ClientEvent::Missing {
                room: bad.to_owned(),
                after: 1,
                before: 3,
            },
            ClientEvent::Presence(serde_json::from_str(&here).unwrap()),
            ClientEvent::Cut {
                reason: bad.to_owned(),
                wait: Duration::ZERO,
            },
        ];
        for told in all {
            let line = told.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.contains("a[2J"), "{line:?}");
        }
    }
}
