//! The name of a token is the only one that its client may use.

use serde_json::{Value, json};

use super::{ACCEPT_STREAM, bearer, events_as, get_as, post_as, server, token, writer};
use crate::support::{Response, TestServer};

const MESSAGES: &str = "/rooms/lobby/messages";
const THUMB: &str = "%F0%9F%91%8D";

fn ada() -> String {
    token(json!({"rooms": {"write": ["lobby"]}, "name": " Ada  Lovelace ", "sub": "7"}))
}

async fn post_fields(
    server: &TestServer,
    token: &str,
    kind: &str,
    path: &str,
    body: &str,
) -> Response {
    let bearer = bearer(token);
    let fields = [("content-type", kind), ("authorization", &*bearer)];
    server.request("POST", path, &fields, body).await
}

#[tokio::test]
async fn a_message_has_the_name_of_its_token_and_no_other() {
    let server = server();
    let plain = token(json!({"rooms": {"write": ["lobby"]}}));
    for (token, name, expected, verified) in [
        (ada(), None, Some("Ada Lovelace"), json!(true)),
        (
            ada(),
            Some("Ada Lovelace"),
            Some("Ada Lovelace"),
            json!(true),
        ),
        (
            ada(),
            Some("Ada\u{2003}Lovelace "),
            Some("Ada Lovelace"),
            json!(true),
        ),
        (ada(), Some("ada lovelace"), None, Value::Null),
        (ada(), Some("Eve"), None, Value::Null),
        (plain.clone(), Some("Eve"), Some("Eve"), Value::Null),
    ] {
        let mut body = json!({"message": "hi"});
        if let Some(name) = name {
            body["name"] = json!(name);
        }
        let response = post_as(&server, MESSAGES, &token, &body).await;
        match expected {
            Some(expected) => {
                let message = response.json();
                assert_eq!((response.status, &message["name"]), (201, &json!(expected)));
                assert_eq!(message["verified"], verified, "{message}");
            }
            None => response.assert_problem(403, "forbidden"),
        }
    }
    let body = json!({"message": "hi"});
    let missing = post_as(&server, MESSAGES, &plain, &body).await;
    missing.assert_problem(400, "invalid_name");
    // A client can't claim it.
    let body = json!({"name": "Eve", "message": "hi", "verified": true});
    let claimed = post_as(&server, MESSAGES, &plain, &body).await;
    claimed.assert_problem(400, "invalid_json");
}

#[tokio::test]
async fn each_format_of_a_message_takes_the_name_of_the_token() {
    let server = server();
    let form = "application/x-www-form-urlencoded";
    for (kind, path, body, status) in [
        (form, MESSAGES, "message=hi", 201),
        (form, MESSAGES, "message=hi&name=Eve", 403),
        ("text/plain", MESSAGES, "hi", 201),
        ("text/plain", "/rooms/lobby/messages?name=Eve", "hi", 403),
    ] {
        let response = post_fields(&server, &ada(), kind, path, body).await;
        assert_eq!(response.status, status, "{kind} {path} {body}");
        if status == 201 {
            let message = response.json();
            assert_eq!(
                (&message["name"], &message["verified"]),
                (&json!("Ada Lovelace"), &json!(true))
            );
        }
    }
    for (query, code) in [("message=hi", 0), ("message=hi&name=Eve", -1)] {
        let sent = get_as(&server, &format!("/send.php?{query}"), &ada()).await;
        assert_eq!(sent.json()["code"], code, "{query}");
    }
    let page = get_as(&server, MESSAGES, &ada()).await.json();
    let names = page["messages"].as_array().unwrap().iter();
    assert_eq!(
        names
            .filter(|message| message["name"] == "Ada Lovelace")
            .count(),
        3
    );
    assert_eq!(page["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_reaction_has_the_name_of_its_token() {
    let server = server();
    let published = super::publish(&server, "lobby", "hi").await;
    let id = published["id"].as_str().unwrap();
    let react = async |method: &str, query: &str, token: &str| {
        let path = format!("/rooms/lobby/messages/{id}/reactions/{THUMB}{query}");
        let bearer = bearer(token);
        server
            .request(method, &path, &[("authorization", &bearer)], "")
            .await
    };
    assert_eq!(react("PUT", "", &ada()).await.status, 204);
    react("PUT", "?name=Eve", &ada())
        .await
        .assert_problem(403, "forbidden");
    // A token without a name has to bring one.
    let nameless = token(json!({"rooms": {"write": ["lobby"]}, "sub": "8"}));
    react("PUT", "", &nameless)
        .await
        .assert_problem(400, "invalid_name");
    assert_eq!(react("PUT", "?name=Bob", &nameless).await.status, 204);
    let page = get_as(&server, MESSAGES, &writer()).await.json();
    let reactions = &page["messages"][0]["reactions"];
    assert_eq!(reactions[0]["count"], 2);
    assert_eq!(reactions[0]["names"], json!(["Ada Lovelace", "Bob"]));
    // It takes back its own by the subject, and needs no name.
    assert_eq!(react("DELETE", "", &ada()).await.status, 204);
    let page = get_as(&server, MESSAGES, &writer()).await.json();
    assert_eq!(page["messages"][0]["reactions"][0]["names"], json!(["Bob"]));
}

#[tokio::test]
async fn a_stream_joins_under_the_name_of_its_token_only() {
    let server = server();
    let mut silent = events_as(&server, "/rooms/lobby/events", &ada()).await;
    silent.expect("hello").await;
    let members = get_as(&server, "/rooms/lobby/members", &ada()).await;
    assert_eq!(
        members.json()["count"],
        0,
        "a stream without name joins no room"
    );
    let eve = "/rooms/lobby/events?name=Eve";
    get_as(&server, eve, &ada())
        .await
        .assert_problem(403, "forbidden");
    let mut closed = events_as(&server, eve, &ada()).await;
    let close = closed.expect("close").await;
    // It is not about a room: without rooms.
    assert_eq!(close.data, json!({"reason": "forbidden"}));
    assert!(closed.next_or_end().await.is_none());
    let mut named = events_as(&server, "/rooms/lobby/events?name=Ada%20Lovelace", &ada()).await;
    named.expect("hello").await;
    let members = get_as(&server, "/rooms/lobby/members", &ada()).await.json();
    assert_eq!(members["members"][0]["name"], "Ada Lovelace");
}

#[tokio::test]
async fn a_member_with_the_name_of_a_token_types_under_that_name_only() {
    let server = server();
    let ada = ada();
    let bearer = bearer(&ada);
    let fields = [("authorization", &*bearer)];
    let mut stream = events_as(&server, "/rooms/lobby/events?name=Ada%20Lovelace", &ada).await;
    stream.find("presence").await;
    let types = async |path| server.request("POST", path, &fields, "").await;
    types("/rooms/lobby/typing?name=Eve")
        .await
        .assert_problem(403, "forbidden");
    types("/rooms/other/typing")
        .await
        .assert_problem(403, "forbidden");
    assert_eq!(types("/rooms/lobby/typing").await.status, 204);
    let typing = loop {
        if let Some(typing) = stream.find("presence").await.data.get("typing") {
            break typing.clone();
        }
    };
    assert_eq!(typing, json!(["Ada Lovelace"]));
}

#[tokio::test]
async fn a_token_that_fixes_the_name_takes_no_other_name_away() {
    let server = server();
    let of = |name: &str| token(json!({"rooms": {"write": ["lobby"]}, "name": name}));
    let mut bob = events_as(&server, "/rooms/lobby/events?name=Bob", &of("Bob")).await;
    let mut ada = "/rooms/lobby/events?name=Ada%20Lovelace&was=".to_owned();
    get_as(&server, &ada, &self::ada())
        .await
        .assert_problem(400, "invalid_name");
    ada.push_str("Bob");
    let mut ada = events_as(&server, &ada, &self::ada()).await;
    ada.expect("hello").await;
    bob.expect("hello").await;
    drop(bob);
    // Bob is in the grace period, and leaves after it.
    let left = loop {
        let change = ada.find("presence").await.data;
        if change["left"][0]["name"] == "Bob" {
            break change;
        }
    };
    assert_eq!(left["left"][0].get("now"), None);
}

#[tokio::test]
async fn a_message_is_its_author_s_by_the_subject_under_the_same_key() {
    const SECOND: &str = "a second secret of this server: 32 bytes";
    let server = super::server_with(|config| {
        config.tokens.keys.push(super::file("second-key", SECOND));
    });
    let rooms = json!({"write": ["lobby"]});
    let of = |sub: &str| token(json!({"rooms": rooms, "sub": sub, "name": "Ada"}));
    let published = post_as(&server, MESSAGES, &of("7"), &json!({"message": "hi"}))
        .await
        .json();
    let path = format!("{MESSAGES}/{}", published["id"].as_str().unwrap());
    let edit = async |token: &str| {
        let bearer = bearer(token);
        let fields = [super::JSON, ("authorization", &*bearer)];
        server
            .request("PATCH", &path, &fields, r#"{"message":"edited"}"#)
            .await
            .status
    };
    let other_key = super::token_by(SECOND, json!({"rooms": rooms, "sub": "7", "name": "Ada"}));
    // The same name is no proof, and no subject equals no subject.
    let nameless = token(json!({"rooms": rooms, "name": "Ada"}));
    let unrestricted = token(json!({"rooms": {"write": ["*"], "moderate": ["*"]}, "sub": "8"}));
    for stranger in [of("8"), other_key, nameless, unrestricted] {
        assert!([403, 404].contains(&edit(&stranger).await));
    }
    assert_eq!(edit(&of("7")).await, 200);
    // Its author loses it with the right to write.
    let reader = token(json!({"rooms": {"read": ["lobby"]}, "sub": "7"}));
    assert_eq!(edit(&reader).await, 403);
    let anonymous = server
        .request("PATCH", &path, &[super::JSON, ACCEPT_STREAM], "{}")
        .await;
    anonymous.assert_problem(401, "token_required");
}
