//! Members that type: a state of presence, and of nothing else.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};
use sse_chat::config::Rate;

use super::limits::{HI, behind_a_proxy, of};
use super::support::{EventReader, Http, Response, TestServer};

const TYPING: &str = "/rooms/lobby/typing?name=Alice";

async fn types(server: &TestServer, method: &str, path: &str) {
    let answer = server.request(method, path, &[], "").await;
    assert_eq!((answer.status, &*answer.body), (204, &b""[..]), "{path}");
}

/// The next event in which others type than `before`.
async fn next(reader: &mut EventReader, before: &Value) -> Value {
    loop {
        let event = reader.find("presence").await;
        let typing = event.data.get("typing").cloned().unwrap_or(json!([]));
        if typing != *before {
            assert!(event.data["count"].is_u64());
            return typing;
        }
    }
}

async fn others_see_that_a_member_types(http: Http) {
    let server = http.start();
    let mut watcher = server.events("/rooms/lobby/events?presence=1").await;
    let mut alice = server.events("/rooms/lobby/events?name=Alice").await;
    let hello = alice.expect("hello").await;
    let (none, some) = (json!([]), json!(["Alice"]));
    // By a request, and by a message.
    types(&server, "POST", TYPING).await;
    assert_eq!(next(&mut watcher, &none).await, some);
    let typing = next(&mut alice, &none).await;
    types(&server, "DELETE", TYPING).await;
    assert_eq!(next(&mut watcher, &typing).await, none);
    types(&server, "POST", TYPING).await;
    assert_eq!(next(&mut watcher, &none).await, some);
    let mut late = server.events("/rooms/lobby/events?presence=1").await;
    assert_eq!(next(&mut late, &none).await, some);
    let published = server.publish("lobby", "hi").await;
    assert_eq!(published["number"], 1);
    assert_eq!(next(&mut watcher, &some).await, none);
    assert_eq!(next(&mut late, &some).await, none);
    // Nothing of it has an id.
    let epoch = hello.id.strip_suffix("-0").unwrap();
    assert_eq!(published["id"], format!("{epoch}-1"));
    let page = server.get("/rooms/lobby/messages").await.json();
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(1));
}

over_each! {
    others_see_that_a_member_types
}

#[tokio::test]
async fn a_change_of_those_who_type_is_the_bytes_of_the_protocol() {
    let server = TestServer::start();
    let mut alice = server.events("/rooms/lobby/events?name=Alice").await;
    alice.find("presence").await;
    types(&server, "POST", TYPING).await;
    next(&mut alice, &json!([])).await;
    types(&server, "DELETE", TYPING).await;
    next(&mut alice, &json!(["Alice"])).await;
    let text = String::from_utf8(alice.text.clone()).unwrap();
    let event = |typing| {
        format!(
            "event: presence\ndata: {{\"room\":\"lobby\",\"count\":1,\"joined\":[],\"left\":[],\"typing\":{typing}}}\n\n"
        )
    };
    assert!(text.ends_with(&event("[]")), "{text}");
    // The first one may come together with the member's own join.
    assert!(text.contains("\"typing\":[\"Alice\"]}\n\n"), "{text}");
}

#[tokio::test]
async fn a_name_that_is_no_member_types_nowhere() {
    let server = TestServer::start();
    for method in ["POST", "DELETE"] {
        types(&server, method, TYPING).await;
        let request = async |path| server.request(method, path, &[], "").await;
        for (path, code) in [
            ("/rooms/lobby/typing", "invalid_name"),
            ("/rooms/lobby/typing?name=", "invalid_name"),
            ("/rooms/lobby/typing?name=%00", "invalid_name"),
            ("/rooms/lobby/typing?name=a&name=a", "invalid_query"),
            ("/rooms/lobby/typing?name=%FF", "invalid_query"),
            ("/rooms/../typing?name=a", "invalid_room"),
        ] {
            request(path).await.assert_problem(400, code);
        }
    }
    assert_eq!(server.app().hub.room_count(), 0, "no room was created");
    let get = server.get(TYPING).await;
    get.assert_problem(405, "method_not_allowed");
    assert_eq!(get.header("allow"), Some("POST, DELETE, OPTIONS"));
    let foreign = [("origin", "http://elsewhere.example")];
    let answer = server.request("POST", TYPING, &foreign, "").await;
    answer.assert_problem(403, "cross_origin");
}

#[tokio::test]
async fn a_room_with_more_members_than_the_limit_shows_none_who_types() {
    let server = TestServer::start_with(|config| config.limits.max_typing_members = 1);
    let mut alice = server.events("/rooms/lobby/events?name=Alice").await;
    alice.find("presence").await;
    let bob = server.events("/rooms/lobby/events?name=Bob").await;
    types(&server, "POST", TYPING).await;
    drop(bob);
    // Bob's leave is later than an event about typing would be.
    let left = loop {
        let event = alice.find("presence").await.data;
        assert_eq!(event.get("typing"), None);
        if event["left"] != json!([]) {
            break event;
        }
    };
    assert_eq!(left["count"], 1);
    types(&server, "POST", TYPING).await;
    assert_eq!(next(&mut alice, &json!([])).await, json!(["Alice"]));
}

#[tokio::test]
async fn typing_spends_the_rate_of_requests_and_not_that_of_messages() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        let hourly = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        let limits = &mut config.limits;
        (limits.request_rate, limits.request_burst) = (hourly, NonZeroU32::new(2).unwrap());
        // The first message of a room costs more.
        (limits.publish_rate, limits.publish_burst) = (hourly, NonZeroU32::new(11).unwrap());
    });
    let from = async |method, path, body| -> Response {
        server.request(method, path, &of("192.0.2.1"), body).await
    };
    assert_eq!(from("POST", TYPING, "").await.status, 204);
    assert_eq!(from("DELETE", TYPING, "").await.status, 204);
    for method in ["POST", "DELETE"] {
        let refused = from(method, TYPING, "").await;
        refused.assert_problem(429, "rate_limited");
    }
    let published = from("POST", "/rooms/lobby/messages", HI).await;
    assert_eq!(published.status, 201);
}
