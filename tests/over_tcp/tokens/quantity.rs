//! Requests with invalid tokens spend the rates of their address, before the token is
//! looked at; pages of other origins are refused before both.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use sse_chat::config::{Origin, Rate};

use super::{ACCEPT_STREAM, JSON, OTHER_SECRET, bearer, server_with, token_by};
use crate::support::TestServer;

const ID: &str = "/rooms/lobby/messages/e-7";
const BODY: &str = r#"{"name":"Ada","message":"hi"}"#;

fn hourly() -> Option<Rate> {
    Some(Rate {
        count: NonZeroU32::MIN,
        per: Duration::from_secs(3600),
    })
}

/// A server that takes two requests of each kind.
fn slow_server() -> TestServer {
    server_with(|config| {
        let limits = &mut config.limits;
        let two = NonZeroU32::new(2).unwrap();
        limits.limit_loopback = true;
        (limits.request_rate, limits.request_burst) = (hourly(), two);
        (limits.publish_rate, limits.publish_burst) = (hourly(), two);
        (limits.stream_rate, limits.stream_burst) = (hourly(), two);
        config.list_rooms = true;
    })
}

fn invalid() -> String {
    bearer(&token_by(OTHER_SECRET, json!({"rooms": {"write": ["*"]}})))
}

#[tokio::test]
async fn requests_with_invalid_tokens_spend_the_rates_of_their_address() {
    let bearer = invalid();
    for (method, path) in [
        ("GET", "/rooms/lobby/messages"),
        ("GET", "/rooms/lobby/members"),
        ("GET", "/rooms/lobby/bans"),
        ("GET", "/rooms"),
        ("POST", "/rooms/lobby/typing?name=Ada"),
        ("POST", "/tickets"),
        ("POST", "/session"),
        ("POST", "/rooms/lobby/messages"),
        ("POST", "/rooms/lobby/events"),
        ("PATCH", ID),
        ("DELETE", ID),
        ("PUT", "/rooms/lobby/messages/e-7/reactions/x"),
    ] {
        let server = slow_server();
        let fields = [("authorization", &*bearer), JSON];
        for _ in 0..2 {
            let answer = server.request(method, path, &fields, BODY).await;
            answer.assert_problem(401, "token_invalid");
        }
        let answer = server.request(method, path, &fields, BODY).await;
        answer.assert_problem(429, "rate_limited");
        assert!(answer.header("retry-after").is_some());
    }
    let server = slow_server();
    let fields = [("authorization", &*bearer)];
    for _ in 0..3 {
        let sent = server
            .request("GET", "/send.php?name=a&message=b", &fields, "")
            .await;
        assert_eq!(sent.json()["code"], -1);
    }
    let answer = server
        .request("POST", "/rooms/lobby/messages", &[JSON], BODY)
        .await;
    answer.assert_problem(429, "rate_limited");
}

#[tokio::test]
async fn streams_with_invalid_tokens_spend_the_rate_of_streams() {
    let bearer = invalid();
    for path in ["/rooms/lobby/events", "/events?room=lobby", "/sse.php"] {
        let server = slow_server();
        let fields = [("authorization", &*bearer), ACCEPT_STREAM];
        for expected in ["close", "close", "busy", "busy"] {
            let mut reader = server.events_with(path, &fields).await;
            reader.expect(expected).await;
        }
        // A wrong ticket is one more guess.
        let mut reader = server
            .events_with("/rooms/lobby/events?ticket=x", &[])
            .await;
        reader.expect("busy").await;
        // HEAD is a request; over its rate it is answered as a stream that is busy.
        for status in [401, 401, 200] {
            let head = server.request("HEAD", path, &fields[..1], "").await;
            assert_eq!(head.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn a_refused_stream_is_counted_by_its_code() {
    let server = crate::scrape::start_with(|config| {
        config.tokens.keys = vec![super::file("key", super::SECRET)];
    });
    let fields = [ACCEPT_STREAM];
    server
        .events_with("/rooms/a/events", &fields)
        .await
        .expect("close")
        .await;
    let scrape = crate::scrape::ask(&server, "GET /metrics").await.text();
    let line = r#"sse_chat_refusals_total{code="token_required"} 1"#;
    assert!(scrape.contains(line), "{scrape}");
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_before_its_token_is_looked_at() {
    let server = slow_server();
    let bearers = [invalid(), bearer(&super::writer())];
    for bearer in &bearers {
        for (method, path) in [
            ("GET", "/rooms/lobby/messages"),
            ("POST", "/rooms/lobby/messages"),
            ("GET", "/rooms/lobby/members"),
            ("GET", "/rooms"),
            ("POST", "/tickets"),
            ("POST", "/session"),
            ("DELETE", "/session"),
            ("PATCH", ID),
            ("DELETE", ID),
            ("POST", "/rooms/lobby/events"),
            ("GET", "/rooms/lobby/events"),
            ("GET", "/events?room=lobby"),
            ("GET", "/events?room=lobby&ticket=x"),
            ("GET", "/sse.php"),
        ] {
            for foreign in [
                ("origin", "https://elsewhere.example"),
                ("sec-fetch-site", "cross-site"),
            ] {
                let fields = [foreign, ("authorization", &**bearer), ACCEPT_STREAM, JSON];
                let answer = server.request(method, path, &fields, BODY).await;
                answer.assert_problem(403, "cross_origin");
                assert!(answer.header("www-authenticate").is_none());
            }
        }
    }
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_allows_the_headers_of_tokens() {
    let origin = "https://app.example";
    let server = server_with(|config| {
        config.access.allowed_origins = vec![Origin::parse(origin).unwrap()];
    });
    let ask = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    for path in [
        "/rooms/lobby/messages",
        "/rooms/lobby/events",
        ID,
        "/tickets",
        "/session",
    ] {
        let answer = server.request("OPTIONS", path, &ask, "").await;
        assert_eq!(answer.status, 204, "{path}");
        let allowed = answer.header("access-control-allow-headers").unwrap();
        for name in ["authorization", "edit-key", "content-type", "last-event-id"] {
            assert!(
                allowed.split(", ").any(|allowed| allowed == name),
                "{allowed}"
            );
        }
    }
    // The allowed page reads why it was refused.
    let answer = server
        .request("GET", "/rooms/lobby/messages", &[("origin", origin)], "")
        .await;
    answer.assert_problem(401, "token_required");
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
}

#[tokio::test]
async fn a_star_of_origins_permits_neither_writing_nor_a_name_with_a_token() {
    let server = server_with(|config| {
        config.access.any_origin_reads = true;
    });
    let bearer = bearer(&super::writer());
    let fields = [
        ("origin", "https://elsewhere.example"),
        ("authorization", &*bearer),
        JSON,
    ];
    let read = server
        .request("GET", "/rooms/lobby/messages", &fields, "")
        .await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("access-control-allow-origin"), Some("*"));
    assert!(read.header("access-control-allow-credentials").is_none());
    for (method, path) in [
        ("POST", "/rooms/lobby/messages"),
        ("POST", "/tickets"),
        ("POST", "/session"),
        ("GET", "/rooms/lobby/events?name=Ada"),
    ] {
        let answer = server.request(method, path, &fields, BODY).await;
        answer.assert_problem(403, "cross_origin");
    }
    let _ = server.request("GET", "/healthz", &[], "").await;
    let preflight = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "POST"),
    ];
    let answer = server.request("OPTIONS", "/session", &preflight, "").await;
    assert_ne!(
        answer.header("access-control-allow-methods"),
        Some("POST, DELETE, OPTIONS")
    );
}
