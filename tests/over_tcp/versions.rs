//! The versions of HTTP beside each other, on one port and on one connection.

use serde_json::json;

use super::connection::Connection;
use super::support::{EventReader, Http, TestServer};
use crate::transport::Transport;

const STREAM: &str = "/rooms/lobby/events";

#[tokio::test]
async fn a_port_in_clear_speaks_both_versions() {
    let server = TestServer::start();
    let request = format!("GET {STREAM} HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut one = server.events(STREAM).await;
    let socket = server.open_over(Transport::Http2Clear).await;
    let mut other = EventReader::open(socket, request.as_bytes()).await;
    one.expect("hello").await;
    other.expect("hello").await;
    for text in ["first", "second"] {
        let published = server.publish("lobby", text).await;
        assert_eq!(one.expect("update").await.data, published);
        assert_eq!(other.expect("update").await.data, published);
    }
}

async fn a_connection_has_many_requests_and_then_a_stream(http: Http) {
    let server = http.start();
    let mut connection = Connection::to(&server).await;
    for number in 1..=20 {
        let body = json!({"name": "Alice", "message": "hello"}).to_string();
        connection
            .send(format!(
                "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        let answer = connection.answer().await;
        assert_eq!(
            (answer.status, &answer.json()["number"]),
            (201, &json!(number))
        );
    }
    connection
        .send(format!("GET {STREAM} HTTP/1.1\r\nhost: a\r\n\r\n"))
        .await;
    let mut reader = connection.events().await;
    reader.expect("hello").await;
    let published = server.publish("lobby", "live").await;
    assert_eq!(reader.expect("update").await.data, published);
}

over_each! {
    a_connection_has_many_requests_and_then_a_stream
}
