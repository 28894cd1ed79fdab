//! Bans: what a banned author can't do, and how a ban ends.

use super::*;

/// A person with a `sub`, who may write everywhere.
fn person(sub: &str) -> String {
    token(json!({"sub": sub, "rooms": {"write": ["*"], "events": ["*"]}}))
}

fn moderator(sub: &str) -> String {
    token(json!({"sub": sub, "rooms": {"write": ["*"], "moderate": ["*"]}}))
}

async fn ask(server: &TestServer, method: &str, path: &str, token: &str) -> Response {
    let bearer = bearer(token);
    let fields = [JSON, ("authorization", &*bearer)];
    let body = match method {
        "POST" | "PATCH" => r#"{"name":"Eve","message":"x"}"#,
        _ => "",
    };
    server.request(method, path, &fields, body).await
}

/// Publishes in the lobby, and returns the id.
async fn say(server: &TestServer, token: &str) -> String {
    let body = json!({"name": "Eve", "message": "hi"});
    let said = post_as(server, "/rooms/lobby/messages", token, &body).await;
    assert_eq!(said.status, 201, "{said:?}");
    said.json()["id"].as_str().unwrap().to_owned()
}

async fn ban(server: &TestServer, message: &str, by: &str) {
    let path = format!("/rooms/lobby/bans?message={message}&for=1h");
    assert_eq!(ask(server, "PUT", &path, by).await.status, 204);
}

fn is_banned(response: &Response) -> bool {
    response.status == 403 && response.json()["code"] == "forbidden"
}

#[tokio::test]
async fn a_banned_author_is_refused_on_every_route_of_the_room_until_the_ban_is_lifted() {
    let server = server();
    let (eve, ada, moderator) = (person("eve"), person("ada"), moderator("mo"));
    let message = say(&server, &eve).await;
    let mut stream = events_as(&server, "/events?room=lobby&room=other", &eve).await;
    assert_eq!(stream.next().await.event, "hello");
    ban(&server, &message, &moderator).await;
    let close = stream.next().await;
    assert_eq!(close.event, "close");
    let forbidden = json!({"reason": "forbidden", "rooms": ["lobby"]});
    assert_eq!(close.data, forbidden);
    let own = format!("/rooms/lobby/messages/{message}");
    let reaction = format!("{own}/reactions/%F0%9F%91%8D?name=Eve");
    let routes = [
        ("GET", "/rooms/lobby/messages"),
        ("GET", "/rooms/lobby/members"),
        ("GET", "/rooms/lobby/events"),
        ("GET", "/events?room=other&room=lobby"),
        ("GET", "/sse.php"),
        ("POST", "/rooms/lobby/messages"),
        ("POST", "/rooms/lobby/events"),
        ("PATCH", own.as_str()),
        ("DELETE", own.as_str()),
        ("PUT", reaction.as_str()),
        ("DELETE", reaction.as_str()),
    ];
    for (method, path) in routes {
        let refused = ask(&server, method, path, &eve).await;
        assert!(is_banned(&refused), "{method} {path}: {refused:?}");
    }
    let refused = events_as(&server, "/events?room=other&room=lobby", &eve)
        .await
        .next()
        .await;
    assert_eq!(refused.data, forbidden);
    // Another room, and another person.
    assert_eq!(
        ask(&server, "POST", "/rooms/other/messages", &eve)
            .await
            .status,
        201
    );
    assert_eq!(
        ask(&server, "POST", "/rooms/lobby/messages", &ada)
            .await
            .status,
        201
    );
    let lift = format!("/rooms/lobby/bans?message={message}");
    assert_eq!(ask(&server, "DELETE", &lift, &moderator).await.status, 204);
    assert_eq!(ask(&server, "DELETE", &lift, &moderator).await.status, 404);
    assert_eq!(ask(&server, "DELETE", &own, &eve).await.status, 204);
}

#[tokio::test]
async fn the_list_names_the_message_the_name_and_the_end_and_no_address() {
    let server = server();
    let (eve, moderator) = (person("eve"), moderator("mo"));
    let message = say(&server, &eve).await;
    ban(&server, &message, &moderator).await;
    let list = ask(&server, "GET", "/rooms/lobby/bans", &moderator).await;
    let until = list.json()["bans"][0]["until"].as_str().unwrap().to_owned();
    assert_eq!(
        String::from_utf8(list.body.clone()).unwrap(),
        format!(
            r#"{{"room":"lobby","bans":[{{"message":"{message}","name":"Eve","until":"{until}"}}]}}"#
        )
    );
    assert_eq!(until.len(), "2026-11-28T05:02:44Z".len());
    let refused = ask(&server, "GET", "/rooms/lobby/bans", &eve).await;
    assert!(is_banned(&refused), "{refused:?}");
}

#[tokio::test]
async fn an_author_without_a_sub_is_banned_by_the_address() {
    let server = server_with(|config| {
        config.tokens.anonymous = Some(sse_chat::config::Anonymous::Write);
    });
    let body = r#"{"name":"Eve","message":"hi"}"#;
    let post = async |path: &'static str| server.request("POST", path, &[JSON], body).await;
    let said = post("/rooms/lobby/messages").await;
    let message = said.json()["id"].as_str().unwrap().to_owned();
    ban(&server, &message, &moderator("mo")).await;
    assert!(is_banned(&post("/rooms/lobby/messages").await));
    assert_eq!(post("/rooms/other/messages").await.status, 201);
    // A person with a `sub` at the same address is another author.
    say(&server, &person("ada")).await;
}

#[tokio::test]
async fn a_moderator_who_is_banned_can_lift_the_ban_and_nothing_else() {
    let server = server();
    let (first, second) = (moderator("first"), moderator("second"));
    let message = say(&server, &first).await;
    ban(&server, &message, &second).await;
    let read = ask(&server, "GET", "/rooms/lobby/messages", &first).await;
    assert!(is_banned(&read));
    let lift = format!("/rooms/lobby/bans?message={message}");
    assert_eq!(ask(&server, "DELETE", &lift, &first).await.status, 204);
    let read = ask(&server, "GET", "/rooms/lobby/messages", &first).await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn a_ban_needs_a_message_that_history_holds_and_a_time_within_a_year() {
    let server = server();
    let (eve, moderator) = (person("eve"), moderator("mo"));
    let message = say(&server, &eve).await;
    for (query, status, code) in [
        (String::new(), 400, "invalid_query"),
        ("message=x".to_owned(), 400, "invalid_query"),
        (format!("message={message}&for=0s"), 400, "invalid_query"),
        (format!("message={message}&for=367d"), 400, "invalid_query"),
        (
            format!("message={message}&for=1h&for=1h"),
            400,
            "invalid_query",
        ),
        ("message=e-1".to_owned(), 404, "not_found"),
        (format!("message={message}9"), 404, "not_found"),
    ] {
        let path = format!("/rooms/lobby/bans?{query}");
        let refused = ask(&server, "PUT", &path, &moderator).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (status, &json!(code)),
            "{query}"
        );
    }
    let list = ask(&server, "GET", "/rooms/lobby/bans", &moderator).await;
    assert_eq!(list.json()["bans"], json!([]));
    assert_eq!(
        ask(&server, "POST", "/rooms/lobby/messages", &eve)
            .await
            .status,
        201
    );
}
