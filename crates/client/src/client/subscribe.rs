//! What a subscription asks for, as a path and a query of the protocol.

use super::encoded;
use crate::protocol::Backlog;

/// What somebody wants to follow.
#[derive(Debug, Clone)]
pub struct SubscribeRequest {
    /// The rooms; the server takes 1 to 100.
    pub rooms: Vec<String>,
    /// The id of the last message that the reader has.
    pub cursor: Option<String>,
    /// How many past messages of each room a reader without a cursor gets.
    pub backlog: Backlog,
    /// The name under which it is a member of the rooms.
    pub name: Option<String>,
    /// Whether it is told who comes and leaves; a name implies it.
    pub presence: bool,
    /// What happens when the server can't be reached.
    pub retry: RetryPolicy,
}

/// When an attempt that fails is followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPolicy {
    /// The first attempt has to succeed; after it every loss is made good.
    AfterFirstConnect,
    /// From the beginning.
    Always,
}

impl SubscribeRequest {
    /// All that is said in one room from now on.
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

    /// The path and query of its stream. The cursor goes in a header.
    pub(super) fn path(&self) -> String {
        let (mut path, mut query) = match &self.rooms[..] {
            [room] => (format!("/rooms/{}/events", encoded(room)), Vec::new()),
            rooms => {
                let room = |room: &String| format!("room={}", encoded(room));
                ("/events".to_owned(), rooms.iter().map(room).collect())
            }
        };
        match self.backlog {
            Backlog::Last(0) => {}
            Backlog::Last(most) => query.push(format!("backlog={most}")),
            Backlog::All => query.push("backlog=all".to_owned()),
        }
        query.extend(
            self.name
                .iter()
                .map(|name| format!("name={}", encoded(name))),
        );
        if self.presence {
            query.push("presence=1".to_owned());
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_in_the_words_of_the_protocol() {
        assert_eq!(SubscribeRequest::to("lobby").path(), "/rooms/lobby/events");
        let request = SubscribeRequest {
            backlog: Backlog::All,
            name: Some("A & B".into()),
            ..SubscribeRequest::to("Größe.1")
        };
        assert_eq!(
            request.path(),
            "/rooms/Gr%C3%B6%C3%9Fe.1/events?backlog=all&name=A%20%26%20B"
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
