//! Servers that lose or duplicate messages, break streams, refuse, or are no
//! sse-chat: each is a clear event or error, without a panic or a hang.

use sse_chat::client::{ClientEvent, Error, RetryPolicy, SubscribeRequest};
use sse_chat::protocol::ProblemCode;
use tokio::net::TcpListener;

use crate::servers::{Answer, FakeServer, hello, stream, update, whole};
use crate::{client, error, next_event, next_events, within};

async fn first_error(answer: Answer) -> (Error, String) {
    let fake = FakeServer::start(vec![answer]).await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    let error = error(&mut subscription).await;
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    (error, line)
}

#[tokio::test]
async fn duplicated_messages_are_dropped_and_counted() {
    let events = hello(0, 60_000, 1)
        + &update(1, 1)
        + &update(1, 1)
        + &update(2, 2)
        + &update(1, 1)
        + &update(3, 3);
    let fake = FakeServer::start(vec![Answer::held(stream(&events))]).await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    assert_eq!(
        next_events(&mut subscription, 4).await,
        ["hello", "a 1", "a 2", "a 3"]
    );
    assert_eq!(subscription.duplicates(), 2);
}

#[tokio::test]
async fn lost_messages_are_reported() {
    let events = hello(0, 60_000, 1) + &update(1, 1) + &update(5, 5) + &update(6, 6);
    let fake = FakeServer::start(vec![Answer::held(stream(&events))]).await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    assert_eq!(
        next_events(&mut subscription, 5).await,
        ["hello", "a 1", "missing a 1 5", "a 5", "a 6"]
    );
}

#[tokio::test]
async fn a_response_that_is_no_event_stream_is_no_sse_chat() {
    let (error, line) = first_error(Answer::held(whole(
        "200 OK",
        "text/html; charset=utf-8",
        "<p>hi",
    )))
    .await;
    assert!(matches!(error, Error::NotSseChat(_)), "{error:?}");
    assert!(
        line.ends_with("answered 200 text/html, which is no event stream"),
        "{line}"
    );
    let (error, line) = first_error(Answer::closed("SSH-2.0-OpenSSH_9.2\r\n")).await;
    assert!(matches!(error, Error::Cut(_)), "{error:?} {line}");
    let moved = "HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n";
    let (error, line) = first_error(Answer::closed(moved)).await;
    assert!(matches!(error, Error::NotSseChat(_)), "{error:?} {line}");
}

#[tokio::test]
async fn a_foreign_event_stream_is_no_sse_chat() {
    let long = ":".to_owned() + &"x".repeat(3 << 20);
    for (events, word) in [
        ("", "the server ended the stream"),
        ("data: hi\n\n", "the server ended the stream"),
        (&*update(1, 1), "before hello"),
        ("event: fresh\ndata:\n\n", "before hello"),
        ("event: hello\ndata: {}\n\n", "broken hello"),
        (&*long, "longer than"),
    ] {
        let (error, line) = first_error(Answer::closed(stream(events))).await;
        assert!(matches!(error, Error::NotSseChat(_)), "{error:?}");
        assert!(line.contains(word), "{line}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_after_hello_is_cut_and_retried() {
    let long = "data: ".to_owned() + &"x".repeat(3 << 20);
    let broken = [
        "event: update\ndata: {\n\n",
        "event: gap\ndata: 7\n\n",
        &long,
    ];
    let mut answers: Vec<Answer> = broken
        .iter()
        .map(|events| Answer::held(stream(&(hello(0, 60_000, 1) + events))))
        .collect();
    answers.push(Answer::held(stream(&(hello(0, 60_000, 1) + &update(1, 1)))));
    let fake = FakeServer::start(answers).await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    let all = next_events(&mut subscription, 8).await;
    for (index, word) in [(1, "broken update"), (3, "broken gap"), (5, "longer than")] {
        assert!(all[index].starts_with("cut: "), "{all:?}");
        assert!(all[index].contains(word), "{all:?}");
    }
    assert_eq!(all[6..], ["hello", "a 1"]);
}

#[tokio::test]
async fn a_refusal_ends_the_subscription_with_its_code() {
    let problem = r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"a room's name is \u001b[2J short","code":"invalid_room"}"#;
    let (error, line) = first_error(Answer::closed(whole(
        "400 Bad Request",
        "application/problem+json",
        problem,
    )))
    .await;
    let Error::Refused(refusal) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (refusal.status, refusal.code),
        (400, Some(ProblemCode::InvalidRoom.into()))
    );
    assert_eq!(
        line,
        "refused: a room's name is [2J short (400 invalid_room)"
    );
    let (_, line) = first_error(Answer::closed(whole("404 Not Found", "text/html", "<h1>"))).await;
    assert!(line.ends_with(" answered 404 not found"), "{line}");
    let endless = "HTTP/1.1 403 Forbidden\r\n\r\n".to_owned() + &"x".repeat(1 << 20);
    let (_, line) = first_error(Answer::held(endless)).await;
    assert!(line.ends_with(" answered 403 forbidden"), "{line}");
}

#[tokio::test]
async fn a_temporary_refusal_is_retried_once_connected() {
    let full = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    let gone = whole("404 Not Found", "text/plain", "no more");
    let fake = FakeServer::start(vec![
        Answer::closed(stream(&hello(0, 60_000, 1))),
        Answer::closed(full),
        Answer::closed(whole("200 OK", "text/html", "<p>starting")),
        Answer::closed(gone),
    ])
    .await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    let all = next_events(&mut subscription, 4).await;
    assert!(all[2].ends_with("503 service unavailable"), "{all:?}");
    assert!(all[3].contains("text/html"), "{all:?}");
    let end = error(&mut subscription).await.to_string();
    assert!(end.ends_with(" answered 404 no more"), "{end}");
    assert!(within(subscription.next()).await.unwrap().is_none());
}

/// An address without a listener.
async fn unused_address() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn without_a_listener_the_first_attempt_fails_unless_retries_are_enabled() {
    let address = unused_address().await;
    let mut subscription = client(address).subscribe(SubscribeRequest::to("a"));
    assert_eq!(
        error(&mut subscription).await,
        Error::Unreachable(format!("can't reach http://{address}: connection refused"))
    );
    let mut patient = client(address).subscribe(SubscribeRequest {
        retry: RetryPolicy::Always,
        ..SubscribeRequest::to("a")
    });
    assert!(matches!(
        next_event(&mut patient).await,
        ClientEvent::Cut { .. }
    ));
}
