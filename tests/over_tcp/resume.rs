//! Where a stream resumes.

use serde_json::{Value, json};

use super::support::{Event, EventReader, Http, TestServer};

/// Publishes 1 to `count` in a room; returns the ids.
async fn publish(server: &TestServer, room: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 1..=count {
        let published = server.publish(room, &number.to_string()).await;
        ids.push(published["id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn resume(server: &TestServer, cursor: &str) -> EventReader {
    server
        .events_with("/rooms/lobby/events", &[("Last-Event-ID", cursor)])
        .await
}

fn gap(event: &Event) -> (&str, &Value, &Value) {
    assert_eq!(event.event, "gap", "{event:?}");
    (
        event.data["reason"].as_str().unwrap(),
        &event.data["lost"],
        &event.data["next"],
    )
}

async fn a_new_reader_gets_live_messages_only(http: Http) {
    let server = http.start();
    let ids = publish(&server, "lobby", 2).await;
    let mut reader = server.events("/rooms/lobby/events").await;
    let hello = reader.expect("hello").await;
    assert_eq!(
        (&hello.id, &hello.data["cursor"]),
        (&ids[1], &json!(ids[1]))
    );
    let room =
        json!({"room": "lobby", "members": 0, "oldest": ids[0], "newest": ids[1], "next": 3});
    assert_eq!(hello.data["rooms"], json!([room]));
    let published = server.publish("lobby", "after").await;
    let update = reader.expect("update").await;
    assert_eq!(
        (update.data, update.id),
        (
            published.clone(),
            published["id"].as_str().unwrap().to_owned()
        )
    );
}

async fn a_new_reader_gets_the_backlog_it_asks_for(http: Http) {
    let server = http.start_with(|config| config.history = 3);
    publish(&server, "lobby", 5).await;
    for (backlog, expected) in [
        ("0", &[][..]),
        ("2", &["4", "5"]),
        ("500", &["3", "4", "5"]),
        ("all", &["3", "4", "5"]),
    ] {
        let mut reader = server
            .events(&format!("/rooms/lobby/events?backlog={backlog}"))
            .await;
        reader.expect("hello").await;
        for text in expected {
            assert_eq!(reader.expect("update").await.data["message"], *text);
        }
    }
}

async fn a_reader_that_is_cut_off_after_hello_comes_back_to_its_backlog(http: Http) {
    let server = http.start();
    publish(&server, "lobby", 5).await;
    let hello = server
        .events("/rooms/lobby/events?backlog=2")
        .await
        .expect("hello")
        .await;
    let mut reader = resume(&server, &hello.id).await;
    assert_eq!(reader.messages(2).await, ["4", "5"]);
}

async fn a_returning_reader_gets_exactly_what_it_missed(http: Http) {
    let server = http.start();
    let ids = publish(&server, "lobby", 5).await;
    let mut reader = resume(&server, &ids[2]).await;
    assert_eq!(reader.expect("hello").await.id, ids[2]);
    for text in ["4", "5"] {
        assert_eq!(reader.expect("update").await.data["message"], text);
    }
    server.publish("lobby", "6").await;
    assert_eq!(reader.expect("update").await.data["message"], "6");
}

async fn a_reader_that_missed_nothing_gets_nothing(http: Http) {
    let server = http.start();
    let ids = publish(&server, "lobby", 5).await;
    let mut reader = resume(&server, &ids[4]).await;
    reader.expect("hello").await;
    server.publish("lobby", "6").await;
    assert_eq!(reader.expect("update").await.data["message"], "6");
}

async fn a_cursor_from_before_the_first_message_gets_everything(http: Http) {
    let server = http.start();
    let hello = server
        .events("/rooms/lobby/events")
        .await
        .expect("hello")
        .await;
    assert!(hello.id.ends_with("-0"), "{hello:?}");
    publish(&server, "lobby", 3).await;
    let mut reader = resume(&server, &hello.id).await;
    reader.expect("hello").await;
    assert_eq!(reader.expect("update").await.data["number"], 1);
}

async fn a_reader_away_for_longer_than_history_gets_a_gap_and_all_there_is(http: Http) {
    let server = http.start_with(|config| config.history = 2);
    let ids = publish(&server, "lobby", 6).await;
    let mut reader = resume(&server, &ids[0]).await;
    assert_eq!(
        reader.expect("hello").await.id,
        ids[0],
        "the cursor has not moved yet"
    );
    let event = reader.next().await;
    assert_eq!(gap(&event), ("evicted", &json!(3), &json!(5)));
    assert_eq!(event.data["room"], "lobby");
    assert_eq!(event.id, ids[3], "the last message that was lost");
    assert_eq!(reader.expect("update").await.data["number"], 5);
    assert_eq!(reader.expect("update").await.data["number"], 6);

    let mut again = resume(&server, &event.id).await;
    again.expect("hello").await;
    assert_eq!(
        again.expect("update").await.data["number"],
        5,
        "a gap is announced once"
    );
}

async fn a_reader_from_another_epoch_gets_a_gap_with_restart(http: Http) {
    let server = http.start();
    publish(&server, "lobby", 2).await;
    let mut reader = resume(&server, "another1-7").await;
    assert_eq!(
        reader.expect("hello").await.id,
        "another1-7",
        "until the gap is announced"
    );
    let event = reader.next().await;
    assert_eq!(gap(&event), ("restart", &Value::Null, &json!(1)));
    assert!(
        event.id.ends_with("-0") && !event.id.starts_with("another1"),
        "{event:?}"
    );
    assert_eq!(reader.messages(2).await, ["1", "2"]);
}

async fn a_restart_is_announced_even_in_a_room_without_messages(http: Http) {
    let server = http.start();
    let mut reader = resume(&server, "another1-7").await;
    reader.expect("hello").await;
    assert_eq!(
        gap(&reader.next().await),
        ("restart", &Value::Null, &json!(1))
    );
    server.publish("lobby", "first").await;
    assert_eq!(reader.expect("update").await.data["number"], 1);
}

async fn an_impossible_cursor_is_unknown(http: Http) {
    let server = http.start();
    let ids = publish(&server, "lobby", 2).await;
    let beyond = ids[1].replace("-2", "-3");
    for cursor in ["garbage", &beyond] {
        let mut reader = resume(&server, cursor).await;
        let hello = reader.expect("hello").await;
        assert_eq!(
            gap(&reader.next().await),
            ("unknown", &Value::Null, &json!(1))
        );
        assert_eq!(reader.messages(2).await, ["1", "2"]);
        // If the stream is cut before the gap, the gap comes again.
        let mut again = resume(&server, &hello.id).await;
        again.expect("hello").await;
        assert_eq!(gap(&again.next().await).0, "unknown");
    }
}

async fn one_cursor_resumes_many_rooms_in_id_order(http: Http) {
    let server = http.start();
    let mut texts = Vec::new();
    for (index, room) in ["a", "b", "c", "a", "b", "a"].into_iter().enumerate() {
        server.publish(room, &index.to_string()).await;
        texts.push(index.to_string());
    }
    let mut reader = server
        .events("/events?room=a&room=b&room=c&room=a&backlog=all")
        .await;
    let hello = reader.expect("hello").await;
    let rooms: Vec<&Value> = hello.data["rooms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|room| &room["room"])
        .collect();
    assert_eq!(rooms, ["a", "b", "c"], "each once, in the order asked for");
    let mut ids = Vec::new();
    for text in &texts {
        let update = reader.expect("update").await;
        assert_eq!(update.data["message"], *text);
        ids.push(update.id);
    }
    let mut again = server
        .events_with(
            "/events?room=c&room=b&room=a",
            &[("Last-Event-ID", &ids[2])],
        )
        .await;
    assert_eq!(again.messages(3).await, texts[3..]);
}

async fn every_room_of_an_unknown_cursor_gets_its_gap(http: Http) {
    let server = http.start();
    server.publish("a", "1").await;
    server.publish("b", "2").await;
    let mut cursor = "another1-7".to_owned();
    // Cut after each of the first events in turn: all gaps come first.
    for cut in 1..=3 {
        let mut reader = server
            .events_with("/events?room=a&room=b", &[("Last-Event-ID", &cursor)])
            .await;
        let mut events = Vec::new();
        for _ in 0..cut {
            events.push(reader.next().await);
        }
        let names: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
        assert_eq!(names, ["hello", "gap", "gap"][..cut]);
        cursor.clone_from(&events[cut - 1].id);
        assert_eq!(
            cursor == "another1-7",
            cut < 3,
            "foreign until the last gap"
        );
    }
    let mut reader = server
        .events_with("/events?room=a&room=b", &[("Last-Event-ID", &cursor)])
        .await;
    reader.expect("hello").await;
    assert_eq!(reader.expect("update").await.data["message"], "1");
    assert_eq!(reader.expect("update").await.data["message"], "2");
}

async fn a_stream_cut_at_any_byte_resumes_without_loss_or_duplicate(http: Http) {
    let server = http.start_with(|config| config.history = 3);
    publish(&server, "lobby", 8).await;
    let whole = {
        let mut reader = server
            .events("/rooms/lobby/events?last_event_id=another1-7")
            .await;
        reader.messages(3).await;
        reader.text.clone()
    };
    for cut in 0..=whole.len() {
        let mut decoder = sse_chat::sse::Decoder::default();
        let (mut numbers, mut has_gap) = (Vec::new(), false);
        decoder
            .feed(&whole[..cut], |item| {
                if let sse_chat::sse::Item::Event(event) = item {
                    let data: Value = serde_json::from_str(&event.data).unwrap();
                    has_gap |= event.event == "gap";
                    numbers.extend(data["number"].as_u64());
                }
            })
            .unwrap();
        let cursor = match decoder.last_event_id().into_owned() {
            none if none.is_empty() => "another1-7".to_owned(),
            id => id,
        };
        let mut reader = resume(&server, &cursor).await;
        while numbers.len() < 3 {
            let event = reader.next().await;
            has_gap |= event.event == "gap";
            numbers.extend(event.data["number"].as_u64());
        }
        assert_eq!(numbers, [6, 7, 8], "cut at byte {cut}");
        assert!(has_gap, "the gap was not announced when cut at byte {cut}");
    }
}

over_each! {
    a_new_reader_gets_live_messages_only
    a_new_reader_gets_the_backlog_it_asks_for
    a_reader_that_is_cut_off_after_hello_comes_back_to_its_backlog
    a_returning_reader_gets_exactly_what_it_missed
    a_reader_that_missed_nothing_gets_nothing
    a_cursor_from_before_the_first_message_gets_everything
    a_reader_away_for_longer_than_history_gets_a_gap_and_all_there_is
    a_reader_from_another_epoch_gets_a_gap_with_restart
    a_restart_is_announced_even_in_a_room_without_messages
    an_impossible_cursor_is_unknown
    one_cursor_resumes_many_rooms_in_id_order
    every_room_of_an_unknown_cursor_gets_its_gap
    a_stream_cut_at_any_byte_resumes_without_loss_or_duplicate
}
