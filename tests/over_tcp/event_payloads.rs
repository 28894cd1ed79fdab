//! Payloads of events: what is taken comes back unchanged but for its line ends,
//! and forges nothing; everything else is refused. The numbers are cases of
//! tests/cases.md.

use std::fmt::Write as _;

use serde_json::json;

use super::connection::Connection;
use super::entries::open_server;
use super::refused::assert_refused;
use super::support::{Http, Response, TestServer};
use super::witness::{Witness, alive};

const ROOM: &str = "/rooms/lobby/events";
const LIMIT: usize = 64 << 10;

async fn a_payload_comes_back_as_it_was_but_for_its_line_ends(http: Http) {
    let server = open_server(http);
    let mut raw = server.events(ROOM).await;
    let mut as_json = server.events("/events?room=lobby").await;
    raw.expect("hello").await;
    as_json.expect("hello").await;
    for (payload, received) in [
        ("", ""),
        ("\n", "\n"),
        ("\r", "\n"),
        ("\r\n", "\n"),
        ("\n\r", "\n\n"),
        ("a\rb\r\rc", "a\nb\n\nc"),
        (
            "x\n\nevent: bye\ndata: {\"reason\":\"shutdown\"}\n\n",
            "x\n\nevent: bye\ndata: {\"reason\":\"shutdown\"}\n\n",
        ),
        ("x\r\rid: zz-9\rretry: 1\r\r", "x\n\nid: zz-9\nretry: 1\n\n"),
        ("a\0b\0", "a\0b\0"),
        (" leading and trailing \t", " leading and trailing \t"),
        (": a comment", ": a comment"),
        ("data: x", "data: x"),
        ("\u{FEFF}bom", "\u{FEFF}bom"),
        (
            "\u{2028}\u{2029}\u{85}\u{b}\u{c}",
            "\u{2028}\u{2029}\u{85}\u{b}\u{c}",
        ),
        ("\u{1b}[2J\u{7f}\u{10FFFF}", "\u{1b}[2J\u{7f}\u{10FFFF}"),
        (
            "<script>alert(\"1\\\")</script>",
            "<script>alert(\"1\\\")</script>",
        ),
        ("0\r\n\r\nHTTP/1.1 200 OK", "0\n\nHTTP/1.1 200 OK"),
    ] {
        for name in ["tick", "message"] {
            let receipt = server.publish_event("lobby", name, payload).await;
            let id = receipt["id"].as_str().unwrap();
            let event = raw.take(1).await.remove(0);
            assert_eq!((&*event.event, &*event.id), (name, id), "{payload:?}");
            assert_eq!(event.text, received);
            let event = as_json.take(1).await.remove(0);
            assert_eq!((&*event.event, &*event.id), (name, id), "{payload:?}");
            assert_eq!(event.data["data"], received);
            let page = server.get("/rooms/lobby/messages?limit=1").await.json();
            assert_eq!(page["messages"][0], event.data);
        }
    }
}

async fn a_payload_may_have_64_kib_once_its_line_ends_are_lf(http: Http) {
    let server = open_server(http);
    let mut raw = server.events(ROOM).await;
    let mut as_json = server.events("/events?room=lobby").await;
    raw.expect("hello").await;
    as_json.expect("hello").await;
    let crlf = "\r\n".repeat(LIMIT);
    let mixed = format!("{}{}", "\r\n".repeat(LIMIT / 2), "x".repeat(LIMIT / 2));
    for payload in [
        "x".repeat(LIMIT),
        "\n".repeat(LIMIT),
        "\"".repeat(LIMIT),
        "\0".repeat(LIMIT),
        crlf,
        mixed,
    ] {
        let receipt = server
            .post_event("lobby", "?event=big", "text/plain", &payload)
            .await;
        assert_eq!(receipt.status, 201, "{receipt:?}");
        let normal = payload.replace("\r\n", "\n");
        assert_eq!(normal.len(), LIMIT);
        assert!(raw.take(1).await.remove(0).text == normal);
        assert!(as_json.take(1).await.remove(0).data["data"] == normal);
    }
    for payload in [
        "x".repeat(LIMIT + 1),
        "\r".repeat(LIMIT + 1),
        "\r\n".repeat(LIMIT + 1),
        "é".repeat(LIMIT / 2) + "\r\n",
        "x".repeat(2 * LIMIT + 1),
    ] {
        let refused = server
            .post_event("lobby", "?event=big", "text/plain", &payload)
            .await;
        assert_refused(&refused, 413, "event_too_large");
        let detail = refused.json()["detail"].clone();
        assert_eq!(detail, "an event's payload is at most 65536 bytes");
    }
    server.publish_event("lobby", "next", "").await;
    for reader in [&mut raw, &mut as_json] {
        assert_eq!(reader.take(1).await.remove(0).event, "next");
    }
    alive(&server).await;
}

over_each! {
    a_payload_comes_back_as_it_was_but_for_its_line_ends
    a_payload_may_have_64_kib_once_its_line_ends_are_lf
}

fn server() -> TestServer {
    open_server(Http::V1_1)
}

#[tokio::test]
async fn a_payload_is_text_or_json_in_utf_8() {
    let server = server();
    let mut reader = server.events("/rooms/other/events").await;
    reader.expect("hello").await;
    for content_type in [
        "text/plain",
        "text/html",
        "Text/HTML; Charset=\"UTF-8\"",
        "text/event-stream",
        "text/vnd.turbo-stream.html; charset=utf-8",
        "text/x",
        "application/json",
        "application/json;charset=utf-8",
    ] {
        let receipt = server.post_event("other", "", content_type, "[1]").await;
        assert_eq!(receipt.status, 201, "{content_type}: {receipt:?}");
        assert_eq!(reader.expect("message").await.text, "[1]");
    }
    let mut witness = Witness::of(&server, "lobby").await;
    for content_type in [
        "",
        "text",
        "text/",
        "application/xml",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "application/ld+json",
        "multipart/form-data; boundary=x",
        "text/plain; charset=latin1",
        "text/plain; charset=utf-8; charset=latin1",
        "text/plain; charset=",
        "text/plain, text/plain",
        "text/*",
        "text/a b",
        "texts/plain",
        "\u{e9}",
    ] {
        let refused = server.post_event("lobby", "", content_type, "1").await;
        assert_refused(&refused, 415, "unsupported_media_type");
        witness.saw_nothing(content_type).await;
    }
    let none = server.request("POST", ROOM, &[], "hi").await;
    assert_refused(&none, 415, "unsupported_media_type");
    let detail = none.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("-H 'Content-Type: text/html'"), "{detail}");
    let text = ("content-type", "text/plain");
    for headers in [
        vec![text, text],
        vec![text, ("content-type", "application/json")],
        vec![text, ("content-encoding", "gzip")],
        vec![text, ("content-encoding", "identity, br")],
        vec![
            text,
            ("content-encoding", "identity"),
            ("content-encoding", "x"),
        ],
    ] {
        let refused = server.request("POST", ROOM, &headers, "hi").await;
        assert_refused(&refused, 415, "unsupported_media_type");
        witness.saw_nothing("a header").await;
    }
    let part = [text, ("content-range", "bytes 0-1/2")];
    let refused = server.request("POST", ROOM, &part, "hi").await;
    assert_refused(&refused, 400, "invalid_request");
    let identity = [text, ("content-encoding", "Identity")];
    let taken = server
        .request("POST", "/rooms/other/events", &identity, "hi")
        .await;
    assert_eq!(taken.status, 201);
}

#[tokio::test]
async fn a_payload_that_is_not_utf_8_is_refused() {
    let server = server();
    let mut witness = Witness::of(&server, "lobby").await;
    for bad in [
        &b"\xFF"[..],
        b"a\xC3",
        b"\xC0\xAF",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"\0\xFF",
    ] {
        let refused = server.post_event("lobby", "", "text/plain", bad).await;
        assert_refused(&refused, 400, "invalid_event");
        let quoted = [b"\"", bad, b"\""].concat();
        let refused = server
            .post_event("lobby", "", "application/json", quoted)
            .await;
        assert_eq!(refused.status, 400, "{refused:?}");
        witness.saw_nothing("invalid UTF-8").await;
    }
}

#[tokio::test]
async fn a_json_payload_is_one_valid_value() {
    let server = server();
    let mut witness = Witness::of(&server, "lobby").await;
    for bad in [
        "",
        " ",
        "{",
        "{}{}",
        "[1,]",
        "{'a':1}",
        "nul",
        "\u{FEFF}{}",
        "{} x",
        "\"a\nb\"",
        "\"\u{1}\"",
        "\"\\x\"",
        "01",
        "NaN",
        "<b>",
        &"[".repeat(10_000),
        &"{\"a\":".repeat(10_000),
    ] {
        let refused = server
            .post_event("lobby", "", "application/json", bad)
            .await;
        assert_refused(&refused, 400, "invalid_json");
        witness.saw_nothing(bad).await;
    }
    let mut reader = server.events("/rooms/other/events").await;
    let mut as_json = server.events("/events?room=other").await;
    reader.expect("hello").await;
    as_json.expect("hello").await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    for good in [
        "0",
        "null",
        "\"\"",
        "{\"a\":1,\"a\":2}",
        "1e999",
        "[\n1\n]\n",
        "\"\\ud800\"",
        "\"\\u0000\\n\\nevent: bye\"",
        &deep,
        &objects,
    ] {
        let receipt = server
            .post_event("other", "?event=json", "application/json", good)
            .await;
        assert_eq!(receipt.status, 201, "{receipt:?}");
        assert_eq!(reader.expect("json").await.text, good);
        assert_eq!(as_json.expect("json").await.data["data"], good);
        let page = server.get("/rooms/other/messages?limit=1").await.json();
        assert_eq!(page["messages"][0]["data"], good);
    }
    // The CRs of a JSON text are white space.
    let receipt = server
        .post_event("other", "?event=json", "application/json", "[\r\n1\r]")
        .await;
    assert_eq!(receipt.status, 201);
    assert_eq!(reader.expect("json").await.text, "[\n1\n]");
    alive(&server).await;
}

#[tokio::test]
async fn the_limit_of_payloads_can_be_set() {
    let server = TestServer::start_with(|config| {
        config.open_events = true;
        config.max_event_bytes = 3;
    });
    let mut published = 0;
    for (kind, payload, status) in [
        ("text/plain", "abc", 201),
        ("text/plain", "abcd", 413),
        ("text/plain", "é\r\n", 201),
        ("text/plain", "\r\n\r\n\r\n", 201),
        ("text/plain", "\r\n\r\n\r\n\r\n", 413),
        ("text/plain", "\n\n\n\n", 413),
        ("application/json", "[1]", 201),
        ("application/json", "[10]", 413),
        ("application/json", "\r\n\r\n0", 201),
    ] {
        let response = server.post_event("other", "", kind, payload).await;
        assert_eq!(response.status, status, "{payload:?} {response:?}");
        if status == 413 {
            assert_refused(&response, 413, "event_too_large");
        } else {
            published += 1;
        }
    }
    assert_eq!(server.page("other").await.len(), published);
    server.publish("lobby", "longer than that").await;
}

/// The same in chunks, and with a length that is never reached.
#[tokio::test]
async fn a_payload_in_chunks_is_bounded_as_well() {
    let server = server();
    let head = "POST /rooms/lobby/events HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: text/plain\r\n";
    for (length, status) in [(LIMIT, 201), (LIMIT + 1, 413), (2 * LIMIT + 1, 413)] {
        let mut request = format!("{head}transfer-encoding: chunked\r\n\r\n");
        write!(request, "{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length)).unwrap();
        let answer = Response::parse(&server.raw(request.as_bytes()).await);
        assert_eq!(answer.status, status, "{length}");
    }
    let announced = format!("{head}content-length: {}\r\n\r\n", 2 * LIMIT + 1);
    let answer = Response::parse(&server.raw(announced.as_bytes()).await);
    assert_refused(&answer, 413, "event_too_large");
    let short = format!("{head}content-length: 9\r\n\r\nhi");
    let mut connection = Connection::to(&server).await;
    connection.send(short).await;
    connection.finish().await;
    let answer = connection.answer().await;
    answer.assert_problem(400, "invalid_event");
    assert_eq!(server.page("lobby").await.len(), 1);
}

#[tokio::test]
async fn no_payload_is_an_empty_payload() {
    let server = server();
    let mut reader = server.events(ROOM).await;
    reader.expect("hello").await;
    let text = [("content-type", "text/plain")];
    let receipt = server.request("POST", ROOM, &text, "").await;
    assert_eq!(receipt.status, 201);
    let with_length = [text[0], ("content-length", "0")];
    let receipt = server.request("POST", ROOM, &with_length, "").await;
    assert_eq!(receipt.status, 201);
    for _ in 0..2 {
        let event = reader.expect("message").await;
        assert_eq!(event.text, "");
    }
    let page = server.page("lobby").await;
    assert_eq!(
        (&page[0]["data"], &page[1]["data"]),
        (&json!(""), &json!(""))
    );
}
