//! Tickets: one stream each, once, and nothing else.

use serde_json::json;

use super::{
    ACCEPT_STREAM, OTHER_SECRET, SECRET, bearer, events_as, file, get_as, now, post_as, publish,
    replace_file, server, server_with, token, with_rooms, writer,
};
use crate::support::{Response, TestServer};
use crate::witness::until_readers;

const EVENTS: &str = "/rooms/lobby/events";

async fn ticket(server: &TestServer, token: &str) -> String {
    let issued = post_as(server, "/tickets", token, &json!({})).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    assert_eq!(issued.header("cache-control"), Some("no-store"));
    issued.json()["ticket"].as_str().unwrap().to_owned()
}

/// The first event that a stream with this ticket gets.
async fn first_event(server: &TestServer, path: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = [ACCEPT_STREAM].iter().chain(fields).copied().collect();
    let mut reader = server.events_with(path, &fields).await;
    let first = reader.next().await;
    match first.data["reason"].as_str() {
        Some(reason) => format!("{} {reason}", first.event),
        None => first.event,
    }
}

fn with(path: &str, ticket: &str) -> String {
    let join = if path.contains('?') { '&' } else { '?' };
    format!("{path}{join}ticket={ticket}")
}

#[tokio::test]
async fn a_ticket_opens_one_stream_of_each_kind_once() {
    let server = server();
    for path in [EVENTS, "/events?room=lobby&room=other", "/sse.php"] {
        let path = with(path, &ticket(&server, &writer()).await);
        assert_eq!(first_event(&server, &path, &[]).await, "hello");
        assert_eq!(first_event(&server, &path, &[]).await, "close ticket_used");
        // Clients that read a status get one.
        let again = server.get(&path).await;
        again.assert_problem(401, "token_invalid");
        let challenge = again.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""));
    }
    for unknown in ["", "x", "%FF", &"A".repeat(43)] {
        let answer = server.get(&with(EVENTS, unknown)).await;
        assert!([400, 401].contains(&answer.status), "{answer:?}");
    }
    let twice = with(&with(EVENTS, "a"), "b");
    server
        .get(&twice)
        .await
        .assert_problem(400, "invalid_query");
}

#[tokio::test]
async fn of_a_thousand_streams_with_one_ticket_at_once_one_opens() {
    let server = std::sync::Arc::new(server());
    let path = with(EVENTS, &ticket(&server, &writer()).await);
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let (server, path) = (std::sync::Arc::clone(&server), path.clone());
        opening.spawn(async move { first_event(&server, &path, &[]).await });
    }
    let mut events = opening.join_all().await;
    events.sort();
    assert_eq!(events.pop().as_deref(), Some("hello"));
    assert!(
        events.iter().all(|event| event == "close ticket_used"),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_refused_or_busy_stream_spends_no_ticket() {
    let server = server_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.max_streams_per_address = 1;
    });
    let reader = with_rooms(&json!({"read": ["lobby"]}));
    let ticket = ticket(&server, &reader).await;
    let path = with(EVENTS, &ticket);
    // A room that may not be read, and one of two.
    for other in ["/rooms/other/events", "/events?room=lobby&room=other"] {
        let event = first_event(&server, &with(other, &ticket), &[]).await;
        assert_eq!(event, "close forbidden");
    }
    // A query that is not valid, HEAD, a page of another origin.
    let invalid = format!("{path}&backlog=x");
    server
        .get(&invalid)
        .await
        .assert_problem(400, "invalid_query");
    assert_eq!(server.request("HEAD", &path, &[], "").await.status, 200);
    let foreign = [("sec-fetch-site", "cross-site")];
    let refused = server.request("GET", &path, &foreign, "").await;
    refused.assert_problem(403, "cross_origin");
    // No place for another stream.
    let first = events_as(&server, EVENTS, &reader).await;
    until_readers(&server, 1).await;
    assert_eq!(first_event(&server, &path, &[]).await, "busy address");
    drop(first);
    until_readers(&server, 0).await;
    assert_eq!(first_event(&server, &path, &[]).await, "hello");
    until_readers(&server, 0).await;
    assert_eq!(first_event(&server, &path, &[]).await, "close ticket_used");
}

#[tokio::test]
async fn a_stream_goes_on_with_another_ticket_and_not_by_the_browser_s_own_reconnect() {
    let server = server();
    let first = publish(&server, "lobby", "one").await;
    let id = first["id"].as_str().unwrap();
    let path = with(EVENTS, &ticket(&server, &writer()).await);
    assert_eq!(first_event(&server, &path, &[]).await, "hello");
    publish(&server, "lobby", "two").await;
    let reconnect = [("last-event-id", id)];
    assert_eq!(
        first_event(&server, &path, &reconnect).await,
        "close ticket_used"
    );
    let path = with(EVENTS, &ticket(&server, &writer()).await);
    let path = format!("{path}&last_event_id={id}");
    let mut resumed = server.events(&path).await;
    resumed.expect("hello").await;
    assert_eq!(resumed.expect("update").await.data["message"], "two");
}

#[tokio::test]
async fn on_other_routes_a_ticket_is_nothing() {
    let server = server();
    let ticket = ticket(&server, &writer()).await;
    let body = r#"{"name":"Ada","message":"hi"}"#;
    for (method, path) in [
        ("GET", "/rooms/lobby/messages"),
        ("POST", "/rooms/lobby/messages"),
        ("POST", "/rooms/lobby/events"),
        ("GET", "/rooms/lobby/members"),
        ("POST", "/tickets"),
        ("POST", "/session"),
    ] {
        let answer = server
            .request(method, &with(path, &ticket), &[super::JSON], body)
            .await;
        answer.assert_problem(401, "token_required");
    }
    let sent = server
        .get(&with("/send.php?name=Ada&message=hi", &ticket))
        .await;
    assert_eq!(sent.json()["code"], -1);
    // Nor is it a token.
    let as_token = get_as(&server, EVENTS, &ticket).await;
    as_token.assert_problem(401, "token_invalid");
    assert_eq!(
        first_event(&server, &with(EVENTS, &ticket), &[]).await,
        "hello"
    );
}

#[tokio::test]
async fn a_ticket_stands_between_the_header_and_the_cookie() {
    let server = server();
    let good = writer();
    let cookie = format!("sse_chat_token={good}");
    let cookie = [("cookie", &*cookie)];
    assert_eq!(first_event(&server, EVENTS, &cookie).await, "hello");
    let used = with(EVENTS, "used");
    assert_eq!(
        first_event(&server, &used, &cookie).await,
        "close ticket_used"
    );
    let good_header = bearer(&good);
    let header = [("authorization", &*good_header)];
    assert_eq!(first_event(&server, &used, &header).await, "hello");
    let fresh = with(EVENTS, &ticket(&server, &good).await);
    let bad = [("authorization", "Bearer x")];
    assert_eq!(
        first_event(&server, &fresh, &bad).await,
        "close token_invalid"
    );
    assert_eq!(first_event(&server, &fresh, &[]).await, "hello");
}

#[tokio::test]
async fn a_ticket_has_the_rights_and_the_name_of_its_token_and_not_its_time_twice() {
    let server = server();
    let exp = now() + 20;
    let ada = token(json!({"rooms": {"read": ["lobby"]}, "name": "Ada", "exp": exp}));
    let issued: Response = post_as(&server, "/tickets", &ada, &json!({})).await;
    let issued = issued.json();
    let expires_at: jiff::Timestamp = issued["expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires_at.as_second(), i64::try_from(exp).unwrap());
    let ticket = issued["ticket"].as_str().unwrap();
    let eve = with("/rooms/lobby/events?name=Eve", ticket);
    assert_eq!(first_event(&server, &eve, &[]).await, "close forbidden");
    let own = with("/rooms/lobby/events?name=Ada", ticket);
    assert_eq!(first_event(&server, &own, &[]).await, "hello");
}

#[tokio::test]
async fn a_ticket_ends_with_the_key_of_its_token() {
    let key = file("key-of-tickets", SECRET);
    let server = TestServer::start_with(|config| config.tokens.keys = vec![key.clone()]);
    let path = with(EVENTS, &ticket(&server, &writer()).await);
    let verifier = server.app().verifier().unwrap();
    // The same keys again change nothing.
    verifier.reload().unwrap();
    replace_file(&key, OTHER_SECRET);
    verifier.reload().unwrap();
    assert_eq!(first_event(&server, &path, &[]).await, "close ticket_used");
    get_as(&server, EVENTS, &writer())
        .await
        .assert_problem(401, "token_invalid");
    replace_file(&key, SECRET);
    verifier.reload().unwrap();
    assert_eq!(first_event(&server, &path, &[]).await, "close ticket_used");
    let path = with(EVENTS, &ticket(&server, &writer()).await);
    verifier.reload().unwrap();
    assert_eq!(first_event(&server, &path, &[]).await, "hello");
}
