//! Requests that publish messages with an edit key and events, and that change
//! them.

use serde_json::{Value, json};
use sse_chat::chat::{Change, Requester};
use sse_chat::protocol::RoomName;

use super::connection::Connection;
use super::event_reader::{Event, EventReader};
use super::support::{Http, Response, TestServer, within};

/// The edit key of every message that [`TestServer::publish_own`] publishes.
pub(crate) const KEY: &str = "alice-0123456789";
/// Another one.
pub(crate) const OTHER_KEY: &str = "bob-0123456789-_";

/// A server that takes events of everybody.
pub(crate) fn open_server(http: Http) -> TestServer {
    http.start_with(|config| config.open_events = true)
}

/// The path of a message or an event.
pub(crate) fn path_of(entry: &Value) -> String {
    let (room, id) = (entry["room"].as_str(), entry["id"].as_str());
    format!("/rooms/{}/messages/{}", room.unwrap(), id.unwrap())
}

/// `percent` with every byte percent-encoded.
pub(crate) fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl TestServer {
    /// Publishes a message with the edit key [`KEY`].
    pub(crate) async fn publish_own(&self, room: &str, message: &str) -> Value {
        let body = json!({"name": "Alice", "message": message, "edit_key": KEY});
        let response = self.post(room, &body).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }

    /// Publishes an event; `query` is empty or begins with `?`.
    pub(crate) async fn post_event(
        &self,
        room: &str,
        query: &str,
        content_type: &str,
        payload: impl AsRef<[u8]>,
    ) -> Response {
        let path = format!("/rooms/{room}/events{query}");
        let headers = [("content-type", content_type)];
        self.request("POST", &path, &headers, payload).await
    }

    /// Publishes a text as an event of this name; returns the answer.
    pub(crate) async fn publish_event(&self, room: &str, name: &str, payload: &str) -> Value {
        let query = format!("?event={name}");
        let response = self.post_event(room, &query, "text/plain", payload).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }

    /// Requests another text for a message.
    pub(crate) async fn edit(&self, entry: &Value, key: &str, text: &str) -> Response {
        let headers = [("content-type", "application/json"), ("edit-key", key)];
        let body = json!({"message": text}).to_string();
        self.request("PATCH", &path_of(entry), &headers, body).await
    }

    /// Requests the deletion of a message.
    pub(crate) async fn delete(&self, entry: &Value, key: &str) -> Response {
        self.request("DELETE", &path_of(entry), &[("edit-key", key)], "")
            .await
    }

    /// Deletes an entry with the right to moderate, which no request has here.
    pub(crate) fn moderate(&self, entry: &Value) {
        let room = RoomName::parse(entry["room"].as_str().unwrap()).unwrap();
        let id = entry["id"].as_str().unwrap().parse().unwrap();
        let requester = Requester {
            may_moderate: true,
            ..Requester::default()
        };
        let deleted = self
            .app()
            .hub
            .change(&room, id, &Change::Delete, &requester);
        deleted.unwrap();
    }

    /// Requests a reaction as `name`, who has this key.
    pub(crate) async fn react(
        &self,
        entry: &Value,
        emoji: &str,
        name: &str,
        key: &str,
    ) -> Response {
        let path = format!("{}?name={name}", reaction_path(entry, emoji));
        self.request("PUT", &path, &[("edit-key", key)], "").await
    }

    /// Requests that the reaction of this key is taken back.
    pub(crate) async fn take_back(&self, entry: &Value, emoji: &str, key: &str) -> Response {
        let path = reaction_path(entry, emoji);
        self.request("DELETE", &path, &[("edit-key", key)], "")
            .await
    }

    /// The first 500 messages and events of history.
    pub(crate) async fn page(&self, room: &str) -> Vec<Value> {
        let page = self.get(&format!("/rooms/{room}/messages?limit=500")).await;
        page.json()["messages"].as_array().unwrap().clone()
    }
}

/// Sends each request on a connection of its own before any answer is read.
pub(crate) async fn all_at_once(server: &TestServer, requests: &[String]) -> Vec<Response> {
    let mut connections = Vec::new();
    for request in requests {
        let mut connection = Connection::to(server).await;
        connection.send(request).await;
        connections.push(connection);
    }
    let mut answers = Vec::new();
    for mut connection in connections {
        answers.push(connection.answer().await);
    }
    answers
}

/// The path of a reaction.
pub(crate) fn reaction_path(entry: &Value, emoji: &str) -> String {
    format!("{}/reactions/{}", path_of(entry), percent(emoji))
}

/// Checks that an answer has this status and no body.
#[track_caller]
pub(crate) fn assert_no_content(response: &Response) {
    assert_eq!(
        (response.status, &*response.body),
        (204, &b""[..]),
        "{response:?}"
    );
    assert_eq!(response.header("content-type"), None);
}

impl EventReader {
    /// The next `count` events but pings.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        // Pings would extend the deadline of each event for ever.
        within(async {
            while events.len() < count {
                let event = self.next().await;
                if event.event != "ping" {
                    events.push(event);
                }
            }
        })
        .await;
        events
    }

    /// The next event but pings, which must be a change; returns its data.
    pub(crate) async fn expect_change(&mut self) -> Value {
        let mut next = self.take(1).await;
        let change = next.remove(0);
        assert_eq!(change.event, "change", "{change:?}");
        change.data
    }
}
