//! A server of the cluster as a process. A new process of the same node has another port:
//! clients look it up.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use sse_chat::client::Client;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::within;

/// A running node. Dropping it kills the process.
pub(crate) struct Node {
    child: Child,
    flags: Vec<String>,
    url: Url,
}

/// Where a node is.
#[derive(Debug, Clone)]
pub(crate) struct Url(Arc<Mutex<String>>);

impl Url {
    /// A client of the node as it is now.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.text().parse().unwrap()).unwrap()
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// What the node answers to a request without a host, until one of `ends` was read or the
    /// connection ends.
    pub(crate) async fn answer(&self, request: &str, ends: &[&str]) -> String {
        let url = self.text();
        let host = url.trim_start_matches("http://");
        let mut socket = TcpStream::connect(host).await.unwrap();
        let request = request.replacen("\r\n", &format!("\r\nHost: {host}\r\n"), 1);
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let ended = async {
            loop {
                let text = String::from_utf8_lossy(&read).into_owned();
                let has_ended = ends.iter().any(|end| text.contains(end));
                if has_ended || socket.read_buf(&mut read).await.unwrap() == 0 {
                    return text;
                }
            }
        };
        within(ended).await
    }
}

impl Node {
    pub(crate) async fn start(flags: &[String]) -> Self {
        let (child, url) = spawn(flags).await;
        Self {
            child,
            flags: flags.to_owned(),
            url: Url(Arc::new(Mutex::new(url))),
        }
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        within(self.child.kill()).await.unwrap();
    }

    /// Starts it again.
    pub(crate) async fn start_again(&mut self) {
        let (child, url) = spawn(&self.flags).await;
        self.child = child;
        *self.url.0.lock().unwrap() = url;
    }

    /// Another node in its place, with more flags, on the same history.
    pub(crate) async fn start_another(&mut self, more: &[&str]) {
        self.kill().await;
        for pair in more.chunks(2) {
            // The last one of a flag does not win: it may be given once.
            if let Some(place) = self.flags.iter().position(|flag| flag == pair[0]) {
                self.flags.drain(place..place + 2);
            }
        }
        self.flags.extend(more.iter().map(|&flag| flag.to_owned()));
        self.start_again().await;
    }

    /// Sends it a signal: `STOP` freezes it, `CONT` lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let status = std::process::Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(status.unwrap().success());
    }
}

/// Starts a process. Returns it with its address once it listens.
async fn spawn(flags: &[String]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sse-chat"))
        .args(["--listen", "127.0.0.1:0", "--retry", "50ms..100ms"])
        .args(["--ping", "1s", "--log-level", "warn"])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap();
    let line = line.expect("the server says what to open");
    let (_, url) = line.rsplit_once(' ').unwrap();
    (child, url.to_owned())
}
