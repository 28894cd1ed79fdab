//! Event streams, many on one connection.

use super::client::Client;
use crate::support::{EventReader, TestServer};

#[tokio::test]
async fn many_streams_on_one_connection_get_each_what_is_theirs() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let mut streams = Vec::new();
    for number in 0..100 {
        let path = format!("/rooms/room{}/events", number % 50);
        streams.push(client.events(&path).await);
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        let hello = stream.expect("hello").await;
        assert_eq!(hello["rooms"][0]["room"], format!("room{}", number % 50));
    }
    for number in 0..50 {
        client.publish(&format!("room{number}"), "hi").await;
    }
    for stream in &mut streams {
        assert_eq!(stream.expect("update").await["message"], "hi");
    }
    // Requests are answered meanwhile.
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_stream_resumes_with_its_last_id() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let mut stream = client.events("/rooms/lobby/events").await;
    stream.expect("hello").await;
    let first = client.publish("lobby", "1").await;
    assert_eq!(stream.expect("update").await["message"], "1");
    drop(stream);
    client.publish("lobby", "2").await;
    let mut request = client.request("GET", "/rooms/lobby/events");
    let id = first["id"].as_str().unwrap().parse().unwrap();
    request.headers_mut().insert("last-event-id", id);
    let mut stream = client.events_of(request).await;
    stream.expect("hello").await;
    assert_eq!(stream.expect("update").await["message"], "2");
}

#[tokio::test]
async fn a_long_replay_and_a_long_answer_arrive_whole() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let text = "x".repeat(4000);
    for _ in 0..300 {
        server.publish("lobby", &text).await;
    }
    let mut stream = client.events("/rooms/lobby/events?backlog=all").await;
    stream.expect("hello").await;
    for number in 1..=300 {
        assert_eq!(stream.expect("update").await["number"], number);
    }
    let page = client.get("/rooms/lobby/messages?limit=300").await;
    assert_eq!(page.json()["messages"].as_array().unwrap().len(), 300);
}

#[tokio::test]
async fn a_stream_that_its_client_drops_leaves_the_room() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let mut reader = server.events("/rooms/lobby/events?presence=1").await;
    reader.expect("hello").await;
    let mut stream = client.events("/rooms/lobby/events?name=Bob").await;
    stream.find("hello").await;
    let announces = async |reader: &mut EventReader, what: &str| {
        while reader.find("presence").await.data[what][0]["name"] != "Bob" {}
    };
    announces(&mut reader, "joined").await;
    drop(stream);
    announces(&mut reader, "left").await;
    // The connection goes on.
    assert_eq!(client.get("/healthz").await.status, 200);
}
