//! Streams of several rooms, the list of rooms, and what a right is checked for again.

use std::collections::BTreeSet;

use serde_json::json;

use super::{bearer, events_as, get_as, publish, server, server_with, with_rooms};

#[tokio::test]
async fn a_stream_names_exactly_the_rooms_that_are_forbidden() {
    let server = server();
    let token = with_rooms(&json!({"read": ["a", "team-*"], "events": ["e"], "moderate": ["m"]}));
    for (rooms, forbidden) in [
        (&["a", "b", "team-1", "e"][..], &["b", "e"][..]),
        (&["m", "a"], &["m"]),
        (&["team-1", "a", "team"], &["team"]),
        (&["b"], &["b"]),
    ] {
        let query: Vec<_> = rooms.iter().map(|room| format!("room={room}")).collect();
        let path = format!("/events?{}", query.join("&"));
        let mut closed = events_as(&server, &path, &token).await;
        let close = closed.expect("close").await;
        assert_eq!(close.data["reason"], "forbidden");
        let named = close.data["rooms"].as_array().unwrap().iter();
        let named: BTreeSet<_> = named.map(|room| room.as_str().unwrap()).collect();
        assert_eq!(named, forbidden.iter().copied().collect());
        assert!(closed.next_or_end().await.is_none());
        get_as(&server, &path, &token)
            .await
            .assert_problem(403, "forbidden");
        // Without them it opens.
        let query: Vec<_> = rooms
            .iter()
            .filter(|room| !forbidden.contains(room))
            .map(|room| format!("room={room}"))
            .collect();
        if !query.is_empty() {
            let path = format!("/events?{}", query.join("&"));
            events_as(&server, &path, &token)
                .await
                .expect("hello")
                .await;
        }
    }
    // The refused streams have created no room.
    let totals = server.app().hub.totals();
    assert!(totals.rooms <= 3, "{}", totals.rooms);
}

#[tokio::test]
async fn the_reason_is_in_the_stream_only_for_clients_that_accept_one() {
    let server = server();
    for (accept, is_stream) in [
        ("text/event-stream", true),
        ("text/html, Text/Event-Stream;q=0.5", true),
        ("text/event-stream2", false),
        ("text/*", false),
        ("*/*", false),
        ("", false),
    ] {
        for method in ["GET", "HEAD"] {
            let fields = [("accept", accept)];
            let answer = server.request(method, "/rooms/a/events", &fields, "").await;
            let expected = if is_stream { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{method} {accept}");
            assert_eq!(answer.header("www-authenticate").is_some(), !is_stream);
            if is_stream {
                assert_eq!(answer.header("content-type"), Some("text/event-stream"));
                assert_eq!(
                    answer.header("cache-control"),
                    Some("no-cache, no-store, no-transform")
                );
            }
        }
    }
    // What is not about rights keeps its status: a client has to see it.
    let fields = [
        ("accept", "text/event-stream"),
        ("authorization", &*bearer(&super::writer())),
    ];
    let invalid = server
        .request("GET", "/rooms/a%20b/events", &fields, "")
        .await;
    invalid.assert_problem(400, "invalid_room");
}

#[tokio::test]
async fn the_list_of_rooms_has_the_readable_ones_on_its_pages_each_once() {
    let server = server_with(|config| config.list_rooms = true);
    for number in 0..12 {
        for room in ["a", "b", "c"] {
            publish(&server, &format!("{room}-{number:02}"), "hi").await;
        }
    }
    let token = with_rooms(&json!({"read": ["b-*", "c-07", "nowhere"], "moderate": ["a-*"]}));
    let mut readable: Vec<String> = (0..12).map(|number| format!("b-{number:02}")).collect();
    readable.push("c-07".to_owned());
    for limit in [1, 2, 5, 12, 13, 14, 500] {
        let (mut listed, mut pages) = (Vec::new(), 0);
        let mut path = format!("/rooms?limit={limit}");
        loop {
            let page = get_as(&server, &path, &token).await.json();
            let rooms = page["rooms"].as_array().unwrap();
            assert!(rooms.len() <= limit);
            let names = rooms.iter().map(|room| room["room"].as_str().unwrap());
            listed.extend(names.map(str::to_owned));
            pages += 1;
            let Some(next) = page["next"].as_str() else {
                break;
            };
            assert!(
                readable.iter().any(|room| room == next),
                "{next} is readable"
            );
            path = format!("/rooms?limit={limit}&after={next}");
        }
        assert_eq!(listed, readable, "limit {limit}");
        assert_eq!(
            pages,
            readable.len().div_ceil(limit),
            "no page without a room at the end"
        );
    }
    // A room that may not be read is a place like every other.
    let after = get_as(&server, "/rooms?after=a-05", &token).await.json();
    assert_eq!(after["rooms"].as_array().unwrap().len(), readable.len());
    let nothing = get_as(&server, "/rooms", &super::token(json!({}))).await;
    assert_eq!(nothing.json(), json!({"rooms": []}));
}

#[tokio::test]
async fn a_right_is_checked_when_a_stream_resumes() {
    let server = server();
    let first = publish(&server, "lobby", "one").await;
    publish(&server, "lobby", "two").await;
    let path = format!(
        "/events?room=lobby&room=own&last_event_id={}&backlog=all",
        first["id"].as_str().unwrap()
    );
    let both = with_rooms(&json!({"read": ["lobby", "own"]}));
    let mut reader = events_as(&server, &path, &both).await;
    assert_eq!(reader.find("update").await.data["message"], "two");
    let one = with_rooms(&json!({"read": ["own"], "write": ["own"], "moderate": ["lobby"]}));
    let mut closed = events_as(&server, &path, &one).await;
    let close = closed.expect("close").await;
    assert_eq!(
        close.data,
        json!({"reason": "forbidden", "rooms": ["lobby"]})
    );
    assert!(closed.next_or_end().await.is_none());
    let page = get_as(&server, "/rooms/lobby/messages", &one).await;
    page.assert_problem(403, "forbidden");
}
