//! `GET /rooms/{room}/messages` and `/members`: history pages and members.

use serde_json::{Value, json};

use super::support::{Http, TestServer};

/// Publishes `count` messages, "1", "2" and so on; returns them.
async fn publish_count(server: &TestServer, count: usize) -> Vec<Value> {
    let mut published = Vec::new();
    for number in 1..=count {
        published.push(server.publish("lobby", &number.to_string()).await);
    }
    published
}

/// The texts of the messages that `query` returns.
async fn texts(server: &TestServer, query: &str) -> Vec<String> {
    let page = server.get(&format!("/rooms/lobby/messages{query}")).await;
    assert_eq!(page.status, 200, "{query}: {page:?}");
    let page = page.json();
    let messages = page["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["message"].as_str().unwrap().to_owned())
        .collect()
}

fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn history_is_all_messages_oldest_first(http: Http) {
    let server = http.start();
    let published = publish_count(&server, 3).await;
    server.publish("other", "elsewhere").await;
    let response = server.get("/rooms/lobby/messages").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(
        response.json(),
        json!({"room": "lobby", "messages": published, "oldest": published[0]["id"], "newest": published[2]["id"]})
    );
}

async fn a_page_has_fifty_messages_by_default(http: Http) {
    let server = http.start();
    publish_count(&server, 60).await;
    assert_eq!(texts(&server, "").await, numbers(11..=60));
    assert_eq!(texts(&server, "?limit=1").await, numbers(60..=60));
    assert_eq!(texts(&server, "?limit=500").await, numbers(1..=60));
    assert_eq!(texts(&server, "?limit=007").await, numbers(54..=60));
}

async fn a_page_has_at_most_five_hundred_messages(http: Http) {
    let server = http.start();
    for number in 1..=501 {
        let draft = sse_chat::chat::Draft::new(
            sse_chat::protocol::UserName::parse("Alice").unwrap(),
            sse_chat::protocol::MessageText::parse(&number.to_string(), 10).unwrap(),
        );
        let room = sse_chat::protocol::RoomName::parse("lobby").unwrap();
        server.app().hub.publish(&room, draft).unwrap();
    }
    assert_eq!(texts(&server, "?limit=500").await, numbers(2..=501));
}

async fn a_limit_is_a_number_from_1_to_500(http: Http) {
    let server = http.start();
    for limit in [
        "0",
        "501",
        "-1",
        "%2B1",
        "1.0",
        "1e2",
        "",
        "x",
        "0x10",
        "18446744073709551617",
        "1%20",
        "%FF",
        "1&limit=1",
    ] {
        let response = server
            .get(&format!("/rooms/lobby/messages?limit={limit}"))
            .await;
        response.assert_problem(400, "invalid_query");
    }
}

async fn before_and_after_cut_a_part_out_of_history(http: Http) {
    let server = http.start();
    let published = publish_count(&server, 10).await;
    let id = |number: usize| published[number - 1]["id"].as_str().unwrap().to_owned();
    let epoch = server.app().hub.epoch();
    for (query, expected) in [
        (format!("?before={}&limit=3", id(8)), numbers(5..=7)),
        (format!("?before={}", id(3)), numbers(1..=2)),
        (format!("?before={}", id(1)), vec![]),
        (format!("?after={}&limit=3", id(4)), numbers(5..=7)),
        (format!("?after={}", id(8)), numbers(9..=10)),
        (format!("?after={}", id(10)), vec![]),
        (format!("?after={epoch}-0"), numbers(1..=10)),
        (format!("?before={epoch}-0"), vec![]),
        (format!("?after={epoch}-999"), vec![]),
        (format!("?before={epoch}-999&limit=2"), numbers(9..=10)),
        (format!("?after={}&before={}", id(3), id(7)), numbers(4..=6)),
        (
            format!("?after={}&before={}&limit=2", id(3), id(7)),
            numbers(4..=5),
        ),
        (format!("?after={}&before={}", id(7), id(3)), vec![]),
        // An id of another epoch lies before all of this one.
        ("?after=abc-5&limit=2".into(), numbers(1..=2)),
        ("?before=abc-5".into(), vec![]),
    ] {
        assert_eq!(texts(&server, &query).await, expected, "{query}");
    }
}

async fn an_invalid_id_is_refused(http: Http) {
    let server = http.start();
    server.publish("lobby", "hi").await;
    for id in [
        "",
        "x",
        "5",
        "abc",
        "abc-",
        "abc--1",
        "abc-01",
        "ABC-1",
        "abc-18446744073709551616",
        "%FF",
        "unknown-0",
    ] {
        for key in ["before", "after"] {
            let response = server
                .get(&format!("/rooms/lobby/messages?{key}={id}"))
                .await;
            response.assert_problem(400, "invalid_query");
        }
    }
    server
        .get("/rooms/lobby/messages?after=abc-1&after=abc-1")
        .await
        .assert_problem(400, "invalid_query");
}

async fn oldest_and_newest_are_of_the_room_not_of_the_page(http: Http) {
    let server = http.start_with(|config| config.history = 5);
    let published = publish_count(&server, 8).await;
    let page = server.get("/rooms/lobby/messages?limit=1").await.json();
    assert_eq!(page["messages"], json!([published[7]]));
    assert_eq!(
        page["oldest"], published[3]["id"],
        "the first three are gone"
    );
    assert_eq!(page["newest"], published[7]["id"]);
    assert_eq!(
        texts(
            &server,
            &format!("?after={}", published[0]["id"].as_str().unwrap())
        )
        .await,
        numbers(4..=8)
    );
}

async fn reading_a_room_does_not_make_it(http: Http) {
    let server = http.start_with(|config| config.list_rooms = true);
    // Empty rooms are forgotten within a second, so ask often enough to see a new
    // one.
    for _ in 0..20 {
        assert_eq!(
            server.get("/rooms/nowhere/messages").await.json(),
            json!({"room": "nowhere", "messages": [], "oldest": null, "newest": null})
        );
        assert_eq!(server.get("/rooms").await.json(), json!({"rooms": []}));
        assert_eq!(
            server.get("/rooms/nowhere/members").await.json(),
            json!({"room": "nowhere", "count": 0, "members": []})
        );
        let stream = "/rooms/nowhere/events?name=Bob";
        let head = server.request("HEAD", stream, &[], "").await;
        assert_eq!(head.status, 200);
        assert_eq!(server.get("/rooms").await.json(), json!({"rooms": []}));
    }
}

async fn a_room_is_named_in_its_normalized_form(http: Http) {
    let server = http.start();
    server.publish("Caf%C3%A9", "hi").await;
    let page = server.get("/rooms/Cafe%CC%81/messages").await.json();
    assert_eq!(page["room"], "Caf\u{e9}");
    assert_eq!(page["messages"][0]["room"], "Caf\u{e9}");
}

async fn members_are_the_names_of_open_streams_each_once(http: Http) {
    let server = http.start();
    let mut streams = Vec::new();
    for path in [
        "/rooms/lobby/events?name=Alice",
        "/rooms/lobby/events?name=%20Alice%20",
        "/events?room=lobby&room=other&name=Bob",
        "/rooms/lobby/events",
        "/rooms/lobby/events?presence=1",
    ] {
        let mut stream = server.events(path).await;
        stream.expect("hello").await;
        streams.push(stream);
    }
    let response = server.get("/rooms/lobby/members").await;
    assert_eq!(response.header("content-type"), Some("application/json"));
    let members = response.json();
    assert_eq!(
        (&members["room"], &members["count"]),
        (&json!("lobby"), &json!(2))
    );
    let list = members["members"].as_array().unwrap();
    let names: Vec<_> = list
        .iter()
        .map(|member| member["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Alice", "Bob"], "in the order in which they came");
    for member in list {
        assert_eq!(member.as_object().unwrap().len(), 2, "{member}");
        assert!(
            member["since"]
                .as_str()
                .unwrap()
                .parse::<jiff::Timestamp>()
                .is_ok(),
            "{member}"
        );
    }
    assert_eq!(server.get("/rooms/other/members").await.json()["count"], 1);
}

async fn two_hundred_members_are_listed_and_all_are_counted(http: Http) {
    let server = http.start();
    let mut streams = Vec::new();
    for number in 0..202 {
        let mut stream = server
            .events(&format!("/rooms/lobby/events?name=n{number}"))
            .await;
        let hello = stream.expect("hello").await;
        assert_eq!(hello.data["rooms"][0]["members"], number + 1);
        streams.push(stream);
    }
    let members = server.get("/rooms/lobby/members").await.json();
    assert_eq!(members["count"], 202);
    assert_eq!(members["members"].as_array().unwrap().len(), 200);
}

over_transports! {
    history_is_all_messages_oldest_first
    a_page_has_fifty_messages_by_default
    a_page_has_at_most_five_hundred_messages
    a_limit_is_a_number_from_1_to_500
    before_and_after_cut_a_part_out_of_history
    an_invalid_id_is_refused
    oldest_and_newest_are_of_the_room_not_of_the_page
    reading_a_room_does_not_make_it
    a_room_is_named_in_its_normalized_form
    members_are_the_names_of_open_streams_each_once
    two_hundred_members_are_listed_and_all_are_counted
}
