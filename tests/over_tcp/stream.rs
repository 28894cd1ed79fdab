//! The bytes of a stream, and its events beside messages.

use std::time::Duration;

use super::support::{Http, within};

async fn events_are_the_bytes_of_the_protocol(http: Http) {
    let server = http.start_with(|config| {
        config.retry = Duration::from_millis(2500)..=Duration::from_millis(2500);
        config.ping = Duration::from_millis(1);
    });
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    let published = server.publish("lobby", "hi").await;
    let update = reader.find("update").await;
    reader.find("ping").await;
    let text = String::from_utf8(reader.text.clone()).unwrap();
    let epoch = update.id.strip_suffix("-1").unwrap();
    let hello = format!(
        "retry: 2500\nevent: hello\nid: {epoch}-0\ndata: {{\"cursor\":\"{epoch}-0\",\"ping_ms\":1,\"rooms\":[{{\"room\":\"lobby\",\"members\":0,\"oldest\":null,\"newest\":null,\"next\":1}}]}}\n\n"
    );
    assert!(text.starts_with(&hello), "{text}");
    let created_at = published["created_at"].as_str().unwrap();
    let update = format!(
        "id: {epoch}-1\nevent: update\ndata: {{\"id\":\"{epoch}-1\",\"room\":\"lobby\",\"number\":1,\"name\":\"Alice\",\"message\":\"hi\",\"created_at\":\"{created_at}\"}}\n\n"
    );
    assert!(text.contains(&update), "{text}");
    assert!(text.contains("\n\nevent: ping\ndata:\n\n"), "{text}");
}

async fn a_gap_is_the_bytes_of_the_protocol(http: Http) {
    let server = http.start();
    let mut reader = server.events("/rooms/lobby/events?last_event_id=%FF").await;
    let gap = reader.find("gap").await;
    let expected = format!(
        "event: gap\nid: {}\ndata: {{\"room\":\"lobby\",\"reason\":\"unknown\",\"lost\":null,\"next\":1}}\n\n",
        gap.id
    );
    let text = String::from_utf8(reader.text.clone()).unwrap();
    assert!(text.ends_with(&expected), "{text}");
}

async fn only_hello_update_and_gap_carry_an_id(http: Http) {
    let server = http.start_with(|config| config.ping = Duration::from_millis(1));
    let mut reader = server
        .events("/rooms/lobby/events?name=Bob&last_event_id=x")
        .await;
    reader.find("ping").await;
    server.publish("lobby", "hi").await;
    reader.find("update").await;
    reader.find("ping").await;
    server.begin_stop();
    while reader.next_or_end().await.is_some() {}
    let text = String::from_utf8(reader.text.clone()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for event in text.split("\n\n").filter(|event| !event.is_empty()) {
        let name = event
            .lines()
            .find_map(|line| line.strip_prefix("event: "))
            .unwrap();
        let has_id = event.lines().any(|line| line.starts_with("id"));
        assert_eq!(
            has_id,
            ["hello", "update", "gap"].contains(&name),
            "{event}"
        );
        seen.insert(name);
    }
    assert!(
        seen.into_iter()
            .eq(["bye", "gap", "hello", "ping", "presence", "update"])
    );
}

async fn retry_is_drawn_for_each_connection(http: Http) {
    let server = http.start();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let mut reader = server.events("/rooms/lobby/events").await;
        reader.expect("hello").await;
        let retry = reader.retry.unwrap();
        assert!(
            (Duration::from_secs(2)..=Duration::from_secs(5)).contains(&retry),
            "{retry:?}"
        );
        seen.insert(retry);
    }
    assert!(seen.len() > 1, "clients would come back in step: {seen:?}");
}

async fn a_busy_stream_gets_no_ping(http: Http) {
    let server = http.start_with(|config| config.ping = Duration::from_secs(3600));
    let mut reader = server.events("/rooms/lobby/events").await;
    assert_eq!(reader.expect("hello").await.data["ping_ms"], 3_600_000);
    for text in ["1", "2", "3"] {
        server.publish("lobby", text).await;
        assert_eq!(reader.expect("update").await.data["message"], text);
    }
}

async fn a_named_stream_joins_its_rooms_and_others_get_presence(http: Http) {
    let server = http.start();
    let mut watcher = server.events("/rooms/lobby/events?presence=1").await;
    let first = watcher.find("presence").await;
    assert_eq!(
        first.data,
        serde_json::json!({"room": "lobby", "count": 0, "members": []})
    );
    let mut bob = server
        .events("/rooms/lobby/events?name=%20Bob%20%20B.")
        .await;
    assert_eq!(bob.expect("hello").await.data["rooms"][0]["members"], 1);
    let mine = bob.expect("presence").await;
    assert_eq!(mine.data["members"][0]["name"], "Bob B.");
    let joined = watcher.find("presence").await;
    assert_eq!(
        (&joined.data["count"], &joined.data["joined"][0]["name"]),
        (&1.into(), &"Bob B.".into())
    );
    drop(bob);
    let left = watcher.find("presence").await;
    assert_eq!(
        (&left.data["count"], &left.data["left"][0]["name"]),
        (&0.into(), &"Bob B.".into())
    );
}

async fn a_client_that_changes_its_name_is_announced_as_that(http: Http) {
    let server = http.start();
    let mut watcher = server.events("/rooms/lobby/events?presence=1").await;
    watcher.find("presence").await;
    let ada = server.events("/rooms/lobby/events?name=Ada").await;
    let joined = watcher.find("presence").await;
    let since = &joined.data["joined"][0]["since"];
    let mut grace = server
        .events("/rooms/lobby/events?name=Grace&was=%20Ada")
        .await;
    grace.expect("hello").await;
    drop(ada);
    // The new name is in this event or in one before it.
    let left = loop {
        let change = watcher.find("presence").await.data;
        if change["left"] != serde_json::json!([]) {
            break change;
        }
    };
    assert_eq!(
        (&left["count"], &left["left"]),
        (
            &1.into(),
            &serde_json::json!([{"name": "Ada", "since": since, "now": "Grace"}])
        )
    );
}

async fn a_name_can_t_be_taken_from_a_member_that_stays(http: Http) {
    let server = http.start();
    let mut ada = server.events("/rooms/lobby/events?name=Ada").await;
    ada.expect("hello").await;
    let mut eve = server.events("/rooms/lobby/events?name=Eve&was=Ada").await;
    assert_eq!(eve.expect("hello").await.data["rooms"][0]["members"], 2);
    let joined = ada.find("presence").await;
    assert_eq!(joined.data["members"][0]["name"], "Ada");
    let members = server.get("/rooms/lobby/members").await.json();
    assert_eq!(members["count"], 2);
    // Not used if the name is the same.
    let mut same = server.events("/rooms/lobby/events?name=Eve&was=Eve").await;
    assert_eq!(same.expect("hello").await.data["rooms"][0]["members"], 2);
}

async fn a_stream_without_presence_gets_no_presence(http: Http) {
    let server = http.start();
    let mut plain = server.events("/rooms/lobby/events").await;
    let mut watcher = server.events("/rooms/lobby/events?presence=1").await;
    watcher.find("presence").await;
    let _bob = server.events("/rooms/lobby/events?name=Bob").await;
    watcher.find("presence").await;
    server.publish("lobby", "hi").await;
    plain.expect("hello").await;
    plain.expect("update").await;
}

async fn a_thousand_readers_of_a_room_all_get_every_message(http: Http) {
    let server = http.start();
    let mut readers = Vec::new();
    for _ in 0..1000 {
        readers.push(server.events("/rooms/lobby/events").await);
    }
    for number in 0..5 {
        server.publish("lobby", &number.to_string()).await;
    }
    for reader in &mut readers {
        assert_eq!(reader.messages(5).await, ["0", "1", "2", "3", "4"]);
    }
}

async fn two_servers_in_one_process_are_independent(http: Http) {
    let (one, two) = (http.start(), http.start());
    let mut reader = two.events("/rooms/lobby/events").await;
    one.publish("lobby", "in one").await;
    let published = two.publish("lobby", "in two").await;
    assert_eq!(published["number"], 1);
    reader.expect("hello").await;
    assert_eq!(reader.expect("update").await.data["message"], "in two");
    one.begin_stop();
    within(one.stopped()).await;
    two.publish("lobby", "still").await;
    assert_eq!(reader.expect("update").await.data["message"], "still");
}

over_each! {
    events_are_the_bytes_of_the_protocol
    a_gap_is_the_bytes_of_the_protocol
    only_hello_update_and_gap_carry_an_id
    retry_is_drawn_for_each_connection
    a_busy_stream_gets_no_ping
    a_named_stream_joins_its_rooms_and_others_get_presence
    a_client_that_changes_its_name_is_announced_as_that
    a_name_can_t_be_taken_from_a_member_that_stays
    a_stream_without_presence_gets_no_presence
    a_thousand_readers_of_a_room_all_get_every_message
    two_servers_in_one_process_are_independent
}
