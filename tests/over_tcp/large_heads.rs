//! Heads over 16 KiB: every legal request fits, a larger head is refused with a
//! problem, and all large heads share one budget.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::connection::Connection;
use super::support::{Response, TestServer, read_to_close, within};
use super::witness::{Witness, alive};

const KIB: usize = 1024;

/// Percent-encodes each byte, for three bytes per byte.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// `/events` for `count` rooms of `length` characters from `first` on.
fn events_of(count: u32, length: usize, first: char) -> (String, Vec<String>) {
    let room = |index| {
        let character = char::from_u32(u32::from(first) + index).unwrap();
        character.to_string().repeat(length)
    };
    let rooms: Vec<String> = (0..count).map(room).collect();
    let query: Vec<String> = rooms
        .iter()
        .map(|room| format!("room={}", escaped(room)))
        .collect();
    (format!("/events?{}", query.join("&")), rooms)
}

/// A request with a head of exactly `bytes` bytes, mostly in one field.
fn padded(method: &str, bytes: usize) -> String {
    let start = format!("{method} /healthz HTTP/1.1\r\nhost: a\r\nx: ");
    let end = "\r\n\r\n";
    format!(
        "{start}{}{end}",
        "x".repeat(bytes - start.len() - end.len())
    )
}

#[tokio::test]
async fn the_longest_legal_request_for_a_stream_is_served() {
    let server = TestServer::start();
    for (count, length, first) in [
        (100, 22, '\u{4E00}'),
        (50, 64, '中'),
        (100, 64, '\u{20000}'),
    ] {
        let (path, rooms) = events_of(count, length, first);
        let name = escaped(&"\u{20000}".repeat(32));
        let path = format!(
            "{path}&backlog=500&last_event_id={}&name={name}",
            "a".repeat(64)
        );
        let mut reader = server.events(&path).await;
        let hello = reader.expect("hello").await;
        let shown = hello.data["rooms"].as_array().unwrap();
        let shown: Vec<_> = shown.iter().map(|room| room["room"].as_str()).collect();
        assert_eq!(
            shown,
            rooms.iter().map(|room| Some(&**room)).collect::<Vec<_>>()
        );
        // It is a stream like every other.
        let last = rooms.last().unwrap();
        let published = server.publish(&escaped(last), "hi").await;
        loop {
            let event = reader.next().await;
            if event.event == "update" {
                assert_eq!(event.data, published);
                break;
            }
        }
    }
    let (longest, _) = events_of(100, 64, '\u{20000}');
    assert_eq!(longest.len(), 77_407);
}

#[tokio::test]
async fn a_large_head_is_served_like_a_small_one() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let padding = ("x-padding", &*"x".repeat(60 * KIB));
    let json = ("content-type", "application/json");
    let body = json!({"name": "Alice", "message": "hi"}).to_string();
    let published = server
        .request("POST", "/rooms/lobby/messages", &[json, padding], &body)
        .await;
    assert_eq!(published.status, 201);
    witness.received(&published.json()).await;
    let page = server
        .request("GET", "/rooms/lobby/messages?limit=1", &[padding], "")
        .await;
    assert_eq!(page.json()["newest"], published.json()["id"]);
    // Invalid names are refused as in small heads.
    let (path, _) = events_of(100, 65, '\u{4E00}');
    server.get(&path).await.assert_problem(400, "invalid_room");
    let (path, _) = events_of(101, 64, '\u{4E00}');
    server.get(&path).await.assert_problem(400, "invalid_query");
    let path = format!("/events?room=%FF&x={}", "x".repeat(40 * KIB));
    server.get(&path).await.assert_problem(400, "invalid_query");
}

#[tokio::test]
async fn a_head_has_a_bound_and_the_refusal_is_a_problem() {
    let server = TestServer::start();
    let most = server.app().config.limits.max_head_bytes;
    for (bytes, is_served) in [(most, true), (most + 1, false), (most + 8192, false)] {
        let answer = Response::parse(&server.raw(padded("GET", bytes).as_bytes()).await);
        match is_served {
            true => assert_eq!(answer.status, 200, "{bytes}"),
            false => answer.assert_problem(431, "headers_too_large"),
        }
        assert_eq!(answer.header("connection"), Some("close"));
    }
    let path = format!("/healthz?{}", "x".repeat(most));
    let answer = server.get(&path).await;
    answer.assert_problem(414, "uri_too_long");
    // Shorter than a head may be, and longer than a URI of `http` can be.
    let path = format!("/healthz?{}", "x".repeat(70_000));
    server.get(&path).await.assert_problem(414, "uri_too_long");
    let many = "x: y\r\n".repeat(4000);
    let many = format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    Response::parse(&server.raw(many.as_bytes()).await).assert_problem(431, "headers_too_large");
    let head = server.raw(padded("HEAD", most + 1).as_bytes()).await;
    let head = Response::parse(&head);
    assert_eq!((head.status, head.body.len()), (431, 0));
    assert_ne!(head.header("content-length"), Some("0"));
    alive(&server).await;
}

#[tokio::test]
async fn requests_before_a_large_head_are_answered_first() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    let small = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    let large = padded("GET", 70 * KIB);
    connection
        .send(format!("{small}{small}{large}{small}"))
        .await;
    for place in 0..3 {
        let answer = connection.answer().await;
        assert_eq!(answer.text(), "ok", "{place}");
        // Large buffers are not kept: the request is the last of its connection.
        let closes = answer.header("connection") == Some("close");
        assert_eq!(closes, place == 2);
    }
    let mut connection = Connection::to(&server).await;
    let refused = padded("GET", 90 * KIB);
    connection.send(format!("{small}{small}{refused}")).await;
    assert_eq!(connection.answer().await.status, 200);
    assert_eq!(connection.answer().await.status, 200);
    connection
        .answer()
        .await
        .assert_problem(431, "headers_too_large");
}

#[tokio::test]
async fn empty_lines_before_a_large_head_are_ignored() {
    let server = TestServer::start();
    for size in [16 * KIB - 1, 16 * KIB, 17 * KIB, 70 * KIB] {
        for lines in ["\r\n", "\r\n\r\n", "\n"] {
            let mut connection = Connection::to(&server).await;
            connection
                .send(format!("{lines}{}", padded("GET", size)))
                .await;
            assert_eq!(connection.answer().await.text(), "ok", "{size} {lines:?}");
        }
    }
}

#[tokio::test]
async fn a_pipelining_client_is_not_reset_after_a_large_head() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    let further = padded("GET", 16 * KIB);
    connection.send(padded("GET", 64 * KIB) + &further).await;
    assert_eq!(connection.answer().await.text(), "ok");
    // A client that pipelines sends everything before it reads the answer.
    for _ in 0..32 {
        connection.send(&further).await;
    }
    connection.finish().await;
    assert!(connection.rest().await.is_empty());
}

/// A connection that sent the start of a large head.
async fn half_a_head(server: &TestServer) -> TcpStream {
    let mut stream = server.connect().await;
    let head = padded("GET", 64 * KIB);
    within(stream.write_all(&head.as_bytes()[..head.len() - 2]))
        .await
        .unwrap();
    stream
}

async fn large_status(server: &TestServer) -> Response {
    Response::parse(&server.raw(padded("GET", 64 * KIB).as_bytes()).await)
}

#[tokio::test]
async fn large_heads_share_a_budget_and_return_it() {
    let server = TestServer::start_with(|config| {
        config.limits.max_head_bytes = 64 * KIB;
        config.limits.head_budget = 48 * KIB;
    });
    assert_eq!(large_status(&server).await.status, 200);
    let first = half_a_head(&server).await;
    let refused = within(async {
        loop {
            let answer = large_status(&server).await;
            if answer.status != 200 {
                return answer;
            }
        }
    })
    .await;
    refused.assert_problem(503, "too_many_large_heads");
    assert_eq!(refused.header("retry-after"), Some("2"));
    // Small heads do not need the budget.
    alive(&server).await;
    let mut connection = Connection::to(&server).await;
    connection.send(padded("GET", 16 * KIB)).await;
    assert_eq!(connection.answer().await.status, 200);
    drop(first);
    within(async { while large_status(&server).await.status != 200 {} }).await;
}

/// The whole answer to a request from the loopback address `address`.
async fn answer_from(server: &TestServer, address: &str, request: &str) -> Response {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    let mut stream = within(socket.connect(server.address())).await.unwrap();
    // The server may refuse the head before it has read all of it.
    let _ = within(stream.write_all(request.as_bytes())).await;
    Response::parse(&read_to_close(&mut stream).await)
}

/// A server on which an address may draw 80 KiB of 256 KiB.
fn with_shares() -> TestServer {
    TestServer::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.head_budget = 256 * KIB;
    })
}

/// Waits until this address can't send another large head, but a second one can.
async fn until_share_is_spent(server: &TestServer) {
    let large = padded("GET", 64 * KIB);
    let refused = within(async {
        loop {
            let answer = answer_from(server, "127.0.0.1", &large).await;
            if answer.status != 200 {
                return answer;
            }
        }
    })
    .await;
    refused.assert_problem(503, "too_many_large_heads");
    let other = answer_from(server, "127.0.0.2", &large).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn an_address_has_a_share_of_the_budget_and_leaves_the_rest_to_others() {
    let server = with_shares();
    let half = half_a_head(&server).await;
    until_share_is_spent(&server).await;
    drop(half);
    within(async { while large_status(&server).await.status != 200 {} }).await;
}

#[tokio::test]
async fn a_stream_that_stays_with_hyper_keeps_a_part_of_its_address_s_share() {
    let server = with_shares();
    let padding = "x".repeat(64 * KIB);
    let mut connection = Connection::to(&server).await;
    connection
        .send(format!(
            "GET /events?room=a HTTP/1.0\r\nhost: a\r\nx: {padding}\r\n\r\n"
        ))
        .await;
    connection.answer_to_head().await;
    until_share_is_spent(&server).await;
    drop(connection);
    within(async { while large_status(&server).await.status != 200 {} }).await;
}

#[tokio::test]
async fn a_stream_keeps_nothing_of_the_budget() {
    let server = TestServer::start_with(|config| config.limits.head_budget = 64 * KIB);
    let (path, _) = events_of(100, 64, '\u{20000}');
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut reader = server.events(&path).await;
        reader.expect("hello").await;
        readers.push(reader);
    }
}

#[tokio::test]
async fn an_unfinished_large_head_times_out_and_returns_its_budget() {
    let server = TestServer::start_with(|config| {
        config.limits.max_head_bytes = 64 * KIB;
        config.limits.head_budget = 48 * KIB;
        config.limits.head_timeout = Duration::from_millis(200);
    });
    let mut slow = half_a_head(&server).await;
    assert_eq!(read_to_close(&mut slow).await, b"");
    within(async { while large_status(&server).await.status != 200 {} }).await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_large_head_longer_than_for_another() {
    let server = TestServer::start_with(|config| config.grace = Duration::from_millis(200));
    let mut slow = half_a_head(&server).await;
    server.begin_stop();
    assert_eq!(read_to_close(&mut slow).await, b"");
}
