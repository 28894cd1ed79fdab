//! A server to test against, and the clients that test it: whole requests,
//! raw bytes, and event streams. Everything waits under a deadline.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sse_chat::config::Config;
use sse_chat::http::App;
use sse_chat::server::{Drained, Server};
use sse_chat::sse::{Decoder, Item};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Awaits `future` under the deadline.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let at = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(DEADLINE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{at}: nothing happened for {DEADLINE:?}"),
        }
    }
}

/// A server on a free port of this machine. It stops when it is dropped.
pub(crate) struct TestServer {
    address: SocketAddr,
    app: Arc<App>,
    stop: CancellationToken,
    running: JoinHandle<Drained>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            ..Config::default()
        };
        change(&mut config);
        // A thousand readers are two thousand open files here.
        rlimit::increase_nofile_limit(u64::MAX).unwrap();
        let server = Server::bind(config).unwrap();
        let stop = CancellationToken::new();
        Self {
            address: server.addresses()[0],
            app: Arc::clone(server.app()),
            running: tokio::spawn(server.run(stop.clone().cancelled_owned())),
            stop,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Begins the shutdown.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end of the shutdown.
    pub(crate) async fn stopped(mut self) -> Drained {
        within(&mut self.running).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], "").await
    }

    /// One request on a connection of its own, and the whole answer.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        Response::parse(&self.raw(text.as_bytes()).await)
    }

    /// Sends `bytes`, and returns all that comes until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect().await;
        // The server may close before it has read everything: that is an answer too.
        let _ = within(stream.write_all(bytes)).await;
        read_to_close(&mut stream).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        within(TcpStream::connect(self.address)).await.unwrap()
    }

    /// Says `message` in `room`; returns the message as the server answered.
    pub(crate) async fn say(&self, room: &str, message: &str) -> Value {
        let response = self
            .post(
                room,
                &serde_json::json!({"name": "Alice", "message": message}),
            )
            .await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }

    pub(crate) async fn post(&self, room: &str, body: &Value) -> Response {
        let path = format!("/rooms/{room}/messages");
        self.request(
            "POST",
            &path,
            &[("content-type", "application/json")],
            &body.to_string(),
        )
        .await
    }

    /// Opens an event stream, and checks that it is one.
    pub(crate) async fn events(&self, path: &str) -> EventReader {
        self.events_with(path, &[]).await
    }

    pub(crate) async fn events_with(&self, path: &str, headers: &[(&str, &str)]) -> EventReader {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        EventReader::open(self.connect().await, request.as_bytes()).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.running.abort();
    }
}

/// Reads until the other side closes; a reset counts as closing.
pub(crate) async fn read_to_close(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = within(stream.read_to_end(&mut bytes)).await;
    bytes
}

/// A whole response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    #[track_caller]
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let shown = String::from_utf8_lossy(bytes);
        let end = find(bytes, b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {shown:?}"));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap()
            .parse()
            .unwrap();
        let header = |line: &str| {
            line.split_once(": ")
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        };
        Self {
            status,
            headers: lines.map(|line| header(line).unwrap()).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Checks that it is a refusal with this status and code.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(
            (self.status, problem["code"].as_str()),
            (status, Some(code)),
            "{problem}"
        );
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(
            problem["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) event: String,
    /// The last event id as of this event.
    pub(crate) id: String,
    pub(crate) data: Value,
}

/// Reads an event stream, decoded or raw.
pub(crate) struct EventReader {
    stream: TcpStream,
    pub(crate) head: Response,
    chunked: bool,
    /// Received and not dechunked yet.
    wire: Vec<u8>,
    /// The stream's text so far.
    pub(crate) text: Vec<u8>,
    decoder: Decoder,
    events: std::collections::VecDeque<Event>,
    pub(crate) retry: Option<Duration>,
    ended: bool,
}

impl EventReader {
    /// Sends a request for a stream on a connection, and reads the head.
    pub(crate) async fn open(mut stream: TcpStream, request: &[u8]) -> Self {
        within(stream.write_all(request)).await.unwrap();
        let mut wire = Vec::new();
        let end = loop {
            if let Some(end) = find(&wire, b"\r\n\r\n") {
                break end + 4;
            }
            let read = within(stream.read_buf(&mut wire)).await.unwrap();
            assert_ne!(
                read,
                0,
                "closed before the head: {:?}",
                String::from_utf8_lossy(&wire)
            );
        };
        let head = Response::parse(&wire[..end]);
        assert_eq!(head.status, 200, "{:?}", String::from_utf8_lossy(&wire));
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        let mut reader = Self {
            stream,
            chunked: head.header("transfer-encoding") == Some("chunked"),
            head,
            wire: wire.split_off(end),
            text: Vec::new(),
            decoder: Decoder::default(),
            events: std::collections::VecDeque::new(),
            retry: None,
            ended: false,
        };
        reader.take_wire();
        reader
    }

    /// The next event, whatever it is; `None` at a clean end.
    pub(crate) async fn next_or_end(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let read = within(self.stream.read_buf(&mut self.wire)).await;
            match read {
                Ok(0) if !self.chunked => self.ended = true,
                Ok(0) => panic!("the stream was cut, not ended"),
                Ok(_) => self.take_wire(),
                Err(error) => panic!("the stream was cut: {error}"),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Event {
        self.next_or_end().await.expect("the stream goes on")
    }

    /// The next event, which must have this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await;
        assert_eq!(event.event, name, "{event:?}");
        event
    }

    /// The next event of this name; others are passed over.
    pub(crate) async fn find(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.event == name {
                return event;
            }
        }
    }

    /// The texts of the next `count` updates.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.len() < count {
            let update = self.find("update").await;
            messages.push(update.data["message"].as_str().unwrap().to_owned());
        }
        messages
    }

    /// The connection, to do something unusual with.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    fn take_wire(&mut self) {
        let start = self.text.len();
        if self.chunked {
            while let Some(chunk) = take_chunk(&mut self.wire).unwrap() {
                self.ended |= chunk.is_empty();
                self.text.extend(chunk);
            }
        } else {
            self.text.append(&mut self.wire);
        }
        let (events, retry) = (&mut self.events, &mut self.retry);
        let each = |item: Item<'_>| match item {
            Item::Event(event) => events.push_back(Event {
                event: event.event.into_owned(),
                id: event.id.into_owned(),
                data: serde_json::from_str(&event.data).unwrap_or(Value::Null),
            }),
            Item::Retry(wait) => *retry = Some(wait),
            Item::Comment(_) => {}
        };
        self.decoder.feed(&self.text[start..], each).unwrap();
    }
}

/// Takes one whole chunk off the front, if there is one.
fn take_chunk(wire: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let Some(line) = find(wire, b"\r\n") else {
        return Ok(None);
    };
    let size = std::str::from_utf8(&wire[..line])
        .ok()
        .and_then(|size| usize::from_str_radix(size, 16).ok());
    let size = size.ok_or_else(|| io::Error::other("not a chunk size"))?;
    let end = line + 2 + size + 2;
    if wire.len() < end {
        return Ok(None);
    }
    let chunk = wire[line + 2..end - 2].to_vec();
    wire.drain(..end);
    Ok(Some(chunk))
}
