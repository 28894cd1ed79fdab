//! Checks that a request had no effect: no message in any room, no event at a live
//! reader, and the server still answers.

use serde_json::Value;

use super::support::{EventReader, Response, TestServer, within};

/// A live reader of a room.
pub(crate) struct Witness<'a> {
    server: &'a TestServer,
    room: &'static str,
    reader: EventReader,
    /// The last message that was published.
    last: Value,
}

impl<'a> Witness<'a> {
    pub(crate) async fn of(server: &'a TestServer, room: &'static str) -> Self {
        let last = server.publish(room, "the first").await;
        let mut reader = server.events(&format!("/rooms/{room}/events")).await;
        reader.expect("hello").await;
        Self {
            server,
            room,
            reader,
            last,
        }
    }

    /// Checks that nothing was published since the last check: the next message has
    /// the next number of its room, and the next id of all rooms.
    pub(crate) async fn saw_nothing(&mut self, after: &str) {
        let path = format!("/rooms/{}/messages", self.room);
        let history = self.server.get(&path).await.json();
        assert_eq!(
            history["messages"].as_array().and_then(|all| all.last()),
            Some(&self.last),
            "{after}"
        );
        assert_eq!(history["newest"], self.last["id"], "{after}");

        let published = self.server.publish(self.room, "the next").await;
        let before = std::mem::replace(&mut self.last, published);
        self.receives(after).await;
        let number = |message: &Value| message["number"].as_u64().unwrap();
        assert_eq!(number(&self.last), number(&before) + 1, "{after}");
        assert_eq!(seq(&self.last), seq(&before) + 1, "{after}");
        alive(self.server).await;
    }

    /// Checks that only `message` was published since the last check. The stream must
    /// not have the `client_id` of the sender's answer.
    pub(crate) async fn received(&mut self, message: &Value) {
        let before = std::mem::replace(&mut self.last, as_shown(message));
        self.receives("the message").await;
        assert_eq!(seq(&self.last), seq(&before) + 1);
    }

    async fn receives(&mut self, after: &str) {
        let event = loop {
            let event = self.reader.next().await;
            if event.event != "ping" {
                break event;
            }
        };
        assert_eq!(
            (&*event.event, &event.data),
            ("update", &self.last),
            "{after}"
        );
    }
}

/// A message as all but its sender receive it.
pub(crate) fn as_shown(message: &Value) -> Value {
    let mut shown = message.clone();
    shown.as_object_mut().unwrap().remove("client_id");
    shown
}

/// The seq of a message, over all rooms of the server.
pub(crate) fn seq(message: &Value) -> u64 {
    let id = message["id"].as_str().unwrap();
    id.rsplit_once('-').unwrap().1.parse().unwrap()
}

/// Checks that the server still answers.
pub(crate) async fn alive(server: &TestServer) {
    let health = server.get("/healthz").await;
    assert_eq!((health.status, &*health.text()), (200, "ok"));
}

/// The status of each answer on a connection. None may be a server error.
#[track_caller]
pub(crate) fn statuses(bytes: &[u8]) -> Vec<u16> {
    let shown = String::from_utf8_lossy(bytes);
    let version = |at: &[u8]| at.starts_with(b"HTTP/1.") && at.get(8) == Some(&b' ');
    let statuses: Vec<u16> = bytes
        .windows(12)
        .filter(|at| version(at))
        .filter_map(|at| std::str::from_utf8(&at[9..]).ok()?.parse().ok())
        .collect();
    assert!(statuses.iter().all(|&status| status < 500), "{shown:?}");
    assert!(
        bytes.is_empty() || version(bytes),
        "something other than an answer: {shown:?}"
    );
    statuses
}

/// Checks that the answer has `X-Content-Type-Options: nosniff`.
#[track_caller]
pub(crate) fn assert_nosniff(response: &Response) {
    assert_eq!(
        response.header("x-content-type-options"),
        Some("nosniff"),
        "{response:?}"
    );
}

/// Waits until the server has this many readers.
pub(crate) async fn until_readers(server: &TestServer, count: usize) {
    within(async {
        while server.app().hub.readers() != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
