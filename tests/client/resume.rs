//! A subscription across cuts, silence, shutdowns and restarts.

use std::time::Duration;

use sse_chat::client::{
    Client, ClientEvent, EventStream, PublishRequest, RetryPolicy, SubscribeRequest,
};

use crate::servers::{Answer, CuttingProxy, FakeServer, RealServer, hello, stream, update};
use crate::{client, next_event, next_events, within};

pub(crate) const FAST: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_millis(1);

pub(crate) async fn publish(client: &Client, room: &str, message: &str) {
    let request = PublishRequest {
        name: "Alice",
        message,
        client_id: None,
        ..PublishRequest::default()
    };
    within(client.publish(room, &request)).await.unwrap();
}

/// Publishes numbered messages in room `a` while they are read. Returns the numbers
/// that were read, and how often the subscription was cut.
pub(crate) async fn read_across_cuts(
    subscription: &mut EventStream,
    sender: &Client,
    messages: u64,
) -> (Vec<u64>, usize) {
    let publishing = async {
        for number in 1..=messages {
            publish(sender, "a", &format!("message {number}")).await;
        }
    };
    let reading = within(async {
        let (mut seen, mut cuts) = (Vec::new(), 0);
        while (seen.len() as u64) < messages {
            match subscription.next().await.unwrap().unwrap() {
                ClientEvent::Message { message, .. } => seen.push(message.number),
                ClientEvent::Cut { .. } => cuts += 1,
                ClientEvent::Hello(_) => {}
                other => panic!("{other:?}"),
            }
        }
        (seen, cuts)
    });
    tokio::join!(publishing, reading).1
}

#[tokio::test]
async fn messages_are_delivered_typed_and_as_sent_json() {
    let server = RealServer::start().await;
    let client = client(server.address);
    let mut subscription = client.subscribe(SubscribeRequest::to("größe"));
    assert!(matches!(
        next_event(&mut subscription).await,
        ClientEvent::Hello(_)
    ));
    publish(&client, "größe", "a\nb").await;
    let ClientEvent::Message { message, json } = next_event(&mut subscription).await else {
        panic!("no message");
    };
    assert_eq!((&*message.message, message.number), ("a\nb", 1));
    assert!(
        json.starts_with("{\"id\":\"") && json.contains("\"a\\nb\""),
        "{json}"
    );
    assert_eq!(subscription.cursor(), Some(&*message.id.to_string()));
}

#[tokio::test]
async fn across_cuts_at_any_byte_each_message_is_delivered_once_and_in_order() {
    const MESSAGES: u64 = 300;
    let server =
        RealServer::start_at("127.0.0.1:0".parse().unwrap(), |config| config.retry = FAST).await;
    let proxy = CuttingProxy::start(server.address, 11).await;
    let mut subscription = client(proxy.address).subscribe(SubscribeRequest {
        retry: RetryPolicy::Always,
        ..SubscribeRequest::to("a")
    });
    // No message may be missing after the first hello.
    while next_event(&mut subscription).await.to_string() != "hello" {}
    let sender = client(server.address);
    let (seen, cuts) = read_across_cuts(&mut subscription, &sender, MESSAGES).await;
    assert_eq!(seen, (1..=MESSAGES).collect::<Vec<_>>());
    assert!(cuts >= 3, "{cuts} cuts");
}

#[tokio::test]
async fn a_restart_on_the_same_port_is_a_gap() {
    let server =
        RealServer::start_at("127.0.0.1:0".parse().unwrap(), |config| config.retry = FAST).await;
    let address = server.address;
    let client = client(address);
    let mut subscription = client.subscribe(SubscribeRequest::to("a"));
    assert_eq!(next_events(&mut subscription, 1).await, ["hello"]);
    publish(&client, "a", "before").await;
    assert_eq!(next_events(&mut subscription, 1).await, ["a 1"]);
    server.kill().await;
    assert!(matches!(
        next_event(&mut subscription).await,
        ClientEvent::Cut { .. }
    ));
    let _server = RealServer::start_at(address, |_| {}).await;
    publish(&client, "a", "after").await;
    let mut all = next_events(&mut subscription, 3).await;
    while all.iter().any(|event| event.starts_with("cut")) {
        all.retain(|event| !event.starts_with("cut"));
        all.extend(next_events(&mut subscription, 1).await);
    }
    assert_eq!(
        all[..2],
        ["hello", "gap a restart lost ? after 1 counted ?"]
    );
    if all.len() == 2 {
        all.extend(next_events(&mut subscription, 1).await);
    }
    assert_eq!(all[2], "a 1");
}

#[tokio::test]
async fn a_subscription_reconnects_after_a_shutdown() {
    let server =
        RealServer::start_at("127.0.0.1:0".parse().unwrap(), |config| config.retry = FAST).await;
    let mut subscription = client(server.address).subscribe(SubscribeRequest::to("a"));
    assert_eq!(next_events(&mut subscription, 1).await, ["hello"]);
    server.stop().await;
    assert_eq!(
        next_events(&mut subscription, 1).await,
        ["cut: the server is shutting down"]
    );
}

#[tokio::test]
async fn a_name_joins_its_room_and_gets_the_presence() {
    let server = RealServer::start().await;
    let mut subscription = client(server.address).subscribe(SubscribeRequest {
        name: Some("Bob B".into()),
        ..SubscribeRequest::to("a")
    });
    assert_eq!(
        next_events(&mut subscription, 2).await,
        ["hello", "presence a 1"]
    );
}

#[tokio::test]
async fn a_silent_stream_is_closed() {
    let mut fake = FakeServer::start(vec![
        Answer::held(stream(&(hello(0, 40, 1) + &update(1, 1)))),
        Answer::held(stream(&(hello(1, 60_000, 2) + &update(2, 2)))),
    ])
    .await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    assert_eq!(
        next_events(&mut subscription, 5).await,
        ["hello", "a 1", "cut: silent for 0.1 s", "hello", "a 2"]
    );
    assert!(!fake.request().await.contains("last-event-id"));
    assert!(fake.request().await.contains("last-event-id: e-1\r\n"));
}

#[tokio::test]
async fn backoff_stays_within_a_bound_that_doubles() {
    let fake = FakeServer::start(vec![Answer::closed(stream(&hello(0, 60_000, 1)))]).await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    let mut waits = Vec::new();
    while waits.len() < 5 {
        if let ClientEvent::Cut { wait, .. } = next_event(&mut subscription).await {
            waits.push(wait);
        }
    }
    for (attempt, wait) in waits.iter().enumerate() {
        let most = Duration::from_millis(60 << attempt);
        assert!(*wait <= most, "{waits:?}");
    }
}

#[tokio::test]
async fn close_ends_a_subscription_for_good() {
    let end = "event: close\ndata: {\"reason\":\"over\"}\n\n";
    let fake = FakeServer::start(vec![Answer::held(stream(&(hello(0, 60_000, 1) + end)))]).await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    assert_eq!(next_events(&mut subscription, 1).await, ["hello"]);
    for _ in 0..2 {
        assert!(within(subscription.next()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_busy_server_is_retried_even_at_the_first_attempt() {
    let busy = "retry: 60\nevent: busy\ndata: {\"reason\":\"readers\",\"retry_ms\":60}\n\n";
    let fake = FakeServer::start(vec![
        Answer::closed(stream(busy)),
        Answer::held(stream(&hello(0, 60_000, 1))),
    ])
    .await;
    let mut subscription = client(fake.address).subscribe(SubscribeRequest::to("a"));
    assert_eq!(
        next_events(&mut subscription, 2).await,
        ["cut: the server is busy: readers", "hello"]
    );
}
