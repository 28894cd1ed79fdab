//! Random bytes, and requests with random changes: answered or closed, never
//! hanging, never a server error.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{TestServer, within};
use super::witness::{alive, statuses, until_readers};

const REQUESTS: [&str; 10] = [
    "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\r\n{\"name\":\"Alice\",\"message\":\"hi\"}",
    "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n15\r\nname=Alice&message=hi\r\n0\r\n\r\n",
    "GET /rooms/lobby/events?name=Alice&backlog=all HTTP/1.1\r\nhost: a\r\nlast-event-id: abc-1\r\n\r\n",
    "GET /events?room=a&room=b&presence=1&last_event_id=abc-1 HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /rooms/lobby/messages?before=abc-1&after=abc-1&limit=5 HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /send.php?name=Alice&message=%C3%A9+x HTTP/1.0\r\n\r\n",
    "GET /sse.php HTTP/1.0\r\nlast-event-id: x\r\n\r\n",
    "HEAD /r/%C3%A9 HTTP/1.1\r\nhost: a\r\nif-none-match: W/\"a\", *\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: [::1]:80\r\nexpect: 100-continue\r\n\r\n",
    "GET http://a/assets/start.js HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\nGET /rooms/lobby/members HTTP/1.1\r\nhost: a\r\n\r\n",
];

const PIECES: [&str; 18] = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    ":",
    "/",
    "%",
    "%00",
    "%FF",
    "?",
    "&",
    "\u{e9}",
    "host: b\r\n",
    "content-length: 5\r\n",
    "transfer-encoding: chunked\r\n",
    "expect: 100-continue\r\n",
    "HTTP/1.0",
];

/// The input, readable when a test fails.
#[derive(Clone)]
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, &'static str),
    Remove(Index, Index),
    Repeat(Index, Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let range = |from: &Index, to: &Index| {
            let (a, b) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
            a.min(b)..a.max(b)
        };
        match self {
            Self::Set(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Self::Set(..) => {}
            Self::Insert(at, piece) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, piece.bytes());
            }
            Self::Remove(from, to) => drop(bytes.drain(range(from, to))),
            Self::Repeat(from, to) => {
                let range = range(from, to);
                let (end, piece) = (range.end, bytes[range].to_vec());
                bytes.splice(end..end, piece);
            }
        }
    }
}

fn changed_request() -> impl Strategy<Value = Vec<u8>> {
    let change = prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (any::<Index>(), select(&PIECES[..])).prop_map(|(at, piece)| Change::Insert(at, piece)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Remove(from, to)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ];
    let requests = prop::collection::vec(select(&REQUESTS[..]), 1..3);
    (requests, prop::collection::vec(change, 0..6)).prop_map(|(requests, changes)| {
        let mut bytes = requests.concat().into_bytes();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        bytes
    })
}

/// All bytes until the server closes or begins a stream. A stream with more bytes
/// after its request may go on although the client closed its half: hyper sees
/// the end only once it has read those bytes. The next ping ends it.
async fn answers(stream: &mut TcpStream) -> Vec<u8> {
    const STREAM: &[u8] = b"\r\ncontent-type: text/event-stream\r\n";
    let mut bytes = Vec::new();
    while !bytes.windows(STREAM.len()).any(|at| at == STREAM) {
        match within(stream.read_buf(&mut bytes)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    bytes
}

/// Sends each of the inputs on a connection of its own, and closes the half: the
/// server has to answer or to close.
fn play(cases: u32, inputs: impl Strategy<Value = Vec<u8>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(async {
        TestServer::start_with(|config| config.ping = Duration::from_millis(20))
    });
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let played = TestRunner::new(config).run(&inputs.prop_map(Input), |Input(bytes)| {
        runtime.block_on(async {
            let mut stream = server.connect().await;
            let _ = within(stream.write_all(&bytes)).await;
            let _ = within(stream.shutdown()).await;
            statuses(&answers(&mut stream).await);
            alive(&server).await;
        });
        Ok(())
    });
    if let Err(error) = played {
        panic!("{error}");
    }
    runtime.block_on(async {
        until_readers(&server, 0).await;
        server.publish("lobby", "still here").await;
    });
}

#[test]
fn any_bytes_are_answered_or_closed() {
    play(200, prop::collection::vec(any::<u8>(), 0..2000));
}

#[test]
fn a_request_changed_anywhere_is_answered_or_closed() {
    play(600, changed_request());
}
