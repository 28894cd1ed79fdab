//! Messages whose body is plain text: the query has the rest.

use serde_json::json;

use super::entries::percent;
use super::refused::assert_refused;
use super::support::{Http, Response, TestServer};
use super::witness::{Witness, as_shown};

const PATH: &str = "/rooms/lobby/messages";

/// Posts `text` with this query to the room `lobby`.
async fn post(server: &TestServer, query: &str, text: impl AsRef<[u8]>) -> Response {
    let headers = [("content-type", "text/plain")];
    server
        .request("POST", &format!("{PATH}{query}"), &headers, text)
        .await
}

async fn the_body_is_the_message(http: Http) {
    let server = http.start();
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    for (text, shown) in [
        ("hi", "hi"),
        ("0", "0"),
        ("name=Bob&message=x", "name=Bob&message=x"),
        (
            "{\"name\":\"Bob\",\"message\":\"x\"}",
            "{\"name\":\"Bob\",\"message\":\"x\"}",
        ),
        ("a+b%20c", "a+b%20c"),
        (" a\r\nb\rc \r\n", " a\nb\nc"),
        (
            "<b>\t\u{1F469}\u{200D}\u{1F680}</b>",
            "<b>\t\u{1F469}\u{200D}\u{1F680}</b>",
        ),
    ] {
        let answer = post(&server, "?name=Al%20ice&message=ignored", text).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let message = answer.json();
        assert_eq!(
            (&message["name"], &message["message"]),
            (&json!("Al ice"), &json!(shown))
        );
        assert_eq!(reader.expect("update").await.data, message);
    }
}

over_each! {
    the_body_is_the_message
}

#[tokio::test]
async fn the_query_has_the_client_id_and_the_id_that_is_answered() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let query = "?name=Alice&client_id=c-1&reply_to=e-1";
    let first = post(&server, query, "hi").await;
    assert_eq!(first.status, 201);
    let message = first.json();
    assert_eq!(
        (&message["client_id"], &message["reply_to"]),
        (&json!("c-1"), &json!("e-1"))
    );
    witness.received(&as_shown(&message)).await;
    // It is the same request as JSON.
    let body = json!({"name": "Alice", "message": "hi", "client_id": "c-1", "reply_to": "e-1"});
    for again in [
        post(&server, query, "hi\n").await,
        server.post("lobby", &body).await,
    ] {
        assert_eq!((again.status, again.json()), (200, message.clone()));
    }
    let other = post(&server, query, "ho").await;
    assert_refused(&other, 422, "client_id_reused");
    witness.saw_nothing("the same client_id").await;
}

#[tokio::test]
async fn bad_texts_and_queries_are_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let alice = "?name=Alice";
    let (long, huge) = ("x".repeat(4097), "x".repeat(28_673));
    for (query, text, status, code) in [
        ("", "hi", 400, "invalid_name"),
        ("?name=", "hi", 400, "invalid_name"),
        ("?name=%00", "hi", 400, "invalid_name"),
        ("?Name=Alice", "hi", 400, "invalid_name"),
        ("?name=Alice&name=Bob", "hi", 400, "invalid_query"),
        ("?name=%FF", "hi", 400, "invalid_query"),
        ("?name=Alice&client_id=", "hi", 400, "invalid_client_id"),
        (
            "?name=Alice&client_id=a%2Fb",
            "hi",
            400,
            "invalid_client_id",
        ),
        (
            "?name=Alice&client_id=a&client_id=a",
            "hi",
            400,
            "invalid_query",
        ),
        ("?name=Alice&reply_to=", "hi", 400, "invalid_reply_to"),
        ("?name=Alice&reply_to=7", "hi", 400, "invalid_reply_to"),
        ("?name=Alice&reply_to=e-01", "hi", 400, "invalid_reply_to"),
        // A secret does not belong into an address.
        (
            "?name=Alice&edit_key=0123456789abcdef",
            "hi",
            400,
            "invalid_edit_key",
        ),
        (alice, "", 400, "invalid_message"),
        (alice, " \r\n", 400, "invalid_message"),
        (alice, "\u{200B}", 400, "invalid_message"),
        (alice, "a\0b", 400, "invalid_message"),
        (alice, "\u{1b}[2J", 400, "invalid_message"),
        (alice, &long, 413, "message_too_large"),
        (alice, &huge, 413, "body_too_large"),
    ] {
        let refused = post(&server, query, text).await;
        assert_refused(&refused, status, code);
        witness.saw_nothing(query).await;
    }
    for bad in [&b"\xFF"[..], b"a\xC3", b"\xED\xA0\x80"] {
        let refused = post(&server, alice, bad).await;
        assert_refused(&refused, 400, "invalid_message");
        witness.saw_nothing("invalid UTF-8").await;
    }
}

#[tokio::test]
async fn text_is_declared_as_plain_text_in_utf_8() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let path = format!("{PATH}?name=Alice");
    for kind in [
        "text/plain; charset=latin1",
        "text/plain; charset=utf-16",
        "text/plain; charset=",
        "text/plain, text/plain",
        "text/html",
        "text/markdown",
        "text/*",
    ] {
        let refused = server
            .request("POST", &path, &[("content-type", kind)], "hi")
            .await;
        assert_refused(&refused, 415, "unsupported_media_type");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("text/plain"), "{detail}");
        witness.saw_nothing(kind).await;
    }
    let gzip = [("content-type", "text/plain"), ("content-encoding", "gzip")];
    let refused = server.request("POST", &path, &gzip, "hi").await;
    assert_refused(&refused, 415, "unsupported_media_type");
    for kind in [
        "text/plain",
        "Text/Plain; charset=UTF-8",
        "text/plain;format=flowed",
    ] {
        let answer = server
            .request("POST", &path, &[("content-type", kind)], "hi")
            .await;
        assert_eq!(answer.status, 201, "{kind}");
    }
}

/// A client that declares the wrong type gets the right one in the detail.
#[tokio::test]
async fn a_body_of_another_type_gets_the_header_to_send() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let (json_body, form) = (
        r#"{"name":"Alice","message":"hi"}"#,
        "name=Alice&message=hi",
    );
    for (kind, body, code, header) in [
        (
            "application/x-www-form-urlencoded",
            json_body,
            "invalid_form",
            "application/json",
        ),
        (
            "application/json",
            form,
            "invalid_json",
            "application/x-www-form-urlencoded",
        ),
        (
            "application/x-www-form-urlencoded",
            "just a text",
            "invalid_form",
            "text/plain",
        ),
        // Without a name in the query it is not meant as text.
        ("text/plain", json_body, "invalid_name", "application/json"),
        (
            "text/plain",
            form,
            "invalid_name",
            "application/x-www-form-urlencoded",
        ),
    ] {
        let refused = server
            .request("POST", PATH, &[("content-type", kind)], body)
            .await;
        assert_refused(&refused, 400, code);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(header), "{kind} {body}: {detail}");
        witness.saw_nothing(kind).await;
    }
}

#[tokio::test]
async fn a_text_may_have_as_many_bytes_as_a_message() {
    let server = TestServer::start();
    let text = "\u{e9}".repeat(2048);
    let answer = post(
        &server,
        &format!("?name={}", percent("字")),
        format!("{text}\r\n \n"),
    )
    .await;
    assert_eq!(
        (answer.status, &answer.json()["message"]),
        (201, &json!(text))
    );
    let crlf = format!("{}x", "\r\n".repeat(4095));
    let answer = post(&server, "?name=Alice", crlf).await;
    assert_eq!(answer.json()["message"].as_str().map(str::len), Some(4096));
}
