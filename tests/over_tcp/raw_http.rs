//! HTTP/1.1 and HTTP/1.0 on the wire: pipelining, keep-alive, HEAD, OPTIONS, and
//! the head of a stream. The numbers are cases of tests/cases.md.

use std::time::Duration;

use super::connection::Connection;
use super::support::{EventReader, Response, TestServer};
use super::witness::{assert_nosniff, statuses, until_readers};

/// Every route with GET, with a query where it needs one.
const GET_ROUTES: [&str; 12] = [
    "/",
    "/r/lobby",
    "/assets/start.js",
    "/rooms/lobby/messages",
    "/rooms/lobby/members",
    "/rooms",
    "/healthz",
    "/readyz",
    "/send.php",
    "/rooms/lobby/events?name=Alice",
    "/events?room=lobby&room=other",
    "/sse.php",
];
const STREAMS: std::ops::Range<usize> = 9..12;

fn post(text: &str) -> String {
    let body = format!(r#"{{"name":"Alice","message":"{text}"}}"#);
    let length = body.len();
    format!(
        "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn ask(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

fn server() -> TestServer {
    TestServer::start_with(|config| config.list_rooms = true)
}

/// The fields of an answer, except for framing and Date.
fn fields(answer: &Response) -> Vec<(String, String)> {
    let mut fields = answer.headers.clone();
    fields.retain(|(name, _)| {
        !["date", "content-length", "transfer-encoding", "connection"].contains(&&**name)
    });
    fields.sort();
    fields
}

// 60
#[tokio::test]
async fn a_request_behind_a_stream_waits_for_its_end_and_leaves_nothing_behind() {
    let server = TestServer::start_with(|config| config.ping = Duration::from_millis(50));
    let request = format!("{}{}", ask("GET", "/rooms/lobby/events"), post("behind"));
    let mut reader = EventReader::open(server.connect().await, request.as_bytes()).await;
    reader.expect("hello").await;
    let published = server.publish("lobby", "before").await;
    assert_eq!(
        reader.find("update").await.data,
        published,
        "the first message here"
    );
    reader.expect("ping").await;
    until_readers(&server, 1).await;
    // hyper sees no hang-up behind unread bytes, so the next ping finds it.
    drop(reader);
    until_readers(&server, 0).await;
    let page = server.get("/rooms/lobby/messages").await.json();
    assert_eq!(
        page["messages"],
        serde_json::json!([published]),
        "the second request was never served"
    );
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let server = server();
    let mut connection = Connection::to(&server).await;
    let requests = [
        post("one"),
        post("two"),
        ask("GET", "/rooms/lobby/messages"),
        ask("GET", "/nope"),
    ];
    connection.send(requests.concat()).await;
    let (one, two) = (connection.answer().await, connection.answer().await);
    assert_eq!((one.status, two.status), (201, 201));
    assert_eq!(
        (one.json()["number"].as_u64(), two.json()["number"].as_u64()),
        (Some(1), Some(2))
    );
    let history = connection.answer().await.json();
    assert_eq!(
        history["messages"],
        serde_json::json!([one.json(), two.json()])
    );
    connection.answer().await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn requests_before_a_half_close_are_all_answered() {
    let server = server();
    let mut connection = Connection::to(&server).await;
    connection.send([post("one"), post("two")].concat()).await;
    connection.finish().await;
    assert_eq!(connection.answer().await.status, 201);
    assert_eq!(connection.answer().await.status, 201);
    assert_eq!(connection.rest().await, b"");
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let server = server();
    let mut connection = Connection::to(&server).await;
    for number in 1..=100 {
        connection.send(post("hi")).await;
        assert_eq!(connection.answer().await.json()["number"], number);
        // A refusal whose body was read does not end the connection.
        connection.send(post(" ")).await;
        connection
            .answer()
            .await
            .assert_problem(400, "invalid_message");
    }
    connection
        .send("GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    let last = connection.answer().await;
    assert_eq!(
        (last.status, last.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(connection.rest().await, b"");
}

#[tokio::test]
async fn http_1_0_ends_with_its_answer() {
    let server = server();
    let get = Response::parse(
        &server
            .raw(b"GET /healthz HTTP/1.0\r\n\r\nGET /nope HTTP/1.0\r\n\r\n")
            .await,
    );
    assert_eq!(
        (get.status, &*get.text()),
        (200, "ok"),
        "one answer and no more"
    );
    let post = post("hi").replace("HTTP/1.1", "HTTP/1.0");
    let published = Response::parse(&server.raw(post.as_bytes()).await);
    assert_eq!(
        (published.status, published.json()["message"].as_str()),
        (201, Some("hi"))
    );
}

// 61
#[tokio::test]
async fn an_http_1_0_stream_flows_and_ends_with_the_connection() {
    let server = server();
    for path in ["/rooms/lobby/events", "/sse.php", "/events?room=lobby"] {
        let request = format!("GET {path} HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
        let mut reader = EventReader::open(server.connect().await, request.as_bytes()).await;
        assert_eq!(
            reader.head.header("transfer-encoding"),
            None,
            "HTTP/1.0 knows no chunks"
        );
        assert_eq!(reader.head.header("content-length"), None);
        assert_eq!(reader.head.header("connection"), Some("close"));
        reader.expect("hello").await;
        for text in ["now", "and then"] {
            let published = server.publish("lobby", text).await;
            while reader.expect("update").await.data != published {}
        }
    }
    let mut reader = EventReader::open(
        server.connect().await,
        b"GET /rooms/lobby/events HTTP/1.0\r\n\r\n",
    )
    .await;
    reader.expect("hello").await;
    server.begin_stop();
    reader.expect("bye").await;
    assert!(reader.next_or_end().await.is_none());
}

// 4
#[tokio::test]
async fn head_is_get_without_the_body_and_the_connection_goes_on() {
    let server = server();
    server.publish("lobby", "hi").await;
    for (index, path) in GET_ROUTES.into_iter().enumerate() {
        let mut connection = Connection::to(&server).await;
        connection.send(ask("HEAD", path)).await;
        let head = connection.answer_to_head().await;
        // Bytes after the head would be read as this answer.
        connection.send(ask("GET", "/healthz")).await;
        let next = connection.answer().await;
        assert_eq!((next.status, &*next.text()), (200, "ok"), "{path}");
        let get = match STREAMS.contains(&index) {
            true => server.events(path).await.head,
            false => server.get(path).await,
        };
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(fields(&head), fields(&get), "{path}");
        // The answer of `send.php` depends on what it publishes.
        if let Some(length) = head.header("content-length")
            && path != "/send.php"
        {
            assert_eq!(Some(length), get.header("content-length"), "{path}");
        }
    }
    until_readers(&server, 0).await;
}

#[tokio::test]
async fn head_joins_no_room_and_publishes_nothing() {
    let server = server();
    for path in [
        "/rooms/lobby/events?name=Alice",
        "/events?room=a&room=b",
        "/sse.php",
        "/send.php?name=Alice&message=hi",
    ] {
        let head = server.request("HEAD", path, &[], "").await;
        assert_eq!((head.status, &*head.body), (200, &b""[..]), "{path}");
    }
    assert_eq!(
        server.get("/rooms").await.json(),
        serde_json::json!({"rooms": []})
    );
    assert_eq!(server.app().hub.readers(), 0);
}

// 5
#[tokio::test]
async fn options_lists_the_methods_and_allows_no_other_origin() {
    let server = server();
    let mut connection = Connection::to(&server).await;
    for path in GET_ROUTES.into_iter().chain([
        "*",
        "/rooms/any/messages",
        "/send.php?name=Alice&message=hi",
    ]) {
        let origin = "origin: https://elsewhere.example\r\naccess-control-request-method: POST";
        connection
            .send(format!(
                "OPTIONS {path} HTTP/1.1\r\nhost: a\r\n{origin}\r\n\r\n"
            ))
            .await;
        let answer = connection.answer().await;
        let writes = ["/messages", "/send.php", "/rooms/lobby/events"];
        let allow = match path {
            "*" => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            path if writes.iter().any(|part| path.contains(part)) => "GET, HEAD, POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        };
        assert_eq!(
            (answer.status, answer.header("allow")),
            (204, Some(allow)),
            "{path}"
        );
        assert_nosniff(&answer);
        let cors = |(name, _): &(String, String)| name.starts_with("access-control");
        assert!(!answer.headers.iter().any(cors), "{path}: {answer:?}");
    }
    assert_eq!(
        server.get("/rooms").await.json(),
        serde_json::json!({"rooms": []})
    );
    for method in ["GET", "HEAD", "POST"] {
        assert_eq!(
            statuses(
                &server
                    .raw(
                        format!("{method} * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                            .as_bytes()
                    )
                    .await
            ),
            [405]
        );
    }
}

#[tokio::test]
async fn the_head_of_a_stream_is_as_in_the_protocol() {
    let server = server();
    for path in &GET_ROUTES[STREAMS] {
        let reader = server.events(path).await;
        let mut head = reader.head.headers.clone();
        let before = head.len();
        head.retain(|(name, value)| name != "date" || !value.ends_with(" GMT"));
        assert_eq!(before - head.len(), 1, "one date: {:?}", reader.head);
        head.sort();
        let expected = [
            ("cache-control", "no-cache, no-store, no-transform"),
            // The stream is the connection's last answer.
            ("connection", "close"),
            ("content-type", "text/event-stream"),
            ("transfer-encoding", "chunked"),
            ("x-accel-buffering", "no"),
            ("x-content-type-options", "nosniff"),
        ];
        assert_eq!(
            head,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned())),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_answer_forbids_content_sniffing() {
    let server = server();
    for path in GET_ROUTES.into_iter().chain([
        "/nope",
        "/r/a%20b",
        "/rooms/lobby/messages?limit=0",
        "/assets/x",
        "/events",
    ]) {
        for method in ["HEAD", "OPTIONS", "PUT", "POST"] {
            assert_nosniff(&server.request(method, path, &[], "").await);
        }
    }
    for path in &GET_ROUTES[..STREAMS.start] {
        assert_nosniff(&server.get(path).await);
    }
    let etag = server.get("/").await.header("etag").unwrap().to_owned();
    let known = server
        .request("GET", "/", &[("if-none-match", &etag)], "")
        .await;
    assert_eq!(known.status, 304);
    assert_nosniff(&known);
    assert_nosniff(&Response::parse(
        &server
            .raw(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
            .await,
    ));
}
