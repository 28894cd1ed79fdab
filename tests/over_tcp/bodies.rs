//! The protocol: a body is bounded in bytes and in time, and who sends one that
//! nobody reads still gets the answer. The numbers are cases of the list of bad
//! inputs.

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
async fn a_body_that_does_not_come_is_given_up() {
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

// 17: nor does a body buy time by its bytes.
#[tokio::test]
async fn a_body_that_trickles_in_has_no_more_time_than_another() {
    let server =
        TestServer::start_with(|config| config.limits.body_timeout = Duration::from_millis(300));
    let mut witness = Witness::of(&server, "lobby").await;
    let head =
        "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    for (start, more) in [
        ("content-length: 10000\r\n\r\n", " "),
        ("transfer-encoding: chunked\r\n\r\n", "1\r\n \r\n"),
        // An extension of a chunk's size, and trailers.
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
        // It may end in a reset: there is always more on its way.
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
    let said = server.request(POST.0, POST.1, JSON, &padded(limit)).await;
    assert_eq!(said.status, 201, "{said:?}");
    witness.heard(&said.json()).await;
    let refused = server
        .request(POST.0, POST.1, JSON, &padded(limit + 1))
        .await;
    assert_refused(&refused, 413, "body_too_large");
    witness.saw_nothing("a byte too many").await;
    // The same in chunks, which announce nothing.
    for (length, status) in [(limit, 201), (limit + 1, 413)] {
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n",
            POST.1,
            padded(length)
        );
        let answer = Response::parse(&server.raw(request.as_bytes()).await);
        assert_eq!(answer.status, status, "{answer:?}");
        match status {
            201 => witness.heard(&answer.json()).await,
            _ => assert_refused(&answer, 413, "body_too_large"),
        }
    }
    witness.saw_nothing("a byte too many, in chunks").await;
    // Refused by what is announced, before any of it comes.
    let head = format!(
        "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        limit + 1
    );
    let bytes = server.raw(head.as_bytes()).await;
    assert_refused(&Response::parse(&bytes), 413, "body_too_large");
}

#[tokio::test]
async fn who_is_refused_while_still_sending_may_finish_and_is_not_reset() {
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
    // A proxy that has begun to send does not look at the answer before it is done.
    for piece in body.chunks(64 << 10) {
        connection.send(piece).await;
    }
    connection.finish().await;
    assert!(connection.rest().await.is_empty());
}

/// Many a client sends the head and the body apart, and is refused by the head.
#[tokio::test]
async fn a_small_body_that_comes_after_its_head_is_passed_over() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    for _ in 0..20 {
        for (path, kind, status) in [
            ("/rooms/lobby/messages", "text/plain", 415),
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
async fn an_answer_that_leaves_a_body_says_that_it_is_the_last() {
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
