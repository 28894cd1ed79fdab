//! Edits and deletions of messages: the answers, what streams and history show,
//! who may, and what is refused.

use serde_json::{Value, json};

use super::entries::{KEY, OTHER_KEY, all_at_once, assert_no_content, open_server, path_of};
use super::refused::assert_refused;
use super::support::{Http, TestServer};
use super::witness::{Witness, assert_nosniff, seq};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn a_change_is_the_bytes_of_the_protocol(http: Http) {
    let server = open_server(http);
    let body = json!({"name": "Alice", "message": "hi", "reply_to": "e-1", "edit_key": KEY, "client_id": "CLIENT"});
    let first = server.post("lobby", &body).await.json();
    let event = server.publish_event("lobby", "tick", "secret").await;
    let mut streams = Vec::new();
    for path in [
        "/rooms/lobby/events",
        "/sse.php?backlog=0",
        "/events?room=lobby",
    ] {
        let mut stream = server.events(path).await;
        stream.expect("hello").await;
        streams.push(stream);
    }
    let edited = server.edit(&first, KEY, "ho\r\nho").await;
    assert_eq!(edited.status, 200);
    assert_nosniff(&edited);
    assert_eq!(edited.header("content-type"), Some("application/json"));
    let message = edited.text();
    let id = first["id"].as_str().unwrap();
    let at = |field: &str| edited.json()[field].as_str().unwrap().to_owned();
    let (created_at, edited_at) = (at("created_at"), at("edited_at"));
    assert_eq!(json!(created_at), first["created_at"]);
    assert!(edited_at >= created_at && edited_at.len() == 24);
    assert_eq!(
        message,
        format!(
            r#"{{"id":"{id}","room":"lobby","number":1,"name":"Alice","message":"ho\nho","created_at":"{created_at}","reply_to":"e-1","edited_at":"{edited_at}"}}"#
        )
    );
    // A reader that is not live yet would get only the last change of a message.
    for stream in &mut streams {
        stream.expect_change().await;
    }
    server.moderate(&event);
    assert_no_content(&server.delete(&first, KEY).await);
    let epoch = server.app().hub.epoch();
    let bytes = format!(
        "\n\nid: {epoch}-3\nevent: change\ndata: {message}\n\n\
         id: {epoch}-4\nevent: change\ndata: {{\"id\":\"{epoch}-2\",\"room\":\"lobby\",\"deleted\":true}}\n\n\
         id: {epoch}-5\nevent: change\ndata: {{\"id\":\"{epoch}-1\",\"room\":\"lobby\",\"number\":1,\"deleted\":true}}\n\n"
    );
    for mut stream in streams {
        for _ in 0..2 {
            stream.expect_change().await;
        }
        let text = String::from_utf8(stream.text.clone()).unwrap();
        assert!(text.ends_with(&bytes), "{text}");
        assert!(!text.contains("CLIENT") && !text.contains(KEY));
    }
}

async fn a_message_is_replayed_in_its_present_state(http: Http) {
    let server = http.start();
    let edited = server.publish_own("lobby", "a").await;
    let deleted = server.publish_own("lobby", "b").await;
    let plain = server.publish_own("lobby", "c").await;
    let state = server.edit(&edited, KEY, "A").await.json();
    assert_no_content(&server.delete(&deleted, KEY).await);
    let tombstone = json!({"id": deleted["id"], "room": "lobby", "number": 2, "deleted": true});
    let epoch = server.app().hub.epoch();
    let id = |seq: u64| format!("{epoch}-{seq}");
    // Its own place, and the change of each.
    let all = [
        (id(1), "update", &state),
        (id(2), "change", &tombstone),
        (id(3), "update", &plain),
        (id(4), "change", &state),
        (id(5), "change", &tombstone),
    ];
    for (query, from) in [
        ("?backlog=all".to_owned(), 0),
        (format!("?last_event_id={}", id(0)), 0),
        (format!("?last_event_id={}", id(1)), 1),
        // Between a message and its change.
        (format!("?last_event_id={}", id(3)), 3),
        (format!("?last_event_id={}", id(4)), 4),
        (format!("?last_event_id={}", id(5)), 5),
    ] {
        let mut reader = server.events(&format!("/rooms/lobby/events{query}")).await;
        let hello = reader.expect("hello").await;
        let room = &hello.data["rooms"][0];
        assert_eq!(
            (&room["oldest"], &room["newest"], &room["next"]),
            (&json!(id(1)), &json!(id(3)), &json!(4)),
            "the messages count, not the changes"
        );
        for (id, name, data) in &all[from..] {
            let event = reader.take(1).await.remove(0);
            assert_eq!(
                (&event.id, &*event.event, &event.data),
                (id, *name, *data),
                "{query}"
            );
        }
    }
    let page = server.get("/rooms/lobby/messages").await.json();
    assert_eq!(page["messages"], json!([state, tombstone, plain]));
    assert_eq!(
        (&page["oldest"], &page["newest"]),
        (&json!(id(1)), &json!(id(3)))
    );
}

async fn a_later_change_replaces_the_earlier_one(http: Http) {
    let server = http.start();
    let message = server.publish_own("lobby", "1").await;
    let mut live = server.events("/rooms/lobby/events").await;
    live.expect("hello").await;
    for text in ["2", "3", "4"] {
        server.edit(&message, KEY, text).await;
        assert_eq!(live.expect_change().await["message"], text);
    }
    let epoch = server.app().hub.epoch();
    server.publish("lobby", "the end").await;
    // Also for a reader that knows an earlier change, and has lost nothing.
    for cursor in 1..=3 {
        let path = format!("/rooms/lobby/events?last_event_id={epoch}-{cursor}");
        let mut reader = server.events(&path).await;
        reader.expect("hello").await;
        let change = reader.take(1).await.remove(0);
        assert_eq!(
            (&*change.event, &*change.id),
            ("change", &*format!("{epoch}-4"))
        );
        assert_eq!(change.data["message"], "4");
        assert_eq!(reader.messages(1).await, ["the end"]);
    }
}

async fn a_change_of_a_message_that_was_never_received_is_delivered(http: Http) {
    let server = http.start_with(|config| config.history = 3);
    let old = server.publish_own("lobby", "old").await;
    server.publish_own("lobby", "2").await;
    server.edit(&old, KEY, "OLD").await;
    server.publish_own("lobby", "3").await;
    // History holds the change, and no longer the message.
    let page = server.page("lobby").await;
    assert_eq!(page.len(), 2);
    let epoch = server.app().hub.epoch();
    let mut reader = server
        .events(&format!("/rooms/lobby/events?last_event_id={epoch}-0"))
        .await;
    reader.expect("hello").await;
    let gap = reader.expect("gap").await;
    assert_eq!(
        (&gap.data["lost"], &gap.data["next"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(reader.expect("update").await.data["message"], "2");
    let change = reader.expect_change().await;
    assert_eq!(
        (&change["id"], &change["message"], &change["number"]),
        (&old["id"], &json!("OLD"), &json!(1))
    );
    assert_eq!(reader.expect("update").await.data["message"], "3");
    // What only a change holds can be changed as well.
    let again = server.edit(&old, KEY, "OLDER").await;
    assert_eq!(
        (again.status, &again.json()["message"]),
        (200, &json!("OLDER"))
    );
    assert_eq!(reader.expect_change().await["message"], "OLDER");
    assert_no_content(&server.delete(&old, KEY).await);
    assert_eq!(reader.expect_change().await["deleted"], true);
    assert_no_content(&server.delete(&old, KEY).await);
    assert_refused(&server.edit(&old, KEY, "no").await, 404, "not_found");
}

async fn losing_only_changes_is_a_gap_of_none(http: Http) {
    let server = http.start_with(|config| config.history = 3);
    let one = server.publish_own("lobby", "1").await;
    let two = server.publish_own("lobby", "2").await;
    server.edit(&one, KEY, "1!").await;
    server.edit(&two, KEY, "2!").await;
    for text in ["3", "4", "5"] {
        server.publish_own("lobby", text).await;
    }
    let epoch = server.app().hub.epoch();
    for (cursor, lost) in [(1, 1), (2, 0), (3, 0)] {
        let path = format!("/rooms/lobby/events?last_event_id={epoch}-{cursor}");
        let mut reader = server.events(&path).await;
        reader.expect("hello").await;
        let gap = reader.expect("gap").await;
        assert_eq!(gap.id, format!("{epoch}-4"), "the last entry lost");
        assert_eq!(
            gap.data,
            json!({"room": "lobby", "reason": "evicted", "lost": lost, "next": 3})
        );
        assert_eq!(reader.messages(3).await, ["3", "4", "5"]);
    }
}

async fn two_edits_at_once_are_both_answered_and_the_last_wins_everywhere(http: Http) {
    let server = http.start();
    let message = server.publish_own("lobby", "0").await;
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    let edit = |number: u32| {
        let body = json!({"message": number.to_string()}).to_string();
        let (path, length) = (path_of(&message), body.len());
        format!(
            "PATCH {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nedit-key: {KEY}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let edits: Vec<String> = (1..=20).map(edit).collect();
    let answers = all_at_once(&server, &edits).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let (mut last, mut newest) = (Value::Null, 1);
    // A later change may replace an earlier one before it is delivered.
    while newest < 21 {
        let change = reader.take(1).await.remove(0);
        let seq = seq(&json!({"id": change.id}));
        assert!(seq > newest, "ids increase");
        newest = seq;
        last = change.data;
    }
    assert_eq!(server.page("lobby").await, [last.clone()]);
    let mut late = server.events("/rooms/lobby/events?backlog=all").await;
    late.expect("hello").await;
    assert_eq!(late.expect("update").await.data, last);
    assert_eq!(late.expect_change().await, last);
}

over_each! {
    a_change_is_the_bytes_of_the_protocol
    a_message_is_replayed_in_its_present_state
    a_later_change_replaces_the_earlier_one
    a_change_of_a_message_that_was_never_received_is_delivered
    losing_only_changes_is_a_gap_of_none
    two_edits_at_once_are_both_answered_and_the_last_wins_everywhere
}

#[tokio::test]
async fn no_change_publishes_nothing() {
    let server = TestServer::start();
    let message = server.publish_own("other", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    let same = server.edit(&message, KEY, "hi \r\n").await;
    assert_eq!((same.status, same.json()), (200, message.clone()));
    witness.saw_nothing("the same text").await;
    let edited = server.edit(&message, KEY, "ho").await.json();
    let same = server.edit(&message, KEY, "ho").await;
    assert_eq!((same.status, same.json()), (200, edited));
    assert_no_content(&server.delete(&message, KEY).await);
    let mut reader = server.events("/rooms/other/events?backlog=all").await;
    reader.expect("hello").await;
    for _ in 0..3 {
        assert_no_content(&server.delete(&message, KEY).await);
    }
    server.publish("other", "the next").await;
    let names = reader.take(3).await.into_iter().map(|event| event.event);
    assert!(names.eq(["change", "change", "update"]), "one deletion");
}

#[tokio::test]
async fn only_its_author_changes_a_message() {
    let server = TestServer::start();
    let own = server.publish_own("lobby", "hi").await;
    let keyless = server.publish("lobby", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    for message in [&own, &keyless] {
        for headers in [vec![JSON], vec![JSON, ("edit-key", OTHER_KEY)]] {
            let body = r#"{"message":"ho"}"#;
            let path = path_of(message);
            let edit = server.request("PATCH", &path, &headers, body).await;
            assert_refused(&edit, 403, "forbidden");
            let deletion = server.request("DELETE", &path, &headers, "").await;
            assert_refused(&deletion, 403, "forbidden");
            let detail = deletion.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("Edit-Key"), "{detail}");
            witness.saw_nothing("somebody else").await;
        }
    }
    assert_refused(&server.edit(&keyless, KEY, "ho").await, 403, "forbidden");
    // A key of one room is one of all rooms.
    let elsewhere = server.publish_own("other", "hi").await;
    assert_eq!(server.edit(&elsewhere, KEY, "ho").await.status, 200);
    // Under another name, too: the key is the author.
    let body = json!({"name": "Bob", "message": "hi", "edit_key": KEY});
    let bob_s = server.post("other", &body).await.json();
    assert_eq!(server.edit(&bob_s, KEY, "ho").await.json()["name"], "Bob");
}

#[tokio::test]
async fn an_edit_key_is_one_header_of_16_to_64_plain_characters() {
    let server = TestServer::start();
    let message = server.publish_own("lobby", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    let long = "x".repeat(65);
    for key in [
        "",
        "short",
        "0123456789abcde",
        "0123456789abcde!",
        "alice 0123456789",
        "0123456789abcdé",
        &long,
    ] {
        for method in ["PATCH", "DELETE"] {
            let headers = [JSON, ("edit-key", key)];
            let body = r#"{"message":"ho"}"#;
            let refused = server
                .request(method, &path_of(&message), &headers, body)
                .await;
            assert_refused(&refused, 400, "invalid_edit_key");
        }
        let body = json!({"name": "Alice", "message": "hi", "edit_key": key});
        assert_refused(&server.post("lobby", &body).await, 400, "invalid_edit_key");
        witness.saw_nothing(key).await;
    }
    for keys in [[KEY, KEY], [KEY, OTHER_KEY], ["", KEY]] {
        let headers = [("edit-key", keys[0]), ("edit-key", keys[1])];
        let refused = server
            .request("DELETE", &path_of(&message), &headers, "")
            .await;
        assert_refused(&refused, 400, "invalid_edit_key");
        witness.saw_nothing("two keys").await;
    }
}

#[tokio::test]
async fn only_a_held_message_that_is_not_deleted_is_edited() {
    let server = TestServer::start_with(|config| {
        config.open_events = true;
        config.history = 3;
    });
    let evicted = server.publish_own("lobby", "evicted").await;
    let deleted = server.publish_own("lobby", "deleted").await;
    assert_no_content(&server.delete(&deleted, KEY).await);
    let event = server.publish_event("lobby", "tick", "").await;
    // A change has no changes, and is no message.
    let epoch = server.app().hub.epoch();
    let id = |id: &str| json!({"room": "lobby", "id": id});
    let elsewhere = json!({"room": "other", "id": event["id"]});
    let oldest = &server.page("lobby").await[0]["id"];
    assert_eq!(*oldest, deleted["id"], "the first was just evicted");
    for (message, deletion) in [
        (&evicted, 404),
        (&deleted, 204),
        (&event, 403),
        (&elsewhere, 404),
        (&id(&format!("{epoch}-3")), 404),
        (&id(&format!("{epoch}-0")), 404),
        (&id(&format!("{epoch}-99")), 404),
        (&id("e-4"), 404),
        (&id("x"), 404),
        (&id("%FF"), 404),
        (&id(&format!("{epoch}-02")), 404),
        (&id(&"9".repeat(100)), 404),
    ] {
        assert_refused(&server.edit(message, KEY, "ho").await, 404, "not_found");
        let answer = server.delete(message, KEY).await;
        assert_eq!(answer.status, deletion, "{message} {answer:?}");
    }
    let newest = &server.page("lobby").await[1]["id"];
    assert_eq!(*newest, event["id"], "nothing was published");
    assert_eq!(server.app().hub.room_count(), 1, "no room was made");
    let bad_room = json!({"room": "a%20b", "id": "e-1"});
    assert_refused(
        &server.edit(&bad_room, KEY, "ho").await,
        400,
        "invalid_room",
    );
}

#[tokio::test]
async fn an_edit_has_one_valid_message_and_nothing_else() {
    let server = TestServer::start();
    let message = server.publish_own("other", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    let long = json!({"message": "x".repeat(4097)}).to_string();
    let (form, text) = ("application/x-www-form-urlencoded", "text/plain");
    let huge = " ".repeat(28_673);
    for (kind, body, status, code) in [
        (JSON.1, "", 400, "invalid_json"),
        (JSON.1, "{", 400, "invalid_json"),
        (JSON.1, "[\"x\"]", 400, "invalid_json"),
        (JSON.1, "\"x\"", 400, "invalid_json"),
        (JSON.1, "message=x", 400, "invalid_json"),
        (JSON.1, r#"{"message":1}"#, 400, "invalid_json"),
        (
            JSON.1,
            r#"{"message":"x","message":"y"}"#,
            400,
            "invalid_json",
        ),
        (JSON.1, r#"{"message":"x","number":1}"#, 400, "invalid_json"),
        (
            JSON.1,
            r#"{"message":"x","name":"Bob"}"#,
            400,
            "invalid_json",
        ),
        (
            JSON.1,
            r#"{"message":"x","client_id":"c"}"#,
            400,
            "invalid_json",
        ),
        (
            JSON.1,
            r#"{"message":"x","reply_to":"e-1"}"#,
            400,
            "invalid_json",
        ),
        (
            JSON.1,
            r#"{"message":"x","edit_key":"0123456789abcdef"}"#,
            400,
            "invalid_json",
        ),
        (JSON.1, "{}", 400, "invalid_message"),
        (JSON.1, r#"{"message":null}"#, 400, "invalid_message"),
        (JSON.1, r#"{"message":""}"#, 400, "invalid_message"),
        (JSON.1, r#"{"message":" \r\n"}"#, 400, "invalid_message"),
        (JSON.1, r#"{"message":"a\u0000"}"#, 400, "invalid_message"),
        (JSON.1, r#"{"message":"\u200b"}"#, 400, "invalid_message"),
        (JSON.1, &long, 413, "message_too_large"),
        (JSON.1, &huge, 413, "body_too_large"),
        (form, "", 400, "invalid_message"),
        (form, "message=", 400, "invalid_message"),
        (form, "message=x&name=Bob", 400, "invalid_form"),
        (form, "message=x&message=y", 400, "invalid_form"),
        (form, "text=x", 400, "invalid_form"),
        (form, r#"{"message":"x"}"#, 400, "invalid_form"),
        (text, "", 400, "invalid_message"),
        (text, "a\0b", 400, "invalid_message"),
        ("text/html", "x", 415, "unsupported_media_type"),
        (
            "application/merge-patch+json",
            r#"{"message":"x"}"#,
            415,
            "unsupported_media_type",
        ),
        (
            "application/json; charset=latin1",
            r#"{"message":"x"}"#,
            415,
            "unsupported_media_type",
        ),
        ("", "x", 415, "unsupported_media_type"),
    ] {
        let headers = [("content-type", kind), ("edit-key", KEY)];
        let refused = server
            .request("PATCH", &path_of(&message), &headers, body)
            .await;
        assert_refused(&refused, status, code);
        witness.saw_nothing(body).await;
    }
    let headers = [JSON, ("edit-key", KEY), ("content-encoding", "gzip")];
    let body = r#"{"message":"x"}"#;
    let refused = server
        .request("PATCH", &path_of(&message), &headers, body)
        .await;
    assert_refused(&refused, 415, "unsupported_media_type");
    assert_eq!(server.page("other").await, std::slice::from_ref(&message));
    for (kind, body, shown) in [
        (form, "message=a+b%26", "a b&"),
        (text, "{\"message\":\"x\"}\r\n", "{\"message\":\"x\"}"),
        (JSON.1, r#"{"message":"0"}"#, "0"),
    ] {
        let headers = [("content-type", kind), ("edit-key", KEY)];
        let edited = server
            .request("PATCH", &path_of(&message), &headers, body)
            .await;
        assert_eq!(
            (edited.status, &edited.json()["message"]),
            (200, &json!(shown))
        );
    }
}

#[tokio::test]
async fn a_repeated_client_id_gets_the_present_state() {
    let server = TestServer::start();
    let body = json!({"name": "Alice", "message": "hi", "client_id": "CLIENT", "edit_key": KEY});
    let first = server.post("lobby", &body).await.json();
    assert_eq!(first["client_id"], "CLIENT");
    let mut edited = server.edit(&first, KEY, "ho").await.json();
    assert_eq!(edited.get("client_id"), None);
    edited["client_id"] = json!("CLIENT");
    let again = server.post("lobby", &body).await;
    assert_eq!((again.status, again.json()), (200, edited.clone()));
    let mut other = body.clone();
    other["message"] = json!("ho");
    server
        .post("lobby", &other)
        .await
        .assert_problem(422, "client_id_reused");
    assert_no_content(&server.delete(&first, KEY).await);
    let again = server.post("lobby", &body).await;
    let tombstone = json!({"id": first["id"], "room": "lobby", "number": 1, "deleted": true});
    let mut answered = again.json();
    answered.as_object_mut().unwrap().remove("client_id");
    assert_eq!((again.status, answered), (200, tombstone.clone()));
    server
        .post("lobby", &other)
        .await
        .assert_problem(422, "client_id_reused");
    assert_eq!(server.page("lobby").await, [tombstone]);
    let next = server.publish("lobby", "the next").await;
    assert_eq!((seq(&next), &next["number"]), (4, &json!(2)));
}

#[tokio::test]
async fn a_repeated_client_id_of_a_deleted_event_gets_what_is_left() {
    let server = open_server(Http::V1_1);
    let query = "?event=news&client_id=CLIENT";
    let first = server
        .post_event("lobby", query, "text/plain", "hi")
        .await
        .json();
    server.moderate(&first);
    let again = server.post_event("lobby", query, "text/plain", "hi").await;
    let tombstone = json!({"id": first["id"], "room": "lobby", "deleted": true});
    assert_eq!((again.status, again.json()), (200, tombstone.clone()));
    assert_eq!(server.page("lobby").await, [tombstone]);
    let other = server.post_event("lobby", query, "text/plain", "ho").await;
    other.assert_problem(422, "client_id_reused");
}

#[tokio::test]
async fn deletion_leaves_no_trace_of_the_text() {
    let server = TestServer::start();
    let body = json!({"name": "Zebra", "message": "hippo", "edit_key": KEY});
    let message = server.post("lobby", &body).await.json();
    server.react(&message, "🎉", "Quokka", OTHER_KEY).await;
    server.edit(&message, KEY, "rhino").await;
    assert_no_content(&server.delete(&message, KEY).await);
    let page = server.get("/rooms/lobby/messages").await.text();
    let mut reader = server.events("/rooms/lobby/events?backlog=all").await;
    reader.take(3).await;
    let stream = String::from_utf8(reader.text.clone()).unwrap();
    for word in ["Zebra", "hippo", "rhino", "Quokka", "🎉", "created_at"] {
        assert!(!page.contains(word) && !stream.contains(word), "{word}");
    }
}

#[tokio::test]
async fn the_budget_of_history_counts_events_and_changes() {
    let server = TestServer::start_with(|config| {
        config.open_events = true;
        config.history_budget = 1 << 20;
        config.history_bytes = 512 << 10;
    });
    let payload = "x".repeat(64 << 10);
    for room in ["a", "b", "c", "d"] {
        for _ in 0..8 {
            server.publish_event(room, "big", &payload).await;
        }
    }
    let messages = {
        let mut messages = Vec::new();
        for number in 0..50 {
            messages.push(server.publish_own("small", &number.to_string()).await);
        }
        messages
    };
    let large = "y".repeat(4096);
    for message in &messages {
        assert_eq!(server.edit(message, KEY, &large).await.status, 200);
    }
    let totals = server.app().hub.totals();
    assert!(totals.history_bytes <= 1 << 20, "{totals:?}");
    assert!(totals.history_bytes > 512 << 10, "{totals:?}");
    let held = server.page("a").await.len();
    assert!(held < 8, "both forms of an event count: {held} are held");
}
