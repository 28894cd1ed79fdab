//! The options of a subscription, and the request that they become.

use super::url::encoded;
use crate::protocol::{BACKLOG_KEY, Backlog, NAME_KEY, PRESENCE_KEY, ROOM_KEY};

/// A subscription to one or several rooms.
#[derive(Debug, Clone)]
pub struct SubscribeRequest {
    /// The rooms' names. The server accepts 1 to 100.
    pub rooms: Vec<String>,
    /// The id of the last message that was received; the stream continues after
    /// it. It wins over `backlog`.
    pub cursor: Option<String>,
    /// How many past messages of each room are delivered first.
    pub backlog: Backlog,
    /// The name under which the reader is a member of the rooms.
    pub name: Option<String>,
    /// Whether presence events are delivered. A name implies it.
    pub presence: bool,
    /// What happens when the server can't be reached.
    pub retry: RetryPolicy,
}

/// Which failed attempts are followed by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPolicy {
    /// Those after the first stream has begun. If the first attempt fails, so
    /// does the subscription.
    AfterFirstConnect,
    /// All of them.
    Always,
}

impl SubscribeRequest {
    /// A subscription to one room from now on.
    pub fn to(room: impl Into<String>) -> Self {
        Self {
            rooms: vec![room.into()],
            cursor: None,
            backlog: Backlog::Last(0),
            name: None,
            presence: false,
            retry: RetryPolicy::AfterFirstConnect,
        }
    }

    /// The path and query of a stream. The cursor goes in a header. The path of
    /// several rooms is used for one room, too: there, events of programs are JSON
    /// with their room and time.
    pub(super) fn path(&self) -> String {
        let room = |room: &String| format!("{ROOM_KEY}={}", encoded(room));
        let mut query: Vec<String> = self.rooms.iter().map(room).collect();
        if self.backlog != Backlog::Last(0) {
            query.push(format!("{BACKLOG_KEY}={}", self.backlog));
        }
        if let Some(name) = &self.name {
            query.push(format!("{NAME_KEY}={}", encoded(name)));
        }
        if self.presence {
            query.push(format!("{PRESENCE_KEY}=1"));
        }
        format!("/events?{}", query.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_a_path_and_a_query() {
        assert_eq!(SubscribeRequest::to("lobby").path(), "/events?room=lobby");
        let request = SubscribeRequest {
            backlog: Backlog::All,
            name: Some("A & B".into()),
            ..SubscribeRequest::to("Größe.1")
        };
        assert_eq!(
            request.path(),
            "/events?room=Gr%C3%B6%C3%9Fe.1&backlog=all&name=A%20%26%20B"
        );
        let request = SubscribeRequest {
            rooms: vec!["a".into(), "b".into()],
            backlog: Backlog::Last(7),
            presence: true,
            ..SubscribeRequest::to("")
        };
        assert_eq!(request.path(), "/events?room=a&room=b&backlog=7&presence=1");
    }
}
