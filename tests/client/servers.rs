//! Servers for tests of the client: the real server, a proxy that cuts
//! connections, and fake servers with scripted responses.

use std::net::SocketAddr;
use std::ops::Range;

use sse_chat::config::Config;
use sse_chat::server::{Drained, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::within;

/// The real server, killed on drop.
pub(crate) struct RealServer {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<Drained>,
}

impl RealServer {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), |_| {}).await
    }

    /// Starts at an address that a killed server may not have released yet.
    pub(crate) async fn start_at(address: SocketAddr, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: vec![address.into()],
            ..Config::default()
        };
        change(&mut config);
        let server = within(async {
            loop {
                match Server::bind(config.clone()) {
                    Ok(server) => return server,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        let server = server.await;
        let stop = CancellationToken::new();
        Self {
            address: server.addresses()[0],
            running: tokio::spawn(server.run(stop.clone().cancelled_owned())),
            stop,
        }
    }

    /// Ends at once, as by `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.running.abort();
        let _ = within(&mut self.running).await;
    }

    /// Drains and ends.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        within(&mut self.running).await.unwrap();
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// The response of a fake server, and whether it closes afterwards.
#[derive(Clone)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    closes: bool,
}

impl Answer {
    /// Sends these bytes and closes the connection.
    pub(crate) fn closed(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            closes: true,
        }
    }

    /// Sends these bytes and keeps the connection open.
    pub(crate) fn held(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            closes: false,
            ..Self::closed(bytes)
        }
    }
}

/// A stream's head, then `events`.
pub(crate) fn stream(events: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{events}")
}

/// A complete response with a body.
pub(crate) fn whole(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A hello of the epoch `e`, for the room `a`.
pub(crate) fn hello(seq: u64, ping_ms: u64, next: u64) -> String {
    format!(
        "retry: 60\nevent: hello\nid: e-{seq}\ndata: {{\"cursor\":\"e-{seq}\",\"ping_ms\":{ping_ms},\"rooms\":[{{\"room\":\"a\",\"members\":0,\"oldest\":null,\"newest\":null,\"next\":{next}}}]}}\n\n"
    )
}

/// Message `number` of the room `a`.
pub(crate) fn update(seq: u64, number: u64) -> String {
    let data = message(seq, number);
    format!("event: update\nid: e-{seq}\ndata: {data}\n\n")
}

/// The JSON of a message.
pub(crate) fn message(seq: u64, number: u64) -> String {
    format!(
        "{{\"id\":\"e-{seq}\",\"room\":\"a\",\"number\":{number},\"name\":\"A\",\"message\":\"m\",\"created_at\":\"2026-11-23T01:02:03.004Z\"}}"
    )
}

/// A server that answers each connection with the next response, and all further
/// ones with the last.
pub(crate) struct FakeServer {
    pub(crate) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
    _running: AbortOnDropHandle<()>,
}

impl FakeServer {
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, requests) = mpsc::unbounded_channel();
        let running = tokio::spawn(async move {
            let mut open = Vec::new();
            for number in 0.. {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _ = tell.send(read_head(&mut socket).await);
                let answer = &answers[number.min(answers.len() - 1)];
                // Fails if the client has closed the connection.
                let _ = socket.write_all(&answer.bytes).await;
                if answer.closes {
                    let _ = socket.shutdown().await;
                } else {
                    open.push(socket);
                }
            }
        });
        Self {
            address,
            requests,
            _running: AbortOnDropHandle::new(running),
        }
    }

    /// The head of the next request, in lower case.
    pub(crate) async fn request(&mut self) -> String {
        within(self.requests.recv()).await.unwrap()
    }
}

/// Reads the head of a request, and its body if it arrives with the head.
async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match socket.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(count) => head.extend_from_slice(&bytes[..count]),
        }
    }
    String::from_utf8_lossy(&head).to_lowercase()
}

/// A proxy that cuts each connection after a random number of response bytes.
pub(crate) struct CuttingProxy {
    pub(crate) address: SocketAddr,
    _running: AbortOnDropHandle<()>,
}

impl CuttingProxy {
    pub(crate) async fn start(to: SocketAddr, seed: u64) -> Self {
        Self::cutting_after(200..6000, to, seed).await
    }

    /// A proxy that cuts after a number of response bytes from this range.
    pub(crate) async fn cutting_after(bytes: Range<u64>, to: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let running = tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                open.spawn(forward(client, to, random.u64(bytes.clone())));
            }
        });
        Self {
            address,
            _running: AbortOnDropHandle::new(running),
        }
    }
}

async fn forward(mut client: TcpStream, to: SocketAddr, most: u64) {
    let mut server = TcpStream::connect(to).await.unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let mut bounded = from_server.take(most);
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = tokio::io::copy(&mut bounded, &mut to_client) => {}
    }
}
