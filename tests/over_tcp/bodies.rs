//! Request bodies have limits of bytes and time, and a client whose body is not
//! read still gets its answer. The numbers are cases of tests/cases.md.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connection::Connection;
use super::refused::assert_refused;
use super::support::{Response, TestServer, within};
use super::witness::Witness;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const POST: (&str, &str) = ("POST", "/rooms/lobby/messages");
const GOOD: &str = r#"{"name":"Alice","message":"hi"}"#;

// 17
#[tokio::test]
async fn a_body_that_does_not_arrive_times_out() {
    let server =
        TestServer::start_with(|config| config.limits.body_timeout = Duration::from_millis(50));
    let mut witness = Witness::of(&server, "lobby").await;
    let head =
        "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    for unfinished in [
        "content-length: 10\r\n\r\n{\"na",
        "transfer-encoding: chunked\r\n\r\n9\r\n{\"na",
    ] {
        let bytes = server.raw(format!("{head}{unfinished}").as_bytes()).await;
        assert_refused(&Response::parse(&bytes), 408, "request_timeout");
        witness.saw_nothing(unfinished).await;
    }
}

// 17: nor do more bytes extend the time.
#[tokio::test]
async fn a_trickling_body_has_the_same_timeout() {
    let server =
        TestServer::start_with(|config| config.limits.body_timeout = Duration::from_millis(300));
    let mut witness = Witness::of(&server, "lobby").await;
    let head =
        "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    for (start, more) in [
        ("content-length: 10000\r\n\r\n", " "),
        ("transfer-encoding: chunked\r\n\r\n", "1\r\n \r\n"),
        // A chunk extension, and trailers.
        ("transfer-encoding: chunked\r\n\r\n1;", "x"),
        ("transfer-encoding: chunked\r\n\r\n0\r\n", "a: b\r\n"),
    ] {
        let (mut from, mut to) = server.connect().await.into_split();
        let begin = format!("{head}{start}");
        let trickle = tokio::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_millis(10));
            let mut sent = to.write_all(begin.as_bytes()).await;
            while sent.is_ok() {
                beat.tick().await;
                sent = to.write_all(more.as_bytes()).await;
            }
        });
        let mut answer = Vec::new();
        // May end in a reset, since more bytes are on their way.
        let _ = within(from.read_to_end(&mut answer)).await;
        assert_refused(&Response::parse(&answer), 408, "request_timeout");
        within(trickle).await.unwrap();
        witness.saw_nothing(start).await;
    }
}

// 15
#[tokio::test]
async fn a_body_may_have_as_many_bytes_as_the_limit_and_not_one_more() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let limit = server.app().config.max_body_bytes();
    let padded = |length: usize| format!("{GOOD}{}", " ".repeat(length - GOOD.len()));
    let published = server.request(POST.0, POST.1, JSON, &padded(limit)).await;
    assert_eq!(published.status, 201, "{published:?}");
    witness.received(&published.json()).await;
    let refused = server
        .request(POST.0, POST.1, JSON, &padded(limit + 1))
        .await;
    assert_refused(&refused, 413, "body_too_large");
    witness.saw_nothing("a byte too many").await;
    // The same in chunks, without an announced length.
    for (length, status) in [(limit, 201), (limit + 1, 413)] {
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n",
            POST.1,
            padded(length)
        );
        let answer = Response::parse(&server.raw(request.as_bytes()).await);
        assert_eq!(answer.status, status, "{answer:?}");
        match status {
            201 => witness.received(&answer.json()).await,
            _ => assert_refused(&answer, 413, "body_too_large"),
        }
    }
    witness.saw_nothing("a byte too many, in chunks").await;
    // Refused by the announced length, before any of it arrives.
    let head = format!(
        "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        limit + 1
    );
    let bytes = server.raw(head.as_bytes()).await;
    assert_refused(&Response::parse(&bytes), 413, "body_too_large");
}

#[tokio::test]
async fn a_client_refused_while_sending_may_finish_and_is_not_reset() {
    let server = TestServer::start();
    let body = vec![b' '; 512 << 10];
    let mut connection = Connection::to(&server).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        POST.1,
        body.len()
    );
    connection.send(head).await;
    let answer = connection.answer().await;
    assert_refused(&answer, 413, "body_too_large");
    assert_eq!(answer.header("connection"), Some("close"));
    // A proxy may send its whole request before it reads the answer.
    for piece in body.chunks(64 << 10) {
        connection.send(piece).await;
    }
    connection.finish().await;
    assert!(connection.rest().await.is_empty());
}

/// Many clients send the body apart from the head, and are refused by the head.
#[tokio::test]
async fn a_small_unread_body_is_discarded() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    for _ in 0..20 {
        for (path, kind, status) in [
            ("/rooms/lobby/messages", "text/html", 415),
            ("/nowhere", "application/json", 404),
            ("/healthz", "application/json", 200),
        ] {
            let method = if status == 200 { "GET" } else { "POST" };
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: 9\r\n\r\n"
            );
            connection.send(head).await;
            connection.send("123456789").await;
            let answer = connection.answer().await;
            assert_eq!((answer.status, answer.header("connection")), (status, None));
        }
    }
}

#[tokio::test]
async fn an_answer_with_an_unread_body_announces_the_close() {
    let server = TestServer::start();
    for request in [
        "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\n",
        "POST /send.php?name=a&message=b HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n",
    ] {
        let mut connection = Connection::to(&server).await;
        connection.send(request).await;
        let answer = connection.answer().await;
        assert_eq!(answer.header("connection"), Some("close"), "{request}");
        connection.finish().await;
        assert_eq!(connection.rest().await, b"");
    }
}
