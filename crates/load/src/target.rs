//! The requests that are sent: paths, headers and bodies for this server or any
//! other, written once and filled in for each message.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::mark::{Mark, Marks};

/// What stands in a path for the room's name.
pub const ROOM: &str = "{room}";
/// What stands in a body or path for the payload.
pub const PAYLOAD: &str = "{payload}";

/// The address that all connections of a run go to.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Where the sockets connect to.
    pub(super) address: SocketAddr,
    /// What the `Host` header says.
    pub(super) host: String,
    /// What stands before every path.
    pub(super) prefix: String,
}

/// How a server is subscribed to and published on.
#[derive(Debug, Clone)]
pub struct Target {
    /// The path of a room's event stream.
    pub subscribe_path: String,
    /// The path that messages are posted to.
    pub publish_path: String,
    /// The body of such a request.
    pub publish_body: String,
    /// Its content type.
    pub content_type: String,
    /// Further headers of every request, whole lines.
    pub headers: Vec<String>,
}

/// The requests of one run.
#[derive(Debug)]
pub(super) struct Requests {
    rooms: Vec<Room>,
    /// The body, before and after the payload.
    body: (String, String),
    /// All lines of a subscription's head after the first.
    subscribe_lines: String,
    marks: Marks,
}

/// What is different in each room.
#[derive(Debug)]
struct Room {
    /// The first line of a subscription.
    subscribe: String,
    /// The whole head of a publish, but for the length's value.
    publish: String,
}

impl Requests {
    /// For `rooms` rooms of the server at `place`.
    pub(super) fn new(target: &Target, place: &Place, rooms: usize) -> Self {
        let more: String = target
            .headers
            .iter()
            .map(|line| format!("{line}\r\n"))
            .collect();
        let host = &place.host;
        let (before, after) = target
            .publish_body
            .split_once(PAYLOAD)
            .unwrap_or((&target.publish_body, ""));
        let room = |room: usize| {
            let path = |path: &str| {
                let path = path.replace(ROOM, &format!("bench-{room}"));
                format!("{}{path}", place.prefix)
            };
            Room {
                subscribe: format!("GET {} HTTP/1.1\r\n", path(&target.subscribe_path)),
                publish: format!(
                    "POST {} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {}\r\n{more}Content-Length: ",
                    path(&target.publish_path),
                    target.content_type,
                ),
            }
        };
        Self {
            rooms: (0..rooms).map(room).collect(),
            body: (before.to_owned(), after.to_owned()),
            subscribe_lines: format!("Host: {host}\r\nAccept: text/event-stream\r\n{more}"),
            marks: Marks::new(),
        }
    }

    /// The marks of the payloads.
    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The request for the stream of `room`, from `last_event_id` on.
    pub(super) fn subscribe(&self, room: usize, last_event_id: &str) -> Vec<u8> {
        let mut text = format!("{}{}", self.rooms[room].subscribe, self.subscribe_lines);
        if !last_event_id.is_empty() {
            text.push_str(&format!("Last-Event-ID: {last_event_id}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// Writes the request that says a message of `size` bytes in `room`.
    pub(super) fn publish(&self, room: usize, mark: Mark, size: usize, out: &mut Vec<u8>) {
        let (before, after) = &self.body;
        out.clear();
        out.extend_from_slice(self.rooms[room].publish.as_bytes());
        let length = before.len() + size + after.len();
        write!(out, "{length}\r\n\r\n{before}").expect("a Vec takes every byte");
        self.marks.write(mark, size, out);
        out.extend_from_slice(after.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger;
    use crate::response::{Part, Response};

    fn requests() -> Requests {
        let target = Target {
            subscribe_path: "/sub/{room}".into(),
            publish_path: "/pub/{room}".into(),
            publish_body: "<{payload}>".into(),
            content_type: "text/plain".into(),
            headers: vec!["X-Key: 1".into()],
        };
        let place = Place {
            address: "127.0.0.1:1".parse().unwrap(),
            host: "example:1".into(),
            prefix: "/chat".into(),
        };
        Requests::new(&target, &place, 2)
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
    fn a_publish_has_the_length_of_its_body_and_a_mark_to_find() {
        let requests = requests();
        let mark = Mark {
            message: 3,
            place: ledger::Place {
                publisher: 1,
                seq: 2,
            },
            due_ns: 4,
            late_ns: 5,
        };
        let mut out = b"of the message before".to_vec();
        requests.publish(0, mark, 100, &mut out);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /chat/pub/bench-0 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nX-Key: 1\r\n"), "{head}");
        assert_eq!(body.len(), 102);
        assert_eq!(requests.marks().find(body.as_bytes()), Some(mark));
        // The head's length is the body's: read as an answer it ends with it.
        let answer = text.replace(head.lines().next().unwrap(), "HTTP/1.1 200 OK");
        let (mut response, mut input) = (Response::new(), answer.as_bytes());
        let mut body = Vec::new();
        loop {
            match response.next(&mut input).unwrap() {
                Part::Head(_) => {}
                Part::Body(part) => body.extend_from_slice(part),
                Part::End => break,
                Part::Wait => panic!("the length is too large"),
            }
        }
        assert_eq!((body.len(), input.len()), (102, 0));
    }
}
