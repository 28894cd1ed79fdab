//! Requests that a page of another origin makes a visitor's browser send: they
//! open no stream, read no room, and take or count nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use sse_chat::config::{Origin, Rate};

use super::support::TestServer;

const MESSAGES: &str = "/rooms/lobby/messages";
const EVENTS: &str = "/rooms/lobby/events";

/// Requests that a page of another origin can make a browser send.
const FOREIGN: [&[(&str, &str)]; 7] = [
    // <img src>, fetch with no-cors.
    &[
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
    ],
    &[("sec-fetch-site", "same-site"), ("origin", "http://a:81")],
    // A link, and the same in a frame.
    &[
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-user", "?1"),
    ],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    // <img src> in a browser without Sec-Fetch-Site.
    &[("referer", "https://evil.example/page")],
    // <link rel=prefetch> on another site.
    &[
        ("sec-fetch-site", "cross-site"),
        ("sec-purpose", "prefetch"),
    ],
];

#[tokio::test]
async fn a_page_of_another_origin_opens_no_stream_and_takes_nothing() {
    let server = TestServer::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.stream_burst = NonZeroU32::MIN;
        config.limits.stream_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
    });
    for fields in FOREIGN {
        for path in [
            "/rooms/lobby/events?name=Mallory",
            EVENTS,
            "/events?room=lobby&room=other&name=Mallory",
            "/sse.php?name=Mallory",
        ] {
            let answer = server.request("GET", path, fields, "").await;
            answer.assert_problem(403, "cross_origin");
            let head = server.request("HEAD", path, fields, "").await;
            assert_eq!(head.status, 403, "{path} {fields:?}");
        }
    }
    let ahead = [
        ("sec-fetch-site", "same-origin"),
        ("sec-purpose", "prefetch"),
    ];
    let answer = server.request("GET", EVENTS, &ahead, "").await;
    answer.assert_problem(403, "cross_origin");
    assert_eq!(server.app().hub.room_count(), 0);
    // The one stream of this hour is still available, for a typed address.
    let typed = [
        ("sec-fetch-site", "none"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let mut reader = server.events_with(EVENTS, &typed).await;
    reader.expect("hello").await;
    let members = server.get("/rooms/lobby/members").await.json();
    assert_eq!(members["count"], 0);
}

#[tokio::test]
async fn a_page_of_another_origin_reads_no_room_but_may_link_to_the_chat() {
    let server = TestServer::start_with(|config| config.list_rooms = true);
    for fields in FOREIGN {
        for path in [MESSAGES, "/rooms/lobby/members", "/rooms"] {
            let answer = server.request("GET", path, fields, "").await;
            answer.assert_problem(403, "cross_origin");
            let head = server.request("HEAD", path, fields, "").await;
            assert_eq!(head.status, 403, "{path} {fields:?}");
        }
        for path in ["/", "/r/lobby", "/healthz", "/assets/chat.css"] {
            let answer = server.request("GET", path, fields, "").await;
            assert_eq!(answer.status, 200, "{path} {fields:?}");
        }
    }
}

#[tokio::test]
async fn a_star_lets_every_page_read_and_none_join_under_a_name() {
    let server = TestServer::start_with(|config| {
        config.access.allowed_origins = vec![Origin::parse("https://app.example").unwrap()];
        config.access.any_origin_reads = true;
    });
    let from = |origin: &'static str| [("origin", origin), ("sec-fetch-site", "cross-site")];
    let other = from("https://other.example");
    let mut reader = server.events_with(EVENTS, &other).await;
    reader.expect("hello").await;
    for path in ["/rooms/lobby/events?name=Mallory", "/sse.php?name="] {
        let answer = server.request("GET", path, &other, "").await;
        answer.assert_problem(403, "cross_origin");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    let path = "/rooms/lobby/events?name=Alice";
    let mut named = server.events_with(path, &from("https://app.example")).await;
    named.expect("hello").await;
    let members = server
        .request("GET", "/rooms/lobby/members", &other, "")
        .await;
    assert_eq!(members.json()["members"][0]["name"], "Alice");
}
