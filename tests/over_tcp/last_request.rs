//! A request for an event stream is the last of its connection. Requests before it
//! are answered in full, and bytes after it are discarded.

use super::connection::Connection;
use super::support::{TestServer, within};
use super::witness::{alive, until_readers};
use tokio::io::AsyncWriteExt as _;

const STREAM: &str = "GET /rooms/lobby/events HTTP/1.1\r\nhost: a\r\n\r\n";

/// Checks that the requested stream begins, and delivers live messages.
async fn is_live(server: &TestServer, connection: Connection) {
    let mut reader = connection.events().await;
    reader.expect("hello").await;
    server.publish("lobby", "live").await;
    assert_eq!(reader.messages(1).await, ["live"]);
}

#[tokio::test]
async fn a_stream_may_follow_other_requests_on_its_connection() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    for _ in 0..3 {
        connection
            .send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            .await;
        assert_eq!(connection.answer().await.status, 200);
    }
    connection.send(STREAM).await;
    is_live(&server, connection).await;
}

#[tokio::test]
async fn a_head_request_for_a_stream_leaves_the_connection_open() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    for _ in 0..2 {
        connection.send(STREAM.replace("GET", "HEAD")).await;
        let head = connection.answer_to_head().await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("connection"), None);
    }
    connection.send(STREAM).await;
    connection.events().await.expect("hello").await;
}

/// More than the sockets hold: when the stream is requested, the answers before it
/// are still being sent.
#[tokio::test]
async fn large_answers_before_a_stream_come_whole_before_it_begins() {
    let server = TestServer::start_with(|config| config.history_bytes = 64 << 20);
    let text = "x".repeat(4000);
    for _ in 0..500 {
        server.publish("lobby", &text).await;
    }
    let mut connection = Connection::to(&server).await;
    let page = "GET /rooms/lobby/messages?limit=500 HTTP/1.1\r\nhost: a\r\n\r\n";
    connection.send([page, page, page, STREAM].concat()).await;
    // The server has come to the stream, as far as it can, or waits for the socket.
    alive(&server).await;
    for _ in 0..3 {
        let answer = connection.answer().await;
        let page: serde_json::Value = answer.json();
        assert_eq!(page["messages"].as_array().unwrap().len(), 500);
    }
    is_live(&server, connection).await;
}

#[tokio::test]
async fn input_after_a_request_for_a_stream_is_discarded() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    let more = "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\n\r\n";
    connection.send([STREAM, more].concat()).await;
    let mut reader = connection.events().await;
    reader.expect("hello").await;
    within(reader.stream().write_all(more.as_bytes()))
        .await
        .unwrap();
    server.publish("lobby", "only this").await;
    assert_eq!(reader.messages(1).await, ["only this"]);
    until_readers(&server, 1).await;
}

#[tokio::test]
async fn the_body_of_a_request_for_a_stream_is_discarded() {
    let server = TestServer::start();
    let mut connection = Connection::to(&server).await;
    let head = STREAM.trim_end();
    let request = format!("{head}\r\ncontent-length: 5\r\n\r\nhello");
    connection.send(request).await;
    is_live(&server, connection).await;
}
