//! The requests of a run: paths, headers and bodies for any server, rendered once
//! and completed for each message.

use std::fmt;

use crate::address::Address;
use crate::http_version::HttpVersion;
use crate::payload::{Mark, PayloadCodec};
use crate::request_head::RequestHead;

/// The placeholder of the room's name in a path.
pub const ROOM: &str = "{room}";
/// The placeholder of the payload in a body.
pub const PAYLOAD: &str = "{payload}";
const EVENT_STREAM: &str = "text/event-stream";

/// How to subscribe to a server, and how to publish on it. The default is sse-chat.
///
/// Its `Debug` does not show the values of headers, which may be tokens.
#[derive(Clone)]
pub struct Target {
    /// The path of a room's event stream, with [`ROOM`]; it begins with `/`.
    pub subscribe_path: String,
    /// The path that messages are posted to, with [`ROOM`]; it begins with `/`.
    pub publish_path: String,
    /// The body of a message, with [`PAYLOAD`] once.
    pub publish_body: String,
    /// Its content type.
    pub content_type: String,
    /// The path that each connection of mode `handshakes` requests; it begins with `/`.
    pub probe_path: String,
    /// Further headers of every request, as `Name: value`.
    pub headers: Vec<String>,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            subscribe_path: "/rooms/{room}/events".to_owned(),
            publish_path: "/rooms/{room}/messages".to_owned(),
            publish_body: r#"{"name":"bench","message":"{payload}"}"#.to_owned(),
            content_type: "application/json".to_owned(),
            probe_path: "/healthz".to_owned(),
            headers: Vec::new(),
        }
    }
}

impl Target {
    /// Whether there is a header of this name, in any case.
    pub fn has_header(&self, name: &str) -> bool {
        self.header_names()
            .any(|header| header.eq_ignore_ascii_case(name))
    }

    fn header_names(&self) -> impl Iterator<Item = &str> {
        let names = self
            .headers
            .iter()
            .filter_map(|line| line.split(':').next());
        names.map(str::trim)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("subscribe_path", &self.subscribe_path)
            .field("publish_path", &self.publish_path)
            .field("publish_body", &self.publish_body)
            .field("content_type", &self.content_type)
            .field("probe_path", &self.probe_path)
            .field("headers", &self.header_names().collect::<Vec<_>>())
            .finish()
    }
}

/// The requests of one run.
#[derive(Debug)]
pub(crate) struct Requests {
    rooms: Vec<RoomRequests>,
    /// The one request of a connection that is closed after it.
    probe: RequestHead,
    /// The body, before and after the payload.
    body: (String, String),
    payloads: PayloadCodec,
}

/// The parts of the requests that differ by room: the heads of HTTP/1.1 without their
/// ends, or header blocks of HTTP/2.
#[derive(Debug)]
struct RoomRequests {
    subscribe: RequestHead,
    /// Without `Content-Length`.
    publish: RequestHead,
}

/// The request that publishes a message.
#[derive(Debug, Default)]
pub(crate) struct PublishBytes {
    bytes: Vec<u8>,
    head: usize,
}

impl PublishBytes {
    /// All of it, as HTTP/1.1 has it.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.bytes
    }

    /// The header block of HTTP/2, and the body.
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.head)
    }
}

impl Requests {
    /// For `rooms` rooms of the server at `address`.
    pub(crate) fn new(target: &Target, address: &Address, http: HttpVersion, rooms: usize) -> Self {
        let (before, after) = target
            .publish_body
            .split_once(PAYLOAD)
            .unwrap_or((&target.publish_body, ""));
        let head = |post: bool, path: &str, name: &str, value: &str| {
            let mut head = RequestHead::new(http, address, post, path);
            head.add(name, value);
            for line in &target.headers {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                head.add(name.trim(), value.trim());
            }
            head
        };
        let room = |room: usize| {
            let head = |post: bool, path: &str, name: &str, value: &str| {
                let path = path.replace(ROOM, &format!("bench-{room}"));
                head(post, &path, name, value)
            };
            RoomRequests {
                subscribe: head(false, &target.subscribe_path, "Accept", EVENT_STREAM),
                publish: head(
                    true,
                    &target.publish_path,
                    "Content-Type",
                    &target.content_type,
                ),
            }
        };
        Self {
            rooms: (0..rooms).map(room).collect(),
            probe: head(false, &target.probe_path, "Connection", "close"),
            body: (before.to_owned(), after.to_owned()),
            payloads: PayloadCodec::new(),
        }
    }

    /// Finds the run's payloads in events.
    pub(crate) fn payloads(&self) -> &PayloadCodec {
        &self.payloads
    }

    /// The one request of a connection of HTTP/1.1.
    pub(crate) fn probe(&self) -> Vec<u8> {
        self.probe.clone().finish()
    }

    /// The request for the stream of `room`, resumed after `last_event_id` unless
    /// that is empty: the text of HTTP/1.1 or the header block of HTTP/2.
    pub(crate) fn subscribe(&self, room: usize, last_event_id: &str) -> Vec<u8> {
        let mut head = self.rooms[room].subscribe.clone();
        if !last_event_id.is_empty() {
            head.add("Last-Event-ID", last_event_id);
        }
        head.finish()
    }

    /// Writes the request that publishes a payload of `size` bytes in `room`.
    pub(crate) fn publish(&self, room: usize, mark: Mark, size: usize, out: &mut PublishBytes) {
        let (before, after) = &self.body;
        let length = before.len() + size + after.len();
        let head = &self.rooms[room].publish;
        out.bytes.clear();
        head.write_with_length(length, &mut out.bytes);
        out.head = out.bytes.len();
        out.bytes.extend_from_slice(before.as_bytes());
        self.payloads.write(mark, size, &mut out.bytes);
        out.bytes.extend_from_slice(after.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger;
    use crate::response::{Response, ResponsePart};

    fn requests() -> Requests {
        let target = Target {
            subscribe_path: "/sub/{room}".into(),
            publish_path: "/pub/{room}".into(),
            publish_body: "<{payload}>".into(),
            content_type: "text/plain".into(),
            headers: vec!["X-Key: 1".into()],
            ..Target::default()
        };
        let address = Address {
            socket: "127.0.0.1:1".parse().unwrap(),
            host: "example:1".into(),
            prefix: "/chat".into(),
            tls: None,
        };
        Requests::new(&target, &address, HttpVersion::Http1, 2)
    }

    #[test]
    fn a_subscription_names_the_room_and_the_last_event() {
        let text = String::from_utf8(requests().subscribe(1, "e-7")).unwrap();
        assert_eq!(
            text,
            "GET /chat/sub/bench-1 HTTP/1.1\r\nHost: example:1\r\nAccept: text/event-stream\r\nX-Key: 1\r\nLast-Event-ID: e-7\r\n\r\n"
        );
        let text = String::from_utf8(requests().subscribe(0, "")).unwrap();
        assert!(!text.contains("Last-Event-ID"));
    }

    #[test]
    fn a_target_is_shown_without_the_values_of_its_headers() {
        let target = Target {
            headers: vec!["authorization: Bearer secret".into()],
            ..Target::default()
        };
        let shown = format!("{target:?}");
        assert!(
            shown.contains("authorization") && !shown.contains("secret"),
            "{shown}"
        );
        assert!(target.has_header("Authorization") && !target.has_header("X-Key"));
    }

    #[test]
    fn a_publish_has_the_length_of_its_body_and_a_mark_to_find() {
        let requests = requests();
        let mark = Mark {
            message: 3,
            position: ledger::LanePosition {
                publisher: 1,
                seq: 2,
            },
            due_ns: 4,
            late_ns: 5,
        };
        let mut out = PublishBytes {
            bytes: b"of the message before".to_vec(),
            head: 0,
        };
        requests.publish(0, mark, 100, &mut out);
        assert_eq!(out.parts().1.len(), 102);
        let text = String::from_utf8(out.bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /chat/pub/bench-0 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nX-Key: 1\r\n"), "{head}");
        assert_eq!(body.len(), 102);
        assert_eq!(requests.payloads().find(body.as_bytes()), Some(mark));
        // Read as a response, the body ends where Content-Length says.
        let answer = text.replace(head.lines().next().unwrap(), "HTTP/1.1 200 OK");
        let (mut response, mut input) = (Response::new(), answer.as_bytes());
        let mut body = Vec::new();
        loop {
            match response.next(&mut input).unwrap() {
                ResponsePart::Head(_) => {}
                ResponsePart::Body(part) => body.extend_from_slice(part),
                ResponsePart::End => break,
                ResponsePart::Wait => panic!("the length is too large"),
            }
        }
        assert_eq!((body.len(), input.len()), (102, 0));
    }
}
