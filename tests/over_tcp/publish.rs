//! Publishing by every endpoint and format, and delivery of the same message.

use std::sync::Arc;

use serde_json::{Value, json};

use super::support::{Http, Response, TestServer};
use super::witness::{Witness, as_shown, seq};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const SUCCESS: &str = r#"{"code":0,"msg":"success"}"#;
const FAIL: &str = r#"{"code":-1,"msg":"fail"}"#;

fn with_id(text: &str, client_id: &str) -> Value {
    json!({"name": "Alice", "message": text, "client_id": client_id})
}

/// Checks that a message has these fields and no others.
fn assert_fields(message: &Value, expected: &[&str]) {
    let mut fields: Vec<_> = message.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, expected, "{message}");
}

// 1
async fn a_message_is_answered_and_delivered_once(http: Http) {
    let server = http.start();
    let mut reader = server.events("/rooms/lobby/events").await;
    let hello = reader.expect("hello").await;
    let answer = server
        .post("lobby", &json!({"name": "Alice", "message": "hi"}))
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (201, Some("application/json"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let published = answer.json();
    assert_fields(
        &published,
        &["created_at", "id", "message", "name", "number", "room"],
    );
    assert_eq!(
        (
            &published["room"],
            &published["name"],
            &published["message"]
        ),
        (&json!("lobby"), &json!("Alice"), &json!("hi"))
    );
    assert_eq!(published["number"], hello.data["rooms"][0]["next"]);
    assert_eq!(published["id"], format!("{}-1", server.app().hub.epoch()));
    let update = reader.expect("update").await;
    assert_eq!(
        (&update.data, update.id.as_str()),
        (&published, published["id"].as_str().unwrap())
    );
    let next = server.publish("lobby", "next").await;
    assert_eq!(reader.expect("update").await.data, next);
}

async fn a_form_publishes_the_same_as_json(http: Http) {
    let server = http.start();
    let mut witness = Witness::of(&server, "lobby").await;
    for form in [
        "name=Ame%CC%81lie+B&message=1+%2B+1%0A%26&client_id=c-1",
        "client_id=c-2&message=1%20%2B%201%0D%0A%26&name=+Am%C3%A9lie%20%20B",
    ] {
        let answer = server
            .request("POST", "/rooms/lobby/messages", &[FORM], form)
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let published = answer.json();
        assert_eq!(
            (published["name"].as_str(), published["message"].as_str()),
            (Some("Am\u{e9}lie B"), Some("1 + 1\n&"))
        );
        assert_fields(
            &published,
            &[
                "client_id",
                "created_at",
                "id",
                "message",
                "name",
                "number",
                "room",
            ],
        );
        witness.received(&published).await;
    }
}

async fn ids_rise_over_all_rooms_and_numbers_in_each(http: Http) {
    let server = http.start();
    let mut expected = std::collections::HashMap::new();
    for (index, room) in ["a", "b", "a", "a", "c", "b"].into_iter().enumerate() {
        let published = server.publish(room, "hi").await;
        let number = expected.entry(room).or_insert(0_u64);
        *number += 1;
        assert_eq!(
            (seq(&published), published["number"].as_u64()),
            (index as u64 + 1, Some(*number)),
            "{published}"
        );
    }
}

async fn a_message_has_its_time_of_arrival(http: Http) {
    let server = http.start();
    let before = jiff::Timestamp::now();
    let published = server.publish("lobby", "hi").await;
    let text = published["created_at"].as_str().unwrap();
    assert!(
        text.len() == "2026-01-02T03:04:05.678Z".len() && text.ends_with('Z'),
        "{text}"
    );
    let at: jiff::Timestamp = text.parse().unwrap();
    // It is in milliseconds, so up to one is cut off.
    let earliest = before.as_millisecond();
    assert!(
        (earliest..=jiff::Timestamp::now().as_millisecond()).contains(&at.as_millisecond()),
        "{text}"
    );
}

// 33, 34, 35, 36
async fn a_text_is_delivered_unchanged(http: Http) {
    let server = http.start();
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    let (family, zalgo) = (
        "\u{1F468}\u{200d}\u{1F469}\u{200d}\u{1F466}".repeat(200),
        format!("a{}", "\u{301}".repeat(1000)),
    );
    for text in [
        "0",
        "false",
        "null",
        " leading",
        "\ttab",
        ": colon",
        "data: x",
        "id: 1",
        "retry: 1",
        "a\nb",
        "a\n\nb",
        "\na",
        "a\n\nevent: close\ndata: y\n\nid: z",
        "a\u{2028}b\u{2029}c",
        "a\u{85}b",
        "\u{feff}a",
        "\u{202e}abc",
        "\"\\/\u{7f}",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "&lt;&amp;",
        "{{default-room}}",
        "\u{1F600}",
        "\u{10FFFF}\u{FFFE}",
        &family,
        &zalgo,
    ] {
        let published = server.publish("lobby", text).await;
        assert_eq!(published["message"], text);
        let update = reader.expect("update").await;
        assert_eq!(update.data, published);
        assert_eq!(
            update.id,
            published["id"].as_str().unwrap(),
            "no text forges a field"
        );
    }
}

// 33
async fn line_ends_become_line_feeds_and_white_space_at_the_end_goes(http: Http) {
    let server = http.start();
    let mut witness = Witness::of(&server, "lobby").await;
    for (sent, text) in [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\r\n\r\nevent: x\r\ndata: y", "a\n\nevent: x\ndata: y"),
        ("a\n\r\n \t\u{3000}", "a"),
    ] {
        let published = server.publish("lobby", sent).await;
        assert_eq!(published["message"], text);
        witness.received(&published).await;
    }
}

async fn a_message_that_is_sent_again_is_published_once(http: Http) {
    let server = http.start();
    let mut witness = Witness::of(&server, "lobby").await;
    let first = server.post("lobby", &with_id("first", "c1")).await;
    assert_eq!(
        (first.status, first.json()["client_id"].as_str()),
        (201, Some("c1"))
    );
    witness.received(&first.json()).await;
    let again = server.post("lobby", &with_id("first\r\n", "c1")).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("content-type"), Some("application/json"));
    let form = "client_id=c1&message=first+&name=+Alice";
    let again = server
        .request("POST", "/rooms/lobby/messages", &[FORM], form)
        .await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    // An invalid retry is still invalid.
    server
        .post("lobby", &with_id(" ", "c1"))
        .await
        .assert_problem(400, "invalid_message");
    // Only the same id in the same room is a retry.
    for (room, client_id) in [("lobby", "C1"), ("lobby", "c1_"), ("other", "c1")] {
        let other = server.post(room, &with_id("x", client_id)).await;
        assert_eq!(other.status, 201, "{room} {client_id}");
        assert_ne!(other.json()["id"], first.json()["id"]);
    }
    let page = server.get("/rooms/lobby/messages").await.json();
    assert_eq!(page["messages"].as_array().unwrap().len(), 4, "{page}");
}

async fn a_reused_client_id_is_refused_and_loses_no_message(http: Http) {
    let server = http.start();
    let mut witness = Witness::of(&server, "lobby").await;
    let first = server.post("lobby", &with_id("first", "1")).await;
    assert_eq!(first.status, 201);
    witness.received(&first.json()).await;
    for other in [
        json!({"name": "Alice", "message": "another", "client_id": "1"}),
        json!({"name": "Bob", "message": "first", "client_id": "1"}),
        json!({"name": "Bob", "message": "another", "client_id": "1"}),
    ] {
        let refused = server.post("lobby", &other).await;
        refused.assert_problem(422, "client_id_reused");
        let text = String::from_utf8_lossy(&refused.body);
        assert!(!text.contains("Alice") && !text.contains("first"), "{text}");
        witness.saw_nothing(&other.to_string()).await;
    }
    let send = "/send.php?name=Bob&message=x&client_id=1";
    assert_eq!(server.get(send).await.text(), FAIL);
    witness.saw_nothing(send).await;
    // The retry of the first is still one.
    let again = server.post("lobby", &with_id("first", "1")).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    witness.saw_nothing("a retry").await;
}

async fn only_the_sender_gets_the_client_id(http: Http) {
    let server = http.start();
    let mut live = server.events("/rooms/lobby/events").await;
    live.expect("hello").await;
    let answer = server.post("lobby", &with_id("hi", "my-id")).await;
    assert_eq!(answer.json()["client_id"], "my-id");
    let published = as_shown(&answer.json());
    assert_eq!(live.expect("update").await.data, published);
    for path in [
        "/rooms/lobby/events?backlog=1",
        "/events?room=lobby&backlog=all",
        "/sse.php",
    ] {
        let mut reader = server.events(path).await;
        reader.expect("hello").await;
        assert_eq!(reader.expect("update").await.data, published, "{path}");
    }
    let page = server.get("/rooms/lobby/messages").await;
    assert_eq!(page.json()["messages"], json!([published]));
    // A repeated request is answered with it as well.
    let again = server.post("lobby", &with_id("hi", "my-id")).await;
    assert_eq!((again.status, again.body), (200, answer.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_sent_sixteen_times_at_once_is_published_once() {
    let server = Arc::new(TestServer::start());
    for round in 0..10 {
        let client_id = format!("round-{round}");
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (server, body) = (Arc::clone(&server), with_id("same", &client_id));
                tokio::spawn(async move { server.post("lobby", &body).await })
            })
            .collect();
        let mut answers: Vec<Response> = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        let published = answers.iter().filter(|answer| answer.status == 201).count();
        let repeated = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((published, repeated), (1, 15));
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!(answers[0].json()["number"], round + 1);
    }
}

async fn a_message_that_left_history_can_be_published_again(http: Http) {
    let server = http.start_with(|config| config.history = 1);
    let first = server.post("lobby", &with_id("one", "c1")).await;
    assert_eq!(
        server.post("lobby", &with_id("one", "c1")).await.status,
        200
    );
    server.publish("lobby", "two").await;
    let again = server.post("lobby", &with_id("one", "c1")).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(again.json()["number"], 3);
}

async fn send_php_publishes_in_the_default_room(http: Http) {
    let server = http.start_with(|config| config.default_room = "hall".to_owned());
    let mut witness = Witness::of(&server, "hall").await;
    let query = "/send.php?name=Alice&message=This_is+%C3%A9";
    let json = [("content-type", "application/json")];
    for (method, path, headers, body) in [
        ("GET", query, &[][..], ""),
        ("GET", &format!("{query}&_=1234"), &[], ""),
        ("POST", query, &[], ""),
        (
            "POST",
            "/send.php",
            &[FORM],
            "name=Alice&message=This_is+%C3%A9",
        ),
        (
            "POST",
            "/send.php?name=Alice",
            &[FORM],
            "message=This_is+%C3%A9",
        ),
        (
            "POST",
            "/send.php",
            &json,
            r#"{"name":"Alice","message":"This_is é"}"#,
        ),
    ] {
        let answer = server.request(method, path, headers, body).await;
        assert_eq!(
            (answer.status, &*answer.text()),
            (200, SUCCESS),
            "{method} {path}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let page = server.get("/rooms/hall/messages?limit=1").await.json();
        let published = &page["messages"][0];
        assert_eq!(
            (published["name"].as_str(), published["message"].as_str()),
            (Some("Alice"), Some("This_is \u{e9}"))
        );
        witness.received(published).await;
    }
}

// 2: GET publishes here, as in the original demo; HEAD does not.
async fn send_php_reports_errors_in_its_body(http: Http) {
    let server = http.start();
    let mut witness = Witness::of(&server, "lobby").await;
    let long = format!("/send.php?name=Alice&message={}", "x".repeat(4097));
    for (method, path, headers, body) in [
        ("GET", "/send.php", &[][..], ""),
        ("POST", "/send.php", &[], ""),
        ("GET", "/send.php?name=Alice", &[], ""),
        ("GET", "/send.php?message=hi", &[], ""),
        ("GET", "/send.php?name=&message=hi", &[], ""),
        ("GET", "/send.php?name=Alice&message=", &[], ""),
        ("GET", "/send.php?name=Alice&message=%FF", &[], ""),
        ("GET", "/send.php?name=Alice&name=Bob&message=hi", &[], ""),
        ("GET", "/send.php?name=%E2%80%AEa&message=hi", &[], ""),
        ("GET", "/send.php?name=Alice&message=%00", &[], ""),
        (
            "GET",
            "/send.php?name=Alice&message=hi&client_id=a+b",
            &[],
            "",
        ),
        ("GET", &long, &[], ""),
        ("POST", "/send.php", &[FORM], "name=Alice&nick=A&message=hi"),
        (
            "POST",
            "/send.php",
            &[("content-type", "text/plain")],
            "name=Alice&message=hi",
        ),
        (
            "POST",
            "/send.php",
            &[("content-type", "application/json")],
            "[]",
        ),
    ] {
        let answer = server.request(method, path, headers, body).await;
        assert_eq!(
            (answer.status, &*answer.text()),
            (200, FAIL),
            "{method} {path}"
        );
        witness.saw_nothing(path).await;
    }
    let head = server
        .request("HEAD", "/send.php?name=Alice&message=hi", &[], "")
        .await;
    assert_eq!((head.status, &*head.body), (200, &b""[..]));
    witness.saw_nothing("HEAD").await;
}

async fn sse_php_replays_all_history_and_goes_live(http: Http) {
    let server = http.start_with(|config| config.default_room = "hall".to_owned());
    let mut published = Vec::new();
    for number in 1..=600 {
        published.push(server.publish("hall", &number.to_string()).await);
    }
    server.publish("other", "elsewhere").await;
    let mut reader = server.events("/sse.php").await;
    let hello = reader.expect("hello").await;
    assert_eq!(hello.data["rooms"][0]["room"], "hall");
    for message in &published {
        assert_eq!(&reader.expect("update").await.data, message);
    }
    let live = server.publish("hall", "live").await;
    assert_eq!(reader.expect("update").await.data, live);
    // A reader that resumes gets only what it missed.
    let cursor = published[598]["id"].as_str().unwrap();
    let mut returning = server
        .events_with("/sse.php", &[("last-event-id", cursor)])
        .await;
    returning.expect("hello").await;
    assert_eq!(returning.messages(2).await, ["600", "live"]);
}

over_transports! {
    a_message_is_answered_and_delivered_once
    a_form_publishes_the_same_as_json
    ids_rise_over_all_rooms_and_numbers_in_each
    a_message_has_its_time_of_arrival
    a_text_is_delivered_unchanged
    line_ends_become_line_feeds_and_white_space_at_the_end_goes
    a_message_that_is_sent_again_is_published_once
    a_reused_client_id_is_refused_and_loses_no_message
    only_the_sender_gets_the_client_id
    a_message_that_left_history_can_be_published_again
    send_php_publishes_in_the_default_room
    send_php_reports_errors_in_its_body
    sse_php_replays_all_history_and_goes_live
}
