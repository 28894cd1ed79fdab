//! The token of a client: sent with each request, replaced, and never shown.

use sse_chat::client::{AccessToken, ClientEvent, EventRequest, PublishRequest, SubscribeRequest};

use crate::servers::{Answer, FakeServer, hello, message, stream, update, whole};
use crate::{client, next_event, within};

fn token(text: &str) -> AccessToken {
    text.parse().unwrap()
}

#[tokio::test]
async fn every_request_has_the_token_and_no_debug_shows_it() {
    let mut fake = FakeServer::start(vec![
        Answer::closed(whole("201 Created", "application/json", &message(1, 1))),
        Answer::closed(whole(
            "201 Created",
            "application/json",
            r#"{"id":"e-2","room":"a","event":"x"}"#,
        )),
        Answer::held(stream(&hello(2, 1000, 1))),
        Answer::closed(whole("200 OK", "text/plain", "ok")),
    ])
    .await;
    let client = client(fake.address).with_token(token("abc.def"));
    assert!(!format!("{client:?}").contains("abc.def"));
    let request = PublishRequest {
        name: "A",
        message: "m",
        ..PublishRequest::default()
    };
    within(client.publish("a", &request)).await.unwrap();
    within(client.publish_event("a", &EventRequest::text("x", "y")))
        .await
        .unwrap();
    let mut subscription = client.subscribe(SubscribeRequest::to("a"));
    next_event(&mut subscription).await;
    assert!(!format!("{subscription:?}").contains("abc.def"));
    within(client.health()).await.unwrap();
    for _ in 0..4 {
        let head = fake.request().await;
        assert!(
            head.contains("\r\nauthorization: bearer abc.def\r\n"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn without_a_token_none_is_sent() {
    let mut fake =
        FakeServer::start(vec![Answer::closed(whole("200 OK", "text/plain", "ok"))]).await;
    let client = client(fake.address).with_token(token("abc"));
    client.clone().set_token(None);
    within(client.health()).await.unwrap();
    assert!(!fake.request().await.contains("authorization"));
}

#[tokio::test]
async fn a_reopened_subscription_resumes_with_the_new_token() {
    let close = "event: close\ndata: {\"reason\":\"token_expired\"}\n\n";
    let expiring = "event: expiring\ndata: {\"expires_at\":\"2026-11-28T00:00:00Z\"}\n\n";
    let first = hello(0, 60_000, 1) + &update(1, 1) + expiring;
    let mut fake = FakeServer::start(vec![
        Answer::held(stream(&first)),
        Answer::held(stream(&(hello(1, 60_000, 2) + &update(2, 2) + close))),
        Answer::held(stream(&(hello(2, 60_000, 3) + &update(3, 3)))),
    ])
    .await;
    let client = client(fake.address).with_token(token("one"));
    let mut subscription = client.subscribe(SubscribeRequest::to("a"));
    let mut numbers = Vec::new();
    for name in ["one", "two", "three"] {
        let head = async {
            loop {
                match within(subscription.next()).await.unwrap() {
                    Some(ClientEvent::Message { message, .. }) => numbers.push(message.number),
                    Some(ClientEvent::Expiring(_)) => return Some("expiring"),
                    Some(ClientEvent::Hello(_)) => {}
                    Some(other) => panic!("{other}"),
                    None => return Some("closed"),
                }
                if numbers.len() == 3 {
                    return None;
                }
            }
        };
        let ended_by = head.await;
        let head = fake.request().await;
        let sent = format!("\r\nauthorization: bearer {name}\r\n");
        assert!(head.contains(&sent), "{head}");
        let cursor = match name {
            "one" => None,
            "two" => Some("e-1"),
            _ => Some("e-2"),
        };
        match cursor {
            Some(cursor) => assert!(head.contains(&format!("last-event-id: {cursor}\r\n"))),
            None => assert!(!head.contains("last-event-id")),
        }
        match ended_by {
            Some("expiring") => client.set_token(Some(token("two"))),
            Some(_) => {
                assert!(subscription.close().is_some());
                client.set_token(Some(token("three")));
            }
            None => break,
        }
        subscription.reopen();
        assert!(subscription.close().is_none());
    }
    assert_eq!(numbers, [1, 2, 3]);
}
