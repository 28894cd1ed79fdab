//! The events of an [`EventStream`](super::EventStream): those of the protocol,
//! and what only the client can know: that the connection was lost, and that
//! messages are missing.

use std::fmt;
use std::time::Duration;

use super::error::one_line;
use crate::protocol::{
    ChangedEntry, Expiring, Gap, Hello, Message, PresenceEvent, PublishedEvent, Stale,
};

/// An event in the rooms of a subscription.
///
/// Its `Display` is one line for a log, without the text of a message and
/// without times. An unknown number is a `?`. Names come from a server that may
/// be foreign, so characters that could control a terminal are left out.
#[derive(Debug, Clone)]
pub enum ClientEvent {
    /// A stream has begun: the first one, or another after a [`ClientEvent::Cut`].
    Hello(Hello),
    /// A message was published.
    Message {
        /// The message.
        message: Message<'static>,
        /// Its JSON, exactly as the server sent it.
        json: String,
    },
    /// A message was edited, deleted or reacted to.
    Change {
        /// Its present state.
        change: ChangedEntry<'static>,
        /// The JSON of the state, exactly as the server sent it.
        json: String,
    },
    /// An event of a program.
    Event {
        /// The event.
        event: PublishedEvent<'static>,
        /// Its JSON, exactly as the server sent it.
        json: String,
    },
    /// The token of the stream expires soon.
    Expiring(Expiring),
    /// The server is cut off from the shared history: what is published on other servers
    /// does not arrive for now. It is over with [`ClientEvent::Fresh`], or with the next
    /// [`ClientEvent::Hello`]: a server that is cut off sends this again after it.
    Stale(Stale),
    /// The server has the shared history again.
    Fresh,
    /// The server announced that messages are lost.
    Gap(ObservedGap),
    /// Messages are missing that no gap announced: the number of the next
    /// message does not follow the last one of its room.
    Missing {
        /// The room's name.
        room: String,
        /// The number of the last message before the missing ones, 0 for none.
        after: u64,
        /// The number of the message after them.
        before: u64,
    },
    /// The members of a room, or changes of them.
    Presence(PresenceEvent),
    /// The stream was lost. The next attempt follows after `wait`.
    Cut {
        /// The reason, in one line.
        reason: String,
        /// The time until the next attempt.
        wait: Duration,
    },
}

/// A gap, and what the client's own count says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedGap {
    /// The gap as the server announced it.
    pub gap: Gap,
    /// The number of the room's last message before the gap; `None` for none.
    pub after: Option<u64>,
    /// The number of lost messages by the client's count; `None` where the
    /// numbers before and after the gap may not be of one history.
    pub counted: Option<u64>,
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(_) => f.write_str("hello"),
            Self::Message { message, .. } => {
                write!(f, "{} {}", one_line(&message.room), message.number)
            }
            Self::Change { change, .. } => match change {
                ChangedEntry::Deleted(deleted) => write!(f, "deleted {}", deleted.id),
                ChangedEntry::Message(message) => write!(f, "changed {}", message.id),
            },
            Self::Event { event, .. } => {
                let (room, name) = (one_line(&event.room), one_line(&event.event));
                write!(f, "event {room} {name}")
            }
            Self::Expiring(expiring) => {
                write!(f, "expiring {}", one_line(&expiring.expires_at))
            }
            Self::Stale(stale) => write!(f, "stale {}", one_line(&stale.since)),
            Self::Fresh => f.write_str("fresh"),
            Self::Gap(observed) => observed.fmt(f),
            Self::Missing {
                room,
                after,
                before,
            } => write!(f, "missing {} {after} {before}", one_line(room)),
            Self::Presence(presence) => {
                let room = one_line(&presence.room);
                write!(f, "presence {room} {}", presence.count)
            }
            Self::Cut { reason, .. } => write!(f, "cut: {}", one_line(reason)),
        }
    }
}

impl fmt::Display for ObservedGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "gap {} {} lost {} after {} counted {}",
            one_line(&self.gap.room),
            one_line(&self.gap.reason.to_string()),
            OrUnknown(self.gap.lost),
            OrUnknown(self.after),
            OrUnknown(self.counted),
        )
    }
}

/// A number, or `?`.
struct OrUnknown(Option<u64>);

impl fmt::Display for OrUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_foreign_server_do_not_control_the_terminal() {
        let bad = "a\u{1b}[2J\nb";
        let gap = format!(
            r#"{{"room":{0},"reason":{0},"lost":null,"next":1}}"#,
            serde_json::json!(bad)
        );
        let presence = format!(
            r#"{{"room":{},"count":1,"members":null}}"#,
            serde_json::json!(bad)
        );
        let json = format!(
            r#"{{"id":"e-1","room":{},"number":1,"name":"A","message":"m","created_at":"2026-11-23T01:02:03.004Z"}}"#,
            serde_json::json!(bad)
        );
        let message: Message<'static> = serde_json::from_str(&json).unwrap();
        let events = [
            ClientEvent::Message { message, json },
            ClientEvent::Gap(ObservedGap {
                gap: serde_json::from_str(&gap).unwrap(),
                after: None,
                counted: None,
            }),
            ClientEvent::Missing {
                room: bad.to_owned(),
                after: 1,
                before: 3,
            },
            ClientEvent::Presence(serde_json::from_str(&presence).unwrap()),
            ClientEvent::Stale(Stale {
                since: bad.to_owned(),
            }),
            ClientEvent::Cut {
                reason: bad.to_owned(),
                wait: Duration::ZERO,
            },
        ];
        for event in events {
            let line = event.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.contains("a[2J"), "{line:?}");
        }
    }
}
