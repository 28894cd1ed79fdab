//! Events of programs: the answer, both forms on streams, their order among
//! messages, backlog, history, and deduplication.

use serde_json::{Value, json};

use super::entries::{KEY, open_server, percent};
use super::support::{Http, TestServer};
use super::witness::{Witness, assert_nosniff, seq};

const ROOM: &str = "/rooms/lobby/events";
const ROOMS: &str = "/events?room=lobby";

async fn events_are_the_bytes_of_the_protocol(http: Http) {
    let server = open_server(http);
    let mut raw = server.events(ROOM).await;
    let mut demo = server.events("/sse.php").await;
    let mut as_json = server.events(ROOMS).await;
    for reader in [&mut raw, &mut demo, &mut as_json] {
        reader.expect("hello").await;
    }
    let receipt = server
        .post_event("lobby", "?event=news", "text/html", "<b>\n\n\"1\"</b>\n")
        .await;
    assert_eq!(receipt.status, 201);
    let id = receipt.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        receipt.text(),
        format!(r#"{{"id":"{id}","room":"lobby","event":"news"}}"#)
    );
    server.publish("lobby", "the last").await;
    let at = server.page("lobby").await[0]["created_at"].clone();
    let at = at.as_str().unwrap();
    let text =
        format!("\n\nid: {id}\nevent: news\ndata: <b>\ndata: \ndata: \"1\"</b>\ndata: \n\nid: ");
    for reader in [&mut raw, &mut demo] {
        reader.find("update").await;
        let received = String::from_utf8(reader.text.clone()).unwrap();
        assert!(received.contains(&text), "{received}");
    }
    as_json.find("update").await;
    let received = String::from_utf8(as_json.text.clone()).unwrap();
    let text = format!(
        "\n\nid: {id}\nevent: news\ndata: {{\"id\":\"{id}\",\"room\":\"lobby\",\"event\":\"news\",\"data\":\"<b>\\n\\n\\\"1\\\"</b>\\n\",\"created_at\":\"{at}\"}}\n\nid: "
    );
    assert!(received.contains(&text), "{received}");
}

async fn an_event_is_called_message_unless_it_has_a_name(http: Http) {
    let server = open_server(http);
    let mut raw = server.events(ROOM).await;
    let mut as_json = server.events(ROOMS).await;
    for query in ["", "?event=message"] {
        let receipt = server.post_event("lobby", query, "text/plain", "hi").await;
        assert_eq!(receipt.json()["event"], "message", "{query}");
    }
    server.publish("lobby", "the last").await;
    for reader in [&mut raw, &mut as_json] {
        reader.find("update").await;
        let received = String::from_utf8(reader.text.clone()).unwrap();
        assert!(!received.contains("event: message"), "{received}");
    }
    let received = String::from_utf8(raw.text.clone()).unwrap();
    let epoch = server.app().hub.epoch();
    let both = format!("\n\nid: {epoch}-1\ndata: hi\n\nid: {epoch}-2\ndata: hi\n\nid: {epoch}-3\n");
    assert!(received.contains(&both), "{received}");
}

async fn events_and_messages_come_in_id_order_and_events_have_no_number(http: Http) {
    let server = open_server(http);
    let mut live = server.events("/events?room=a&room=b").await;
    live.expect("hello").await;
    let mut published = Vec::new();
    for number in 0..20 {
        let room = ["a", "b"][number / 2 % 2];
        published.push(match number % 2 {
            0 => server.publish(room, &number.to_string()).await,
            _ => {
                server
                    .publish_event(room, "tick", &number.to_string())
                    .await
            }
        });
    }
    let mut replayed = server.events("/events?room=a&room=b&backlog=all").await;
    let hello = replayed.expect("hello").await;
    assert_eq!(hello.data["rooms"][0]["next"], 6);
    assert_eq!(hello.data["rooms"][0]["oldest"], published[0]["id"]);
    assert_eq!(hello.data["rooms"][1]["newest"], published[19]["id"]);
    for reader in [&mut live, &mut replayed] {
        let mut next = json!({"a": 1, "b": 1});
        for (index, event) in reader.take(20).await.into_iter().enumerate() {
            assert_eq!(event.id, published[index]["id"].as_str().unwrap());
            assert_eq!(event.data["room"], published[index]["room"]);
            if event.event == "tick" {
                assert_eq!(event.data["number"], Value::Null);
                assert_eq!(event.data["data"], index.to_string());
                continue;
            }
            let room = event.data["room"].as_str().unwrap().to_owned();
            assert_eq!(event.data["number"], next[&room], "no hole");
            next[&room] = (next[&room].as_u64().unwrap() + 1).into();
        }
    }
}

async fn a_backlog_counts_messages_and_events(http: Http) {
    let all = [
        ("update", "FIRST"),
        ("update", "SECOND"),
        ("tick", ""),
        // Changes after the first one come along, whatever they are of.
        ("change", "FIRST"),
        ("change", "SECOND"),
        ("update", "fourth"),
    ];
    for (backlog, expected) in [
        ("0", &all[6..]),
        ("1", &all[5..]),
        ("2", &all[2..]),
        ("3", &all[1..]),
        ("4", &all),
        ("500", &all),
        ("all", &all),
    ] {
        let server = open_server(http);
        let first = server.publish_own("lobby", "first").await;
        let second = server.publish_own("lobby", "second").await;
        server.publish_event("lobby", "tick", "third").await;
        assert_eq!(server.edit(&first, KEY, "FIRST").await.status, 200);
        assert_eq!(server.edit(&second, KEY, "SECOND").await.status, 200);
        server.publish("lobby", "fourth").await;
        let mut reader = server.events(&format!("{ROOM}?backlog={backlog}")).await;
        reader.expect("hello").await;
        server.publish_event("lobby", "end", "").await;
        for (name, text) in expected {
            let event = reader.take(1).await.remove(0);
            let shown = event.data["message"].as_str().unwrap_or_default();
            assert_eq!((&*event.event, shown), (*name, *text), "{backlog}");
        }
        let end = reader.take(1).await.remove(0);
        assert_eq!(end.event, "end", "{backlog}");
    }
}

async fn a_reader_resumes_between_an_event_and_a_message(http: Http) {
    let server = open_server(http);
    let one = server.publish_event("lobby", "tick", "1").await;
    let two = server.publish("lobby", "2").await;
    let three = server.publish_event("lobby", "tick", "3").await;
    for (cursor, rest) in [(&one, vec![&two, &three]), (&two, vec![&three])] {
        for path in [ROOM.to_owned() + "?", ROOMS.to_owned() + "&"] {
            let cursor = cursor["id"].as_str().unwrap();
            let mut reader = server
                .events(&format!("{path}last_event_id={cursor}"))
                .await;
            assert_eq!(reader.expect("hello").await.id, cursor);
            for event in &rest {
                let received = reader.take(1).await.remove(0);
                assert_eq!(received.id, event["id"].as_str().unwrap());
            }
        }
    }
}

async fn a_gap_counts_messages_and_events(http: Http) {
    let server = http.start_with(|config| {
        config.open_events = true;
        config.history = 2;
    });
    let first = server.publish("lobby", "1").await;
    for name in ["a", "b", "c"] {
        server.publish_event("lobby", name, "").await;
    }
    server.publish("lobby", "2").await;
    server.publish("lobby", "3").await;
    let cursor = first["id"].as_str().unwrap();
    let mut reader = server
        .events(&format!("{ROOM}?last_event_id={cursor}"))
        .await;
    reader.expect("hello").await;
    let gap = reader.expect("gap").await;
    assert_eq!(
        gap.data,
        json!({"room": "lobby", "reason": "evicted", "lost": 3, "next": 2})
    );
    assert_eq!(reader.messages(2).await, ["2", "3"]);
}

over_each! {
    events_are_the_bytes_of_the_protocol
    an_event_is_called_message_unless_it_has_a_name
    events_and_messages_come_in_id_order_and_events_have_no_number
    a_backlog_counts_messages_and_events
    a_reader_resumes_between_an_event_and_a_message
    a_gap_counts_messages_and_events
}

fn server() -> TestServer {
    open_server(Http::V1_1)
}

#[tokio::test]
async fn a_page_of_history_has_messages_and_events() {
    let server = server();
    let mut published = Vec::new();
    for number in 1..=3 {
        published.push(server.publish("lobby", &format!("m{number}")).await);
        published.push(server.publish_event("lobby", "tick", "{\n").await);
    }
    let response = server.get("/rooms/lobby/messages").await;
    assert_nosniff(&response);
    let page = response.json();
    assert_eq!(
        (&page["oldest"], &page["newest"]),
        (&published[0]["id"], &published[5]["id"])
    );
    let entries = page["messages"].as_array().unwrap();
    assert_eq!(entries[0], published[0]);
    let event = &entries[1];
    assert_eq!(
        *event,
        json!({"id": published[1]["id"], "room": "lobby", "event": "tick", "data": "{\n", "created_at": event["created_at"]})
    );
    let at = event["created_at"].as_str().unwrap();
    assert!(
        at.parse::<jiff::Timestamp>().is_ok() && at.len() == 24,
        "{at}"
    );
    let id = |index: usize| published[index]["id"].as_str().unwrap();
    for (query, expected) in [
        ("limit=1".to_owned(), 5..6),
        (format!("before={}&limit=2", id(4)), 2..4),
        (format!("before={}", id(1)), 0..1),
        (format!("after={}&limit=2", id(1)), 2..4),
        (format!("after={}", id(4)), 5..6),
        (format!("after={}&before={}", id(1), id(3)), 2..3),
    ] {
        let page = server
            .get(&format!("/rooms/lobby/messages?{query}"))
            .await
            .json();
        let ids = |entries: &[Value]| -> Vec<Value> {
            entries.iter().map(|entry| entry["id"].clone()).collect()
        };
        let found = ids(page["messages"].as_array().unwrap());
        assert_eq!(found, ids(&published[expected]), "{query}");
        assert_eq!(page["newest"], published[5]["id"]);
    }
}

#[tokio::test]
async fn the_list_of_rooms_counts_events() {
    let server = TestServer::start_with(|config| {
        config.open_events = true;
        config.list_rooms = true;
    });
    server.publish("lobby", "hi").await;
    let event = server.publish_event("lobby", "tick", "").await;
    assert_eq!(
        server.get("/rooms").await.json()["rooms"],
        json!([{"room": "lobby", "members": 0, "messages": 2, "newest": event["id"]}])
    );
}

#[tokio::test]
async fn a_repeated_client_id_publishes_one_event() {
    let server = server();
    let query = "?event=news&client_id=CLIENT";
    let first = server
        .post_event("other", query, "text/plain", "a\r\nb")
        .await;
    assert_eq!(first.status, 201);
    assert!(!first.text().contains("CLIENT"), "{first:?}");
    // The same payload after normalization. The type is not part of an event.
    for (kind, payload) in [("text/plain", "a\r\nb"), ("text/html", "a\nb")] {
        let again = server.post_event("other", query, kind, payload).await;
        assert_eq!((again.status, again.json()), (200, first.json()));
    }
    assert_eq!(server.page("other").await.len(), 1);
    let published = server.publish("lobby", "the next").await;
    assert_eq!(seq(&published), seq(&first.json()) + 1);
    // Another room is another history.
    let elsewhere = server
        .post_event("lobby", query, "text/plain", "a\nb")
        .await;
    assert_eq!(elsewhere.status, 201);
}

#[tokio::test]
async fn a_client_id_of_another_request_is_refused() {
    let server = server();
    let message = |fields: Value| {
        let mut body = json!({"name": "Alice", "message": "hi", "client_id": "m"});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        body
    };
    let plain = message(json!({}));
    let full = message(json!({"client_id": "f", "reply_to": "e-1", "edit_key": KEY}));
    let first = server.post("lobby", &plain).await.json();
    assert_eq!(server.post("lobby", &full).await.status, 201);
    let event = "?event=news&client_id=e";
    assert_eq!(
        server
            .post_event("lobby", event, "text/plain", "hi")
            .await
            .status,
        201
    );
    let mut witness = Witness::of(&server, "lobby").await;
    for (body, same) in [
        (message(json!({"name": "Bob"})), false),
        (message(json!({"message": "ho"})), false),
        (message(json!({"reply_to": "e-1"})), false),
        (message(json!({"reply_to": first["id"]})), false),
        (message(json!({"edit_key": KEY})), false),
        (message(json!({"message": " hi"})), false),
        (
            message(json!({"message": "hi \r\n", "name": " Alice "})),
            true,
        ),
        (message(json!({"client_id": "f"})), false),
        (message(json!({"client_id": "f", "edit_key": KEY})), false),
        (message(json!({"client_id": "f", "reply_to": "e-1"})), false),
        (
            message(json!({"client_id": "f", "reply_to": "e-2", "edit_key": KEY})),
            false,
        ),
        (
            message(json!({"client_id": "f", "reply_to": "e-1", "edit_key": "alice-012345678_"})),
            false,
        ),
        (full.clone(), true),
        // The event's.
        (message(json!({"client_id": "e"})), false),
    ] {
        let response = server.post("lobby", &body).await;
        match same {
            true => assert_eq!(response.status, 200, "{body} {response:?}"),
            false => response.assert_problem(422, "client_id_reused"),
        }
        witness.saw_nothing(&body.to_string()).await;
    }
    for (query, payload, status) in [
        ("?event=news&client_id=e", "ho", 422),
        ("?event=new&client_id=e", "hi", 422),
        ("?client_id=e", "hi", 422),
        ("?event=news&client_id=e", "hi\n", 422),
        ("?event=news&client_id=e", "hi", 200),
        // The message's.
        ("?event=news&client_id=m", "hi", 422),
        ("?client_id=m", "hi", 422),
    ] {
        let response = server
            .post_event("lobby", query, "text/plain", payload)
            .await;
        assert_eq!(response.status, status, "{query} {payload}");
        if status == 422 {
            response.assert_problem(422, "client_id_reused");
        }
        witness.saw_nothing(query).await;
    }
}

#[tokio::test]
async fn an_event_name_is_1_to_64_characters_and_not_reserved() {
    let server = server();
    let mut witness = Witness::of(&server, "lobby").await;
    let long = "x".repeat(65);
    let own = [
        "hello", "update", "change", "gap", "presence", "ping", "busy", "stale", "fresh",
        "expiring", "bye", "close", "error", "open", "chat.", "chat.x",
    ];
    let malformed = [
        "",
        " ",
        "a b",
        "a\n",
        "a\r\nid: 7",
        "é",
        "a/b",
        "\0",
        "a,b",
        &long,
    ];
    for name in own.into_iter().chain(malformed) {
        let query = format!("?event={}", percent(name));
        let response = server.post_event("lobby", &query, "text/plain", "hi").await;
        response.assert_problem(400, "invalid_event");
        witness.saw_nothing(name).await;
    }
    for query in [
        "?event=%FF",
        "?event=a&event=a",
        "?client_id=a&client_id=a",
        "?client_id=%FF",
    ] {
        let response = server.post_event("lobby", query, "text/plain", "hi").await;
        response.assert_problem(400, "invalid_query");
        witness.saw_nothing(query).await;
    }
    for client_id in ["", "a b", "a.b", &"x".repeat(65)] {
        let query = format!("?client_id={}", percent(client_id));
        let response = server.post_event("lobby", &query, "text/plain", "hi").await;
        response.assert_problem(400, "invalid_client_id");
        witness.saw_nothing(&query).await;
    }
    for name in [
        "a",
        "Hello",
        "chat",
        "chats.x",
        "a.b:c-D_9",
        &"x".repeat(64),
    ] {
        let receipt = server.publish_event("lobby", &percent(name), "hi").await;
        assert_eq!(receipt["event"], name);
    }
}

#[tokio::test]
async fn a_server_takes_no_events_without_open_events_and_keys() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let refused = server.post_event("lobby", "", "text/plain", "hi").await;
    refused.assert_problem(403, "forbidden");
    witness.saw_nothing("an event").await;
}
