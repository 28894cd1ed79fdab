//! The server as a child process, and a plain HTTP client for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sse-chat"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command that ends by itself.
pub(crate) fn run(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

/// Sends a signal by its name without `SIG`.
pub(crate) fn send_signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Asserts a failed start: this exit code, nothing on standard output, and one
/// line on standard error that contains all these words.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(output.stdout.is_empty());
    assert_eq!(error.lines().count(), 1, "{error}");
    for word in words {
        assert!(error.contains(word), "{word:?} in {error}");
    }
}

/// A running server. Dropping it kills the process.
pub(crate) struct ServerProcess {
    pub(crate) child: Child,
    pub(crate) line: String,
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(program().args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.trim_end().rsplit("://").next().unwrap();
        let address = url
            .parse()
            .unwrap_or_else(|_| panic!("no address in {line:?}"));
        Self {
            child,
            line,
            address,
        }
    }

    pub(crate) fn on_free_port() -> Self {
        Self::start(&["--listen", "127.0.0.1:0"])
    }

    pub(crate) fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// Waits for the exit code and the complete standard error.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut error = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut error)
            .unwrap();
        (self.child.wait().unwrap().code(), error)
    }

    /// The process, which is no longer killed on drop.
    pub(crate) fn into_child(self) -> Child {
        // `Drop` needs a child to kill: one that has ended.
        let mut server = self;
        let ended = Command::new("true").spawn().unwrap();
        std::mem::replace(&mut server.child, ended)
    }

    /// A request whose body is never sent, so that a shutdown waits for it.
    pub(crate) fn begin_request(&self) -> TcpStream {
        let mut client = self.connect();
        let head = "POST /rooms/lobby/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
        client.write_all(head.as_bytes()).unwrap();
        read_until(&mut client, "100 Continue\r\n\r\n");
        client
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends one request and returns the whole response.
    pub(crate) fn request(&self, head: &str, body: &str) -> String {
        self.request_with(head, "", body)
    }

    /// The same with more fields, each with its line end.
    pub(crate) fn request_with(&self, head: &str, fields: &str, body: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n{fields}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Opens a stream. Returns it and its text up to and including `until`.
    pub(crate) fn stream(&self, headers: &str, until: &str) -> (TcpStream, String) {
        self.stream_in("HTTP/1.1", headers, until)
    }

    /// [`ServerProcess::stream`] with a version of HTTP.
    pub(crate) fn stream_in(
        &self,
        version: &str,
        headers: &str,
        until: &str,
    ) -> (TcpStream, String) {
        let mut stream = self.connect();
        write!(
            stream,
            "GET /rooms/lobby/events {version}\r\nhost: localhost\r\n{headers}\r\n"
        )
        .unwrap();
        let text = read_until(&mut stream, until);
        (stream, text)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn read_until(stream: &mut TcpStream, until: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(until.as_bytes()) {
        assert_eq!(
            stream.read(&mut byte).unwrap(),
            1,
            "the stream ended before {until:?}: {}",
            String::from_utf8_lossy(&text)
        );
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}
