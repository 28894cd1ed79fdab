//! Every refusal has its status and code, a detail that says what would be right,
//! and no effect. The numbers are cases of tests/cases.md.

use super::connection::Connection;
use super::refused::assert_refused;
use super::support::TestServer;
use super::witness::{Witness, alive, assert_nosniff, until_readers};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
const POST: (&str, &str) = ("POST", "/rooms/lobby/messages");
const GOOD: &str = r#"{"name":"Alice","message":"hi"}"#;

type Refusal<'a> = (
    (&'a str, &'a str),
    &'a [(&'a str, &'a str)],
    &'a str,
    u16,
    &'a str,
);

#[tokio::test]
async fn each_code_comes_with_its_status_and_without_effect() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let (long, huge) = ("x".repeat(4097), " ".repeat(28_673));
    let long = format!(r#"{{"name":"Alice","message":"{long}"}}"#);
    let table: &[Refusal<'_>] = &[
        (
            ("POST", "/rooms/a%20b/messages"),
            JSON,
            GOOD,
            400,
            "invalid_room",
        ),
        (
            POST,
            JSON,
            r#"{"name":" ","message":"hi"}"#,
            400,
            "invalid_name",
        ),
        (POST, JSON, r#"{"message":"hi"}"#, 400, "invalid_name"),
        (
            POST,
            JSON,
            r#"{"name":"Alice","message":" "}"#,
            400,
            "invalid_message",
        ),
        (POST, JSON, r#"{"name":"Alice"}"#, 400, "invalid_message"),
        (
            POST,
            JSON,
            r#"{"name":"Alice","message":"hi","client_id":"a b"}"#,
            400,
            "invalid_client_id",
        ),
        (POST, JSON, "{", 400, "invalid_json"),
        (
            POST,
            FORM,
            "name=Alice&message=hi&nick=A",
            400,
            "invalid_form",
        ),
        (
            POST,
            FORM,
            "name=Alice&name=Bob&message=hi",
            400,
            "invalid_form",
        ),
        (POST, FORM, "name=Alice&message=%FF", 400, "invalid_form"),
        (
            POST,
            &[("host", "second"), JSON[0]],
            GOOD,
            400,
            "invalid_host",
        ),
        (POST, JSON, &long, 413, "message_too_large"),
        (POST, JSON, &huge, 413, "body_too_large"),
        (
            POST,
            &[("content-type", "text/html")],
            GOOD,
            415,
            "unsupported_media_type",
        ),
        (("PUT", POST.1), JSON, GOOD, 405, "method_not_allowed"),
        (("POST", "/rooms/lobby"), JSON, GOOD, 404, "not_found"),
        (
            ("POST", "/rooms/lobby/events"),
            JSON,
            GOOD,
            403,
            "forbidden",
        ),
        (
            ("GET", "/rooms/lobby/messages?limit=0"),
            &[],
            "",
            400,
            "invalid_query",
        ),
        (
            ("GET", "/rooms/lobby/events?backlog=501"),
            &[],
            "",
            400,
            "invalid_query",
        ),
        (
            ("GET", "/rooms/lobby/events?name=%20"),
            &[],
            "",
            400,
            "invalid_name",
        ),
        (("GET", "/metrics"), &[], "", 404, "not_found"),
    ];
    for &((method, path), headers, body, status, code) in table {
        let response = server.request(method, path, headers, body).await;
        assert_refused(&response, status, code);
        witness
            .saw_nothing(&format!("{method} {path} {body}"))
            .await;
    }
}

#[tokio::test]
async fn a_wrong_method_gets_405_with_allow() {
    let server = TestServer::start_with(|config| config.list_rooms = true);
    let mut witness = Witness::of(&server, "lobby").await;
    let (read, write) = ("GET, HEAD, OPTIONS", "GET, HEAD, POST, OPTIONS");
    for (path, allow) in [
        ("/", read),
        ("/r/lobby", read),
        ("/assets/start.js", read),
        ("/rooms/lobby/messages", write),
        ("/rooms/lobby/events", write),
        ("/rooms/lobby/members", read),
        ("/events?room=lobby", read),
        ("/rooms", read),
        ("/healthz", read),
        ("/readyz", read),
        ("/send.php?name=Alice&message=hi", write),
        ("/sse.php", read),
    ] {
        // 3
        let mut methods = vec!["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO", "get"];
        if allow == read {
            methods.push("POST");
        }
        for method in methods {
            let response = server.request(method, path, JSON, GOOD).await;
            assert_refused(&response, 405, "method_not_allowed");
            assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
        }
        witness.saw_nothing(path).await;
    }
}

#[tokio::test]
async fn rooms_are_limited_in_number() {
    let server = TestServer::start_with(|config| {
        config.max_rooms = 1;
        config.list_rooms = true;
    });
    let mut witness = Witness::of(&server, "lobby").await;
    for (method, path) in [
        ("POST", "/rooms/second/messages"),
        ("GET", "/rooms/second/events?name=Bob"),
        ("GET", "/events?room=lobby&room=second&name=Bob"),
    ] {
        let body = if method == "POST" { GOOD } else { "" };
        let response = server.request(method, path, JSON, body).await;
        assert_refused(&response, 503, "too_many_rooms");
        witness.saw_nothing(path).await;
        assert_eq!(server.app().hub.readers(), 1, "only the witness reads");
        let rooms = server.get("/rooms").await.json();
        assert_eq!(rooms["rooms"].as_array().unwrap().len(), 1, "{rooms}");
        assert_eq!(rooms["rooms"][0]["members"], 0, "nobody entered: {rooms}");
    }
    // HEAD is refused where GET is, and makes no room.
    let refused = server
        .request("HEAD", "/rooms/second/events", &[], "")
        .await;
    assert_eq!(refused.status, 503);
    let answered = server.request("HEAD", "/rooms/lobby/events", &[], "").await;
    assert_eq!(answered.status, 200);
    // Reading a room's history does not make the room.
    assert_eq!(server.get("/rooms/second/messages").await.status, 200);
    assert_eq!(server.get("/rooms/second/members").await.status, 200);
}

#[tokio::test]
async fn one_slot_is_reserved_for_the_default_room() {
    let server = TestServer::start_with(|config| config.max_rooms = 3);
    for (room, status) in [("a", 201), ("b", 201), ("c", 503)] {
        let path = format!("/rooms/{room}/messages");
        let response = server.request("POST", &path, JSON, GOOD).await;
        assert_eq!(response.status, status, "{room}");
    }
    let response = server.get("/events?room=lobby&room=c").await;
    assert_refused(&response, 503, "too_many_rooms");
    server.publish("lobby", "here").await;
    // It has used its own slot.
    let response = server
        .request("POST", "/rooms/c/messages", JSON, GOOD)
        .await;
    assert_refused(&response, 503, "too_many_rooms");
    server.publish("a", "still here").await;
}

#[tokio::test]
async fn a_draining_server_refuses_new_requests_and_stays_healthy() {
    let server = TestServer::start();
    server.publish("lobby", "before").await;
    // Heads that are in flight when the drain begins.
    let mut halves = Vec::new();
    for (start, rest) in [
        (
            "POST /rooms/lob",
            format!(
                "by/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{GOOD}",
                GOOD.len()
            ),
        ),
        (
            "GET /send.p",
            "hp?name=Alice&message=hi HTTP/1.1\r\nhost: a\r\n\r\n".into(),
        ),
        ("GET /read", "yz HTTP/1.1\r\nhost: a\r\n\r\n".into()),
        ("GET /heal", "thz HTTP/1.1\r\nhost: a\r\n\r\n".into()),
        (
            "GET /rooms/lob",
            "by/messages HTTP/1.1\r\nhost: a\r\n\r\n".into(),
        ),
    ] {
        let mut connection = Connection::to(&server).await;
        connection.send(start).await;
        halves.push((connection, rest));
    }
    let mut stream = server.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /rooms/lobby/ev")
        .await
        .unwrap();
    // Connections that came later are served: so these were accepted before.
    alive(&server).await;
    alive(&server).await;
    server.begin_stop();

    // All at once: idle connections have half a second.
    let mut asked = Vec::new();
    for (mut connection, rest) in halves {
        connection.send(rest).await;
        asked.push(connection);
    }
    let mut reader =
        super::support::EventReader::open(stream, b"ents HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut answers = Vec::new();
    for mut connection in asked {
        answers.push(connection.answer().await);
        assert_eq!(connection.rest().await, b"", "the connection ends");
    }
    let [post, send_php, ready, health, history] = &answers[..] else {
        unreachable!()
    };
    assert_refused(post, 503, "draining");
    assert_eq!(send_php.text(), r#"{"code":-1,"msg":"fail"}"#);
    assert_refused(ready, 503, "draining");
    assert_eq!((health.status, &*health.text()), (200, "ok"));
    assert_eq!(
        history.json()["messages"].as_array().unwrap().len(),
        1,
        "nothing was published"
    );

    reader.expect("hello").await;
    let bye = reader.expect("bye").await;
    assert_eq!(bye.data["reason"], "shutdown");
    assert!(reader.next_or_end().await.is_none());
    assert_eq!(server.stopped().await, sse_chat::server::Drained::Whole);
}

#[tokio::test]
async fn the_list_of_rooms_is_off_by_default() {
    let silent = TestServer::start();
    silent.publish("secret", "hi").await;
    assert_refused(&silent.get("/rooms").await, 404, "not_found");

    let server = TestServer::start_with(|config| config.list_rooms = true);
    assert_eq!(
        server.get("/rooms").await.json(),
        serde_json::json!({"rooms": []})
    );
    let published = server.publish("b", "hi").await;
    let mut reader = server.events("/rooms/a/events?name=Bob").await;
    reader.expect("hello").await;
    let response = server.get("/rooms").await;
    assert_nosniff(&response);
    assert_eq!(
        response.json(),
        serde_json::json!({"rooms": [
            {"room": "a", "members": 1, "messages": 0, "newest": null},
            {"room": "b", "members": 0, "messages": 1, "newest": published["id"]},
        ]})
    );
}

#[tokio::test]
async fn the_list_of_rooms_comes_in_pages() {
    let server = TestServer::start_with(|config| config.list_rooms = true);
    for room in ["c", "a", "%C3%A9", "b"] {
        server.publish(room, "hi").await;
    }
    for (query, expected) in [
        ("", serde_json::json!([["a", "b", "c", "\u{e9}"], null])),
        ("?limit=2", serde_json::json!([["a", "b"], "b"])),
        (
            "?limit=2&after=b",
            serde_json::json!([["c", "\u{e9}"], null]),
        ),
        ("?limit=1&after=b", serde_json::json!([["c"], "c"])),
        ("?after=bb", serde_json::json!([["c", "\u{e9}"], null])),
        ("?after=%C3%A9", serde_json::json!([[], null])),
    ] {
        let page = server.get(&format!("/rooms{query}")).await.json();
        let rooms = page["rooms"].as_array().unwrap().iter();
        let names: Vec<_> = rooms.map(|room| room["room"].clone()).collect();
        let found = serde_json::json!([names, page.get("next")]);
        assert_eq!(found, expected, "{query}");
    }
    for query in [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=1&limit=2",
        "after=",
        "after=a%20b",
    ] {
        let response = server.get(&format!("/rooms?{query}")).await;
        assert_refused(&response, 400, "invalid_query");
    }
}

#[tokio::test]
async fn the_demo_can_be_switched_off() {
    let server = TestServer::start_with(|config| config.demo = false);
    let mut witness = Witness::of(&server, "lobby").await;
    for (method, path) in [
        ("GET", "/send.php?name=Alice&message=hi"),
        ("POST", "/send.php?name=Alice&message=hi"),
        ("GET", "/sse.php"),
    ] {
        assert_refused(
            &server.request(method, path, &[], "").await,
            404,
            "not_found",
        );
        witness.saw_nothing(path).await;
    }
    until_readers(&server, 1).await;
}

#[tokio::test]
async fn a_refusal_puts_no_client_input_into_a_header() {
    let server = TestServer::start();
    for path in [
        "/zebra%0d%0azebra:%20zebra",
        "/rooms/zebra%0d%0azebra:%20zebra/messages",
        "/rooms/lobby/messages?limit=zebra%0d%0azebra:%20zebra",
        "/rooms/lobby/events?presence=zebra%0d%0azebra:%20zebra",
        "/rooms/lobby/events?name=zebra%00%0d%0azebra:%20zebra",
    ] {
        let response = server.request("GET", path, &[("zebra", "zebra")], "").await;
        assert!(matches!(response.status, 400 | 404), "{path}: {response:?}");
        let echoes =
            |(name, value): &(String, String)| name.contains("zebra") || value.contains("zebra");
        assert!(!response.headers.iter().any(echoes), "{path}: {response:?}");
    }
}
