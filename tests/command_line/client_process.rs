//! A client command as a child process, whose lines are read under a deadline,
//! and fake servers for it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::server_process::{program, send_signal};

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A client command for the server at this address.
pub(crate) fn command(address: SocketAddr, args: &[&str]) -> Command {
    let mut command = program();
    command
        .args(args)
        .env("SSE_CHAT_URL", format!("http://{address}"))
        .env("USER", "ada")
        .env("TZ", "UTC");
    command
}

/// Runs a command with this standard input to its end.
pub(crate) fn run_with(address: SocketAddr, args: &[&str], input: &str) -> Output {
    let mut child = command(address, args)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // Fails if the command ends before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A running command. Dropping it kills the process.
pub(crate) struct ClientProcess {
    pub(crate) child: Child,
    pub(crate) out: Receiver<String>,
    pub(crate) error: Receiver<String>,
}

impl ClientProcess {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        Self {
            // Without a pipe standard output is a terminal, which the test reads.
            out: child
                .stdout
                .take()
                .map_or_else(|| mpsc::channel().1, lines_of),
            error: lines_of(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The next line of standard output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        next(&self.out)
    }

    /// The next line of standard error that contains this word. Earlier lines are
    /// skipped.
    #[track_caller]
    pub(crate) fn wait_for_notice(&self, word: &str) -> String {
        loop {
            let line = next(&self.error);
            if line.contains(word) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// Waits for the exit code under the deadline.
    #[track_caller]
    pub(crate) fn code(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < DEADLINE, "the command does not end");
            thread::yield_now();
        }
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn next(lines: &Receiver<String>) -> String {
    match lines.recv_timeout(DEADLINE) {
        Ok(line) => line,
        Err(RecvTimeoutError::Timeout) => panic!("no line for {DEADLINE:?}"),
        Err(RecvTimeoutError::Disconnected) => panic!("the output ended"),
    }
}

fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// An address without a listener.
pub(crate) fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A server that answers every request with these bytes and closes.
pub(crate) fn fake_server(bytes: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut head = [0; 4096];
            let _ = socket.read(&mut head);
            let _ = socket.write_all(bytes.as_bytes());
        }
    });
    address
}

pub(crate) const HTML: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\n<p>hi";

/// [`assert_fails`](crate::server_process::assert_fails) for a client command,
/// whose line begins with the program's name.
#[track_caller]
pub(crate) fn assert_client_fails(output: &Output, code: i32, words: &[&str]) {
    crate::server_process::assert_fails(output, code, words);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with("sse-chat: "), "{error}");
}
