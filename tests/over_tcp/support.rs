//! A server under test, and clients with whole requests and raw bytes. Everything
//! waits under a deadline.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde_json::Value;
use sse_chat::config::{Config, TlsPair};
use sse_chat::http::App;
use sse_chat::server::{Drained, Server};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use crate::deadline::{DEADLINE, within};
pub(crate) use crate::event_reader::{Event, EventReader};
use crate::transport::{Certificate, TestSocket, Transport};

/// The HTTP version of a server's clients, and whether they use TLS. It decides how a
/// stream is sent: to the socket itself, or as a body of hyper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    V1_0,
    V1_1,
    V1_1Tls,
    V2Tls,
}

impl Http {
    pub(crate) fn start(self) -> TestServer {
        self.start_with(|_| {})
    }

    /// A server whose streams are requested in this version.
    pub(crate) fn start_with(self, change: impl FnOnce(&mut Config)) -> TestServer {
        let transport = self.transport();
        let mut server = TestServer::start_over(transport, change);
        server.http = self;
        server
    }

    fn transport(self) -> Transport {
        match self {
            Self::V1_0 | Self::V1_1 => Transport::Clear,
            Self::V1_1Tls => Transport::Tls,
            Self::V2Tls => Transport::Http2,
        }
    }

    /// The bytes of a GET request.
    pub(crate) fn ask(self, path: &str) -> Vec<u8> {
        format!("GET {path} {}\r\nhost: a\r\n\r\n", self.name()).into()
    }

    /// HTTP/2 is requested as HTTP/1.1 is, and translated.
    fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "HTTP/1.0",
            Self::V1_1 | Self::V1_1Tls | Self::V2Tls => "HTTP/1.1",
        }
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A server on a free port of this machine. It stops when it is dropped.
pub(crate) struct TestServer {
    http: Http,
    addresses: Vec<SocketAddr>,
    metrics: Option<SocketAddr>,
    app: Arc<App>,
    stop: CancellationToken,
    running: JoinHandle<Drained>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_over(Transport::Clear, change)
    }

    fn start_over(transport: Transport, change: impl FnOnce(&mut Config)) -> Self {
        // With TLS, and in clear.
        let listen = match transport.is_https() {
            true => &["https://127.0.0.1:0", "127.0.0.1:0"][..],
            false => &["127.0.0.1:0"],
        };
        let mut config = Config {
            listen: listen.iter().map(|one| one.parse().unwrap()).collect(),
            // More than one, so that readers are spread.
            workers: NonZeroUsize::new(2).unwrap(),
            ..Config::default()
        };
        // The Host of requests that are written by hand.
        config.access.allowed_hosts = vec!["a".to_owned()];
        if transport.is_https() {
            let made = Certificate::of_tests();
            config.tls.pairs = vec![TlsPair {
                certificate: made.certificate.clone(),
                key: made.key.clone(),
            }];
        }
        change(&mut config);
        // A thousand readers are two thousand open files here.
        rlimit::increase_nofile_limit(u64::MAX).unwrap();
        let server = Server::bind(config).unwrap();
        let stop = CancellationToken::new();
        Self {
            http: Http::V1_1,
            addresses: server.addresses().to_vec(),
            metrics: server.metrics_addresses().first().copied(),
            app: Arc::clone(server.app()),
            running: tokio::spawn(server.run(stop.clone().cancelled_owned())),
            stop,
        }
    }

    /// The first of its addresses.
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of its metrics, if it has them.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        self.metrics.expect("it was started with metrics")
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Begins the drain.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end of the drain.
    pub(crate) async fn stopped(mut self) -> Drained {
        within(&mut self.running).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], "").await
    }

    /// One request on a connection of its own, with the whole answer.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Response {
        let request = self.whole(method, path, headers, body.as_ref());
        Response::parse(&self.raw(&request).await)
    }

    /// The bytes of a request after which the connection is closed.
    fn whole(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address()
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        [text.as_bytes(), body].concat()
    }

    /// Sends `bytes`, and returns all bytes until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.open().await;
        // The server may close before it has read everything: that is an answer too.
        let _ = within(stream.write_all(bytes)).await;
        read_to_close(&mut stream).await
    }

    /// A connection in clear.
    pub(crate) async fn connect(&self) -> TcpStream {
        within(TcpStream::connect(self.address())).await.unwrap()
    }

    /// A connection over the server's transport.
    pub(crate) async fn open(&self) -> TestSocket {
        self.open_over(self.http.transport()).await
    }

    pub(crate) async fn open_over(&self, transport: Transport) -> TestSocket {
        let socket = self.connect().await;
        within(transport.client(socket)).await.unwrap()
    }

    /// Publishes `message` in `room`; returns the message of the answer. Where there is
    /// a listener in clear, it is used: some tests publish thousands.
    pub(crate) async fn publish(&self, room: &str, message: &str) -> Value {
        let body = serde_json::json!({"name": "Alice", "message": message}).to_string();
        let path = format!("/rooms/{room}/messages");
        let request = self.whole("POST", &path, &[JSON], body.as_bytes());
        let clear = self.addresses[self.addresses.len() - 1];
        let mut stream = within(TcpStream::connect(clear)).await.unwrap();
        within(stream.write_all(&request)).await.unwrap();
        let response = Response::parse(&read_to_close(&mut stream).await);
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }

    pub(crate) async fn post(&self, room: &str, body: &Value) -> Response {
        let path = format!("/rooms/{room}/messages");
        self.request("POST", &path, &[JSON], &body.to_string())
            .await
    }

    /// Opens an event stream, and checks that it is one.
    pub(crate) async fn events(&self, path: &str) -> EventReader {
        self.events_with(path, &[]).await
    }

    pub(crate) async fn events_with(&self, path: &str, headers: &[(&str, &str)]) -> EventReader {
        let version = self.http.name();
        let mut request = format!("GET {path} {version}\r\nhost: {}\r\n", self.address());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        EventReader::open(self.open().await, request.as_bytes()).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.running.abort();
    }
}

/// Reads until the other side closes; a reset counts as closing.
pub(crate) async fn read_to_close(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
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

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
