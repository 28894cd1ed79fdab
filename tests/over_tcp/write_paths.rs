//! The paths that publish events and change messages: their methods, preflights,
//! and pages of other origins.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use sse_chat::config::{Origin, Rate};

use super::entries::{KEY, OTHER_KEY, assert_no_content, open_server, path_of, reaction_path};
use super::refused::assert_refused;
use super::support::{Http, TestServer};
use super::witness::{Witness, assert_nosniff};

const EVENTS: &str = "/rooms/lobby/events";
const APP: &str = "https://app.example";

/// Each writing path with its `Allow`.
fn paths(message: &serde_json::Value) -> [(String, &'static str); 3] {
    [
        (EVENTS.to_owned(), "GET, HEAD, POST, OPTIONS"),
        (path_of(message), "PATCH, DELETE, OPTIONS"),
        (
            reaction_path(message, "👍") + "?name=Ada",
            "PUT, DELETE, OPTIONS",
        ),
    ]
}

#[tokio::test]
async fn each_path_takes_the_methods_of_its_allow() {
    let server = open_server(Http::V1_1);
    let message = server.publish_own("lobby", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    for (path, allow) in paths(&message) {
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO", "put",
        ] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let headers = [("content-type", "application/json"), ("edit-key", KEY)];
            let refused = server
                .request(method, &path, &headers, r#"{"message":"x"}"#)
                .await;
            assert_eq!(refused.header("allow"), Some(allow), "{method} {path}");
            match method {
                "HEAD" => assert_eq!((refused.status, refused.body.len()), (405, 0)),
                _ => assert_refused(&refused, 405, "method_not_allowed"),
            }
            witness.saw_nothing(&path).await;
        }
        let options = server.request("OPTIONS", &path, &[], "").await;
        assert_no_content(&options);
        assert_nosniff(&options);
        assert_eq!(options.header("allow"), Some(allow));
    }
    for path in [
        "/rooms/lobby/events/",
        "/rooms/lobby/messages/e-1/",
        "/rooms/lobby/messages/e-1/reactions",
        "/rooms/lobby/messages/e-1/reactions/a/b",
        "/rooms/lobby/messages/e-1/x",
        "/events/x",
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let refused = server.request(method, path, &[("edit-key", KEY)], "").await;
            assert_refused(&refused, 404, "not_found");
        }
    }
    witness.saw_nothing("other paths").await;
}

/// Requests that write, with what they need.
fn writes(message: &serde_json::Value) -> [(&'static str, String, &'static str); 5] {
    let [(events, _), (own, _), (reaction, _)] = paths(message);
    [
        ("POST", events, r#"{"message":"x"}"#),
        ("PATCH", own.clone(), r#"{"message":"x"}"#),
        ("PUT", reaction.clone(), ""),
        ("DELETE", reaction, ""),
        ("DELETE", own, ""),
    ]
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let server = TestServer::start_with(|config| {
        config.open_events = true;
        config.access.allowed_origins = vec![Origin::parse(APP).unwrap()];
        config.access.any_origin_reads = true;
    });
    let message = server.publish_own("lobby", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    for origin in [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", "http://a:81")],
        vec![("referer", "https://evil.example/")],
    ] {
        for (method, path, body) in writes(&message) {
            let headers = [("content-type", "application/json"), ("edit-key", KEY)];
            let headers = [&headers[..], &origin].concat();
            let refused = server.request(method, &path, &headers, body).await;
            refused.assert_problem(403, "cross_origin");
            witness.saw_nothing(&format!("{method} {origin:?}")).await;
        }
    }
    // A page of an allowed origin may, and reads the answer.
    for (method, path, body) in writes(&message) {
        let headers = [
            ("content-type", "application/json"),
            ("edit-key", KEY),
            ("origin", APP),
        ];
        let answer = server.request(method, &path, &headers, body).await;
        assert!(matches!(answer.status, 200..=204), "{method} {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    }
    assert_eq!(server.page("lobby").await[0]["deleted"], true);
}

#[tokio::test]
async fn a_preflight_permits_the_methods_and_headers_of_a_path() {
    let server = TestServer::start_with(|config| {
        config.access.allowed_origins = vec![Origin::parse(APP).unwrap()];
    });
    let message = json!({"room": "lobby", "id": "e-1"});
    for (path, allow) in paths(&message) {
        let headers = [
            ("origin", APP),
            ("access-control-request-method", "DELETE"),
            ("access-control-request-headers", "authorization,edit-key"),
        ];
        let preflight = server.request("OPTIONS", &path, &headers, "").await;
        assert_no_content(&preflight);
        assert_eq!(
            preflight.header("access-control-allow-methods"),
            Some(allow)
        );
        assert_eq!(preflight.header("access-control-allow-origin"), Some(APP));
        let permitted = preflight.header("access-control-allow-headers").unwrap();
        for header in ["authorization", "edit-key", "content-type", "last-event-id"] {
            assert!(
                permitted.split(", ").any(|name| name == header),
                "{permitted}"
            );
        }
        let other = [("origin", "https://evil.example"), headers[1], headers[2]];
        let preflight = server.request("OPTIONS", &path, &other, "").await;
        assert_eq!(preflight.header("access-control-allow-origin"), None);
        assert_eq!(preflight.header("access-control-allow-methods"), None);
        assert_eq!(preflight.header("access-control-allow-headers"), None);
    }
}

#[tokio::test]
async fn changes_and_events_spend_the_rate_of_publishing_also_with_a_wrong_key() {
    let server = TestServer::start_with(|config| {
        config.open_events = true;
        config.limits.limit_loopback = true;
        config.limits.publish_burst = NonZeroU32::new(18).unwrap();
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
    });
    // The first message of a room costs eleven.
    let message = server.publish_own("lobby", "hi").await;
    assert_eq!(server.edit(&message, KEY, "ho").await.status, 200);
    assert_eq!(server.edit(&message, OTHER_KEY, "no").await.status, 403);
    assert_eq!(server.delete(&message, "short").await.status, 400);
    assert_no_content(&server.react(&message, "👍", "Ada", KEY).await);
    assert_eq!(server.react(&message, "x", "Ada", KEY).await.status, 400);
    server.publish_event("lobby", "tick", "").await;
    let text = server.request("POST", EVENTS, &[], "no type").await;
    assert_eq!(text.status, 415);
    for answer in [
        server.edit(&message, KEY, "hi").await,
        server.delete(&message, KEY).await,
        server.react(&message, "🎉", "Ada", KEY).await,
        server.take_back(&message, "👍", KEY).await,
        server.post_event("lobby", "", "text/plain", "").await,
    ] {
        answer.assert_problem(429, "rate_limited");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(server.page("lobby").await[0]["message"], "ho");
}

#[tokio::test]
async fn a_draining_server_takes_no_events_and_no_changes() {
    let server = open_server(Http::V1_1);
    let message = server.publish_own("lobby", "hi").await;
    let mut halves = Vec::new();
    for (method, path, body) in writes(&message) {
        let mut connection = super::connection::Connection::to(&server).await;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: a\r\nedit-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (start, rest) = request.split_at(9);
        connection.send(start).await;
        halves.push((connection, rest.to_owned()));
    }
    super::witness::alive(&server).await;
    super::witness::alive(&server).await;
    server.begin_stop();
    let mut asked = Vec::new();
    for (mut connection, rest) in halves {
        connection.send(rest).await;
        asked.push(connection);
    }
    for mut connection in asked {
        assert_refused(&connection.answer().await, 503, "draining");
    }
}
