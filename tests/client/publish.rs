//! Publishing and health checks.

use std::time::Duration;

use sse_chat::client::{
    Client, ClientEvent, Error, EventRequest, PublishRequest, SubscribeRequest,
};
use sse_chat::protocol::ProblemCode;
use tokio::net::TcpListener;

use crate::servers::{Answer, FakeServer, RealServer, message, whole};
use crate::{client, next_event, within};

const HI: PublishRequest<'_> = PublishRequest {
    name: "Alice",
    message: "hi",
    client_id: Some("c-1"),
    reply_to: None,
    edit_key: None,
};

async fn publish_error(answer: Answer) -> Error {
    let fake = FakeServer::start(vec![answer]).await;
    within(client(fake.address).publish("a", &HI))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn retries_with_the_same_client_id_are_deduplicated() {
    let server = RealServer::start().await;
    let client = client(server.address);
    let first = within(client.publish("größe", &HI)).await.unwrap();
    let again = within(client.publish("größe", &HI)).await.unwrap();
    assert!(!first.is_duplicate && again.is_duplicate);
    assert_eq!(first.json, again.json);
    assert_eq!((&*first.message.room, first.message.number), ("größe", 1));
}

#[tokio::test]
async fn another_message_under_a_client_id_is_refused() {
    let server = RealServer::start().await;
    let client = client(server.address);
    let first = within(client.publish("a", &HI)).await.unwrap();
    assert_eq!(first.message.client_id.as_deref(), Some("c-1"));
    for other in [
        PublishRequest { name: "Bob", ..HI },
        PublishRequest {
            message: "ho",
            ..HI
        },
    ] {
        let error = within(client.publish("a", &other)).await.unwrap_err();
        assert!(
            matches!(&error, Error::Refused(refusal) if refusal.code == Some(ProblemCode::ClientIdReused.into()) && !refusal.is_transient()),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn the_largest_message_of_the_largest_limit_is_acknowledged_and_delivered() {
    let server = RealServer::start_at("127.0.0.1:0".parse().unwrap(), |config| {
        config.max_message_bytes = 1 << 20;
    })
    .await;
    let client = client(server.address);
    let mut subscription = client.subscribe(SubscribeRequest::to("a"));
    assert!(matches!(
        next_event(&mut subscription).await,
        ClientEvent::Hello(_)
    ));
    // Each of them has two bytes in JSON.
    let text = "\"".repeat(1 << 20);
    let say = PublishRequest {
        message: &text,
        ..HI
    };
    let said = within(client.publish("a", &say)).await.unwrap();
    assert_eq!(said.message.message, text);
    match next_event(&mut subscription).await {
        ClientEvent::Message { message, .. } => assert_eq!(message.id, said.message.id),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_refusal_has_its_reason() {
    let server = RealServer::start().await;
    let say = PublishRequest { message: "", ..HI };
    let error = within(client(server.address).publish("a", &say))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Refused(refusal) if refusal.code == Some(ProblemCode::InvalidMessage.into())),
        "{error:?}"
    );
}

/// A server on which every client may publish events.
async fn open_server() -> RealServer {
    RealServer::start_at("127.0.0.1:0".parse().unwrap(), |config| {
        config.open_events = true;
    })
    .await
}

#[tokio::test]
async fn an_event_is_published_once_and_delivered_as_it_was() {
    let server = open_server().await;
    let client = client(server.address);
    let mut subscription = client.subscribe(SubscribeRequest::to("größe"));
    next_event(&mut subscription).await;
    let news = EventRequest {
        content_type: "text/html; charset=utf-8",
        client_id: Some("n-1"),
        ..EventRequest::text("news:1", "<p>\n&amp; é</p>\n")
    };
    let first = within(client.publish_event("größe", &news)).await.unwrap();
    let again = within(client.publish_event("größe", &news)).await.unwrap();
    assert!(!first.is_duplicate && again.is_duplicate);
    assert_eq!(first.receipt, again.receipt);
    assert_eq!(
        (&*first.receipt.room, &*first.receipt.event),
        ("größe", "news:1")
    );
    let ClientEvent::Event { event, .. } = next_event(&mut subscription).await else {
        panic!("no event");
    };
    assert_eq!((event.id, &*event.data), (first.receipt.id, news.payload));
    let other = EventRequest {
        payload: "",
        ..news
    };
    let error = within(client.publish_event("größe", &other)).await;
    assert_eq!(refusal(error), ProblemCode::ClientIdReused);
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> ProblemCode {
    match result {
        Err(Error::Refused(refusal)) => refusal.code.unwrap().known().unwrap(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_refused_event_has_its_reason() {
    let server = open_server().await;
    let client = client(server.address);
    let json = EventRequest {
        content_type: "application/json",
        ..EventRequest::text("x", "{")
    };
    let image = EventRequest {
        content_type: "image/png",
        ..json
    };
    let broken = EventRequest {
        content_type: "text/plain\r\nX: y",
        ..json
    };
    let large = "x".repeat(100_000);
    for (request, code) in [
        (json, ProblemCode::InvalidJson),
        (image, ProblemCode::UnsupportedMediaType),
        (broken, ProblemCode::UnsupportedMediaType),
        (EventRequest::text("a&b=c", ""), ProblemCode::InvalidEvent),
        (EventRequest::text("update", ""), ProblemCode::InvalidEvent),
        (EventRequest::text("x", &large), ProblemCode::EventTooLarge),
    ] {
        let result = within(client.publish_event("a", &request)).await;
        assert_eq!(refusal(result), code, "{}", request.event);
    }
    let closed = RealServer::start().await;
    let client = crate::client(closed.address);
    let result = within(client.publish_event("a", &EventRequest::text("x", "y"))).await;
    assert_eq!(refusal(result), ProblemCode::Forbidden);
}

#[tokio::test]
async fn a_response_that_is_no_event_is_no_sse_chat() {
    let answer = whole("201 Created", "application/json", "{}");
    let fake = FakeServer::start(vec![Answer::held(answer)]).await;
    let request = EventRequest::text("x", "y");
    let error = within(client(fake.address).publish_event("a", &request)).await;
    assert!(matches!(&error, Err(Error::NotSseChat(_))), "{error:?}");
}

#[tokio::test]
async fn a_response_that_is_no_message_is_no_sse_chat() {
    for answer in [
        whole("200 OK", "text/html", "<p>hi"),
        whole("201 Created", "application/json", "{}"),
        whole("202 Accepted", "application/json", &message(1, 1)),
    ] {
        let error = publish_error(Answer::held(answer)).await;
        assert!(matches!(&error, Error::NotSseChat(_)), "{error:?}");
    }
    let cut = publish_error(Answer::closed("")).await;
    assert!(matches!(cut, Error::Cut(_)), "{cut:?}");
    let cut = publish_error(Answer::closed(
        "HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\n{",
    ))
    .await;
    assert!(matches!(cut, Error::Cut(_)), "{cut:?}");
}

#[tokio::test]
async fn a_missing_response_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap()).with_timeout(Duration::from_millis(50));
    let error = within(client.publish("a", &HI)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn only_ok_is_healthy() {
    let server = RealServer::start().await;
    within(client(server.address).health()).await.unwrap();
    within(client(server.address).readiness()).await.unwrap();
    for answer in [
        whole("200 OK", "text/html", "<p>ok"),
        whole("503 Service Unavailable", "text/plain", "draining"),
        whole("204 No Content", "text/plain", ""),
    ] {
        let fake = FakeServer::start(vec![Answer::closed(answer)]).await;
        within(client(fake.address).readiness()).await.unwrap_err();
    }
}

#[test]
fn https_needs_certificates_only_when_it_is_used() {
    // Fails on a machine without certificates, but must not panic.
    let _ = Client::new("https://chat.example".parse().unwrap());
    Client::new("http://chat.example".parse().unwrap()).unwrap();
}
