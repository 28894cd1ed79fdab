//! Reactions to messages: `PUT` and `DELETE` of
//! `/rooms/{room}/messages/{id}/reactions/{emoji}`.

use serde_json::{Value, json};

use super::entries::{
    KEY, OTHER_KEY, all_at_once, assert_no_content, open_server, path_of, reaction_path,
};
use super::refused::assert_refused;
use super::support::{Http, TestServer};
use super::witness::Witness;

/// The key of a person by number.
fn key(number: usize) -> String {
    format!("person-{number:09}")
}

async fn reactions_reach_every_reader(http: Http) {
    let server = http.start();
    let message = server.publish_own("lobby", "hi").await;
    let mut raw = server.events("/rooms/lobby/events").await;
    let mut many = server.events("/events?room=lobby").await;
    raw.expect("hello").await;
    many.expect("hello").await;
    let epoch = server.app().hub.epoch();
    let mut seq = 1;
    for (add, emoji, name, key, shown) in [
        (
            true,
            "👍",
            "Ada",
            KEY,
            json!([{"emoji": "👍", "count": 1, "names": ["Ada"]}]),
        ),
        (
            true,
            "👍",
            "Bob",
            OTHER_KEY,
            json!([{"emoji": "👍", "count": 2, "names": ["Ada", "Bob"]}]),
        ),
        (
            true,
            "🎉",
            "Bob",
            OTHER_KEY,
            json!([{"emoji": "👍", "count": 2, "names": ["Ada", "Bob"]}, {"emoji": "🎉", "count": 1, "names": ["Bob"]}]),
        ),
        (
            false,
            "👍",
            "",
            KEY,
            json!([{"emoji": "👍", "count": 1, "names": ["Bob"]}, {"emoji": "🎉", "count": 1, "names": ["Bob"]}]),
        ),
        (
            false,
            "👍",
            "",
            OTHER_KEY,
            json!([{"emoji": "🎉", "count": 1, "names": ["Bob"]}]),
        ),
        (false, "🎉", "", OTHER_KEY, Value::Null),
    ] {
        let answer = match add {
            true => server.react(&message, emoji, name, key).await,
            false => server.take_back(&message, emoji, key).await,
        };
        assert_no_content(&answer);
        seq += 1;
        for reader in [&mut raw, &mut many] {
            let change = reader.take(1).await.remove(0);
            assert_eq!(
                (&*change.event, change.id),
                ("change", format!("{epoch}-{seq}"))
            );
            assert_eq!(change.data["reactions"], shown);
            assert_eq!(change.data["message"], "hi");
            assert_eq!(change.data.get("edited_at"), None, "it is no edit");
        }
        assert_eq!(server.page("lobby").await[0]["reactions"], shown);
    }
    assert_eq!(server.page("lobby").await, [message]);
}

over_each! {
    reactions_reach_every_reader
}

#[tokio::test]
async fn no_change_publishes_nothing() {
    let server = TestServer::start();
    let message = server.publish_own("other", "hi").await;
    assert_no_content(&server.react(&message, "👍", "Ada", KEY).await);
    let mut witness = Witness::of(&server, "lobby").await;
    for answer in [
        server.react(&message, "👍", "Ada", KEY).await,
        server.react(&message, "👍", "Grace", KEY).await,
        // A reaction of another owner stays.
        server.take_back(&message, "👍", OTHER_KEY).await,
        server.take_back(&message, "🚀", KEY).await,
    ] {
        assert_no_content(&answer);
        witness.saw_nothing("the same state").await;
    }
    let reactions = &server.page("other").await[0]["reactions"];
    assert_eq!(
        *reactions,
        json!([{"emoji": "👍", "count": 1, "names": ["Ada"]}])
    );
}

#[tokio::test]
async fn spellings_of_an_emoji_are_one_reaction() {
    let server = TestServer::start();
    let message = server.publish_own("lobby", "hi").await;
    for (number, emoji) in ["\u{2764}", "\u{2764}\u{FE0F}"].into_iter().enumerate() {
        assert_no_content(&server.react(&message, emoji, "Ada", &key(number)).await);
    }
    let shown = |reactions: Value| {
        assert_eq!(
            reactions,
            json!([{"emoji": "\u{2764}\u{FE0F}", "count": 2, "names": ["Ada", "Ada"]}])
        )
    };
    shown(server.page("lobby").await[0]["reactions"].clone());
    assert_no_content(&server.react(&message, "\u{2764}", "Ada", &key(1)).await);
    shown(server.page("lobby").await[0]["reactions"].clone());
    assert_no_content(
        &server
            .take_back(&message, "\u{2764}\u{FE0F}", &key(0))
            .await,
    );
    assert_no_content(&server.take_back(&message, "\u{2764}", &key(1)).await);
    assert_eq!(server.page("lobby").await, std::slice::from_ref(&message));
    for emoji in ["👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏳️‍🌈"]
    {
        assert_no_content(&server.react(&message, emoji, "Ada", KEY).await);
        let page = server.page("lobby").await;
        let last = page[0]["reactions"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone();
        assert_eq!(last["emoji"], emoji);
    }
}

#[tokio::test]
async fn a_message_has_at_most_20_emoji() {
    let server = TestServer::start();
    let message = server.publish_own("other", "hi").await;
    let animals: Vec<String> = "🐀🐁🐂🐃🐄🐅🐆🐇🐈🐉🐊🐋🐌🐍🐎🐏🐐🐑🐒🐓🐔"
        .chars()
        .map(String::from)
        .collect();
    for (number, emoji) in animals[..20].iter().enumerate() {
        assert_no_content(&server.react(&message, emoji, "Ada", &key(number)).await);
    }
    let mut witness = Witness::of(&server, "lobby").await;
    let refused = server.react(&message, &animals[20], "Ada", KEY).await;
    assert_refused(&refused, 400, "invalid_reaction");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("20") && detail.contains("500"), "{detail}");
    witness.saw_nothing("the 21st emoji").await;
    // One of the 20 still works, and one that is taken back makes place.
    assert_no_content(&server.react(&message, &animals[7], "Ada", KEY).await);
    assert_no_content(&server.take_back(&message, &animals[0], &key(0)).await);
    assert_no_content(&server.react(&message, &animals[20], "Ada", KEY).await);
    let reactions = server.page("other").await[0]["reactions"].clone();
    assert_eq!(reactions.as_array().unwrap().len(), 20);
    assert_eq!(reactions[19]["emoji"], animals[20]);
}

#[tokio::test]
async fn a_message_has_at_most_500_reactions_and_shows_10_names_each() {
    let server = TestServer::start();
    let message = server.publish_own("other", "hi").await;
    for number in 0..500 {
        let emoji = ["👍", "🎉"][number % 2];
        let answer = server
            .react(&message, emoji, &format!("n{number}"), &key(number))
            .await;
        assert_no_content(&answer);
    }
    let mut witness = Witness::of(&server, "lobby").await;
    for emoji in ["👍", "🚀"] {
        let refused = server.react(&message, emoji, "Ada", &key(500)).await;
        assert_refused(&refused, 400, "invalid_reaction");
        witness.saw_nothing("the 501st reaction").await;
    }
    // What is there already changes nothing, and is no refusal.
    assert_no_content(&server.react(&message, "👍", "Ada", &key(0)).await);
    let page = server.page("other").await;
    for (index, emoji) in ["👍", "🎉"].into_iter().enumerate() {
        let summary = &page[0]["reactions"][index];
        let names: Vec<String> = (0..10)
            .map(|name| format!("n{}", 2 * name + index))
            .collect();
        assert_eq!(
            *summary,
            json!({"emoji": emoji, "count": 250, "names": names})
        );
    }
    // The eleventh name follows when the first is taken back.
    assert_no_content(&server.take_back(&message, "👍", &key(0)).await);
    let summary = server.page("other").await[0]["reactions"][0].clone();
    assert_eq!(
        (&summary["count"], &summary["names"][9]),
        (&json!(249), &json!("n20"))
    );
}

#[tokio::test]
async fn a_reaction_is_one_emoji() {
    let server = TestServer::start();
    let message = server.publish_own("other", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    let long = "👍".repeat(1000);
    for emoji in [
        "👍👍",
        "👍🎉",
        "👍 ",
        " 👍",
        "a",
        "1",
        "#",
        "+1",
        ":+1:",
        "\u{FE0F}",
        "\u{200D}",
        "👍\u{200D}",
        "🇩",
        "🏽\u{FE0F}x",
        "\0",
        "é",
        "<b>",
        "👍\n",
        &long,
    ] {
        for method in ["PUT", "DELETE"] {
            let path = format!("{}?name=Ada", reaction_path(&message, emoji));
            let refused = server
                .request(method, &path, &[("edit-key", KEY)], "")
                .await;
            assert_refused(&refused, 400, "invalid_reaction");
        }
        witness.saw_nothing(emoji).await;
    }
    for raw in ["", "%FF", "%F0%9F%91", "%F0%9F%91%8D%FF", "%zz"] {
        let path = format!("{}/reactions/{raw}?name=Ada", path_of(&message));
        let refused = server.request("PUT", &path, &[("edit-key", KEY)], "").await;
        assert_refused(&refused, 400, "invalid_reaction");
        witness.saw_nothing(raw).await;
    }
}

#[tokio::test]
async fn a_reaction_has_a_name_and_an_owner() {
    let server = TestServer::start();
    let message = server.publish_own("other", "hi").await;
    let mut witness = Witness::of(&server, "lobby").await;
    let path = reaction_path(&message, "👍");
    for (query, code) in [
        ("", "invalid_name"),
        ("?name=", "invalid_name"),
        ("?name=%20", "invalid_name"),
        ("?name=%E2%80%8B", "invalid_name"),
        ("?name=a%00b", "invalid_name"),
        ("?name=%FF", "invalid_query"),
        ("?name=Ada&name=Bob", "invalid_query"),
    ] {
        let path = format!("{path}{query}");
        let refused = server.request("PUT", &path, &[("edit-key", KEY)], "").await;
        assert_refused(&refused, 400, code);
        witness.saw_nothing(query).await;
    }
    let with_name = format!("{path}?name=Ada");
    for (method, path) in [("PUT", &with_name), ("DELETE", &path)] {
        for headers in [
            vec![],
            vec![("edit-key", "")],
            vec![("edit-key", "short")],
            vec![("edit-key", KEY), ("edit-key", KEY)],
        ] {
            let refused = server.request(method, path, &headers, "").await;
            assert_refused(&refused, 400, "invalid_edit_key");
            witness.saw_nothing(method).await;
        }
    }
    let without = server.request("PUT", &with_name, &[], "").await;
    let detail = without.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("Edit-Key"), "{detail}");
    // The name of a reaction is normalized as every name.
    let path = format!("{path}?name=%20Ada++L.%20");
    let answer = server.request("PUT", &path, &[("edit-key", KEY)], "").await;
    assert_no_content(&answer);
    assert_eq!(
        server.page("other").await[0]["reactions"][0]["names"][0],
        "Ada L."
    );
}

#[tokio::test]
async fn only_a_message_that_is_not_deleted_takes_reactions() {
    let server = open_server(Http::V1_1);
    let deleted = server.publish_own("other", "hi").await;
    assert_no_content(&server.react(&deleted, "👍", "Ada", OTHER_KEY).await);
    assert_no_content(&server.delete(&deleted, KEY).await);
    let event = server.publish_event("other", "tick", "").await;
    let epoch = server.app().hub.epoch();
    let id = |id: String| json!({"room": "other", "id": id});
    let mut witness = Witness::of(&server, "lobby").await;
    for entry in [
        &deleted,
        &event,
        &id(format!("{epoch}-2")),
        &id(format!("{epoch}-99")),
        &id("e-1".into()),
        &id("x".into()),
        &json!({"room": "nowhere", "id": deleted["id"]}),
    ] {
        let refused = server.react(entry, "👍", "Ada", KEY).await;
        assert_refused(&refused, 404, "not_found");
        let refused = server.take_back(entry, "👍", OTHER_KEY).await;
        assert_refused(&refused, 404, "not_found");
        witness.saw_nothing(&entry.to_string()).await;
    }
}

#[tokio::test]
async fn an_edit_keeps_the_reactions() {
    let server = TestServer::start();
    let message = server.publish_own("lobby", "hi").await;
    assert_no_content(&server.react(&message, "👍", "Bob", OTHER_KEY).await);
    let edited = server.edit(&message, KEY, "ho").await.json();
    assert_eq!(
        edited["reactions"],
        json!([{"emoji": "👍", "count": 1, "names": ["Bob"]}])
    );
    assert_no_content(&server.react(&message, "🎉", "Bob", OTHER_KEY).await);
    let shown = &server.page("lobby").await[0];
    assert_eq!(
        (&shown["message"], &shown["edited_at"]),
        (&json!("ho"), &edited["edited_at"])
    );
    assert_eq!(shown["reactions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn many_reactions_at_once_are_all_counted() {
    let server = TestServer::start();
    let message = server.publish_own("lobby", "hi").await;
    let path = reaction_path(&message, "👍");
    let each = |method: &str| -> Vec<String> {
        let request = |number| {
            let key = key(number);
            format!("{method} {path}?name=Ada HTTP/1.1\r\nhost: a\r\nedit-key: {key}\r\n\r\n")
        };
        (0..50).map(request).collect()
    };
    for (method, count) in [("PUT", json!(50)), ("DELETE", Value::Null)] {
        for answer in all_at_once(&server, &each(method)).await {
            assert_no_content(&answer);
        }
        assert_eq!(
            server.page("lobby").await[0]["reactions"][0]["count"],
            count
        );
    }
    assert_eq!(server.page("lobby").await, [message]);
}
