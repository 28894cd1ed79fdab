//! Publishing and subscriptions over TLS and HTTP/2, across cuts, resets and
//! shutdowns. Certificates that are refused are in `certificates`.

use std::time::{Duration, SystemTime};

use sse_chat::client::{
    Client, ClientEvent, EventRequest, EventStream, RetryPolicy, SubscribeRequest,
};

use crate::front::{Front, Identity, TRANSPORTS, Transport};
use crate::resume::{FAST, publish, read_across_cuts};
use crate::servers::{Answer, CuttingProxy, FakeServer, RealServer, hello, stream, update};
use crate::{next_event, next_events, within};

async fn server() -> RealServer {
    RealServer::start_at("127.0.0.1:0".parse().unwrap(), |config| config.retry = FAST).await
}

/// The server itself over a transport, without a front.
async fn server_over(transport: Transport, name: &str) -> (RealServer, Identity) {
    let identity = Identity::new();
    let name = format!("{name}-{transport:?}");
    let address = "127.0.0.1:0".parse().unwrap();
    let starting = RealServer::start_at(address, |config| {
        config.retry = FAST;
        identity.listen(transport, &name, config);
    });
    (starting.await, identity)
}

/// Subscriptions that have begun, at the same time.
async fn subscriptions(client: &Client, count: usize) -> Vec<EventStream> {
    let beginning = (0..count).map(|_| {
        let mut subscription = client.subscribe(SubscribeRequest::to("a"));
        tokio::spawn(async move {
            let event = within(subscription.next()).await.unwrap().unwrap();
            assert!(matches!(event, ClientEvent::Hello(_)), "{event}");
            subscription
        })
    });
    let beginning: Vec<_> = beginning.collect();
    let mut all = Vec::new();
    for begun in beginning {
        all.push(begun.await.unwrap());
    }
    all
}

#[tokio::test]
async fn messages_are_published_and_delivered() {
    for transport in TRANSPORTS {
        let (server, identity) = server_over(transport, "delivered").await;
        let client = transport.client(server.address, &identity);
        assert_eq!(client.certificate_not_after(), None);
        within(client.health()).await.unwrap();
        let mut subscription = client.subscribe(SubscribeRequest::to("a"));
        assert_eq!(next_events(&mut subscription, 1).await, ["hello"]);
        publish(&client, "a", "one").await;
        publish(&client, "a", "two").await;
        assert_eq!(next_events(&mut subscription, 2).await, ["a 1", "a 2"]);
        // 2100-01-01
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800);
        let expected = (transport != Transport::Http2).then_some(end);
        assert_eq!(client.certificate_not_after(), expected, "{transport:?}");
        server.stop().await;
        assert_eq!(
            next_events(&mut subscription, 1).await,
            ["cut: the server is shutting down"]
        );
    }
}

#[tokio::test]
async fn across_cuts_at_any_byte_each_message_is_delivered_once_and_in_order() {
    // Of which three cuts at least are needed.
    const MESSAGES: u64 = 500;
    // A record of TLS has up to 16 KiB, and is lost with its last byte.
    const CUT_AFTER: std::ops::Range<u64> = 2000..30_000;
    for transport in TRANSPORTS {
        let (server, identity) = server_over(transport, "cuts").await;
        let proxy = CuttingProxy::cutting_after(CUT_AFTER, server.address, 12).await;
        let client = transport.client(proxy.address, &identity);
        let mut subscription = client.subscribe(SubscribeRequest {
            retry: RetryPolicy::Always,
            ..SubscribeRequest::to("a")
        });
        while next_event(&mut subscription).await.to_string() != "hello" {}
        let sender = transport.client(server.address, &identity);
        let (seen, cuts) = read_across_cuts(&mut subscription, &sender, MESSAGES).await;
        assert_eq!(seen, (1..=MESSAGES).collect::<Vec<_>>(), "{transport:?}");
        assert!(cuts >= 3, "{transport:?}: {cuts} cuts");
    }
}

#[tokio::test]
async fn all_streams_and_requests_of_a_client_share_one_http2_connection() {
    let server = server().await;
    let front = Front::start(server.address, Transport::TlsHttp2).await;
    let client = front.client();
    let mut all = subscriptions(&client, 20).await;
    publish(&client, "a", "one").await;
    for subscription in &mut all {
        assert_eq!(next_events(subscription, 1).await, ["a 1"]);
    }
    assert_eq!(front.connections(), 1);
}

#[tokio::test]
async fn more_streams_than_the_server_allows_take_more_connections() {
    let server = server().await;
    let front = Front::with_max_streams(server.address, Transport::Http2, 4).await;
    let client = front.client();
    let mut all = subscriptions(&client, 10).await;
    assert_eq!(front.connections(), 3);
    // The third connection has two places left.
    publish(&client, "a", "one").await;
    for subscription in &mut all {
        assert_eq!(next_events(subscription, 1).await, ["a 1"]);
    }
    assert_eq!(front.connections(), 3);
    all.truncate(1);
    let _more = subscriptions(&client, 5).await;
    assert_eq!(front.connections(), 3, "places are free again");
}

#[tokio::test]
async fn a_reset_stream_is_a_cut_and_leaves_the_connection_to_the_others() {
    let complete = |events: &str| Answer::held(stream(&(hello(0, 60_000, 1) + events)));
    let broken = Answer::closed(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n{}",
        hello(0, 60_000, 1)
    ));
    let fake = FakeServer::start(vec![complete(""), broken, complete(&update(1, 1))]).await;
    let front = Front::start(fake.address, Transport::TlsHttp2).await;
    let client = front.client();
    let mut other = client.subscribe(SubscribeRequest::to("a"));
    assert_eq!(next_events(&mut other, 1).await, ["hello"]);
    let mut subscription = client.subscribe(SubscribeRequest::to("a"));
    let all = next_events(&mut subscription, 4).await;
    assert!(all[1].starts_with("cut: the connection broke: "), "{all:?}");
    assert_eq!((&*all[2], &*all[3]), ("hello", "a 1"));
    assert_eq!(front.connections(), 1);
}

#[tokio::test]
async fn after_goaway_open_streams_go_on_and_requests_take_another_connection() {
    let server = server().await;
    let front = Front::start(server.address, Transport::TlsHttp2).await;
    let client = front.client();
    let mut subscription = client.subscribe(SubscribeRequest::to("a"));
    assert_eq!(next_events(&mut subscription, 1).await, ["hello"]);
    front.shut_down_connections();
    for message in ["one", "two", "three"] {
        publish(&client, "a", message).await;
    }
    let expected = ["a 1", "a 2", "a 3"];
    assert_eq!(next_events(&mut subscription, 3).await, expected);
    let _more = subscriptions(&client, 2).await;
    within(async {
        while front.connections() < 2 {
            within(client.health()).await.unwrap();
        }
    })
    .await;
    assert_eq!(front.connections(), 2);
}

#[tokio::test]
async fn a_silent_stream_is_opened_again_on_another_connection() {
    let fake = FakeServer::start(vec![
        Answer::held(stream(&(hello(0, 40, 1) + &update(1, 1)))),
        Answer::held(stream(&(hello(1, 60_000, 2) + &update(2, 2)))),
    ])
    .await;
    let front = Front::start(fake.address, Transport::Http2).await;
    let mut subscription = front.client().subscribe(SubscribeRequest::to("a"));
    assert_eq!(
        next_events(&mut subscription, 5).await,
        ["hello", "a 1", "cut: silent for 0.1 s", "hello", "a 2"]
    );
    assert_eq!(front.connections(), 2);
}

// 7 MB fill the windows of hyper's defaults.
#[tokio::test]
async fn a_subscription_that_is_not_read_does_not_stop_the_others() {
    const EVENTS: usize = 120;
    let address = "127.0.0.1:0".parse().unwrap();
    let server = RealServer::start_at(address, |config| config.open_events = true).await;
    let front = Front::start(server.address, Transport::Http2).await;
    let client = front.client();
    let mut all = subscriptions(&client, 2).await;
    let payload = "x".repeat(60_000);
    let sender = crate::client(server.address);
    for number in 1..=EVENTS {
        let event = EventRequest::text("news", &payload);
        within(sender.publish_event("a", &event)).await.unwrap();
        let event = next_event(&mut all[0]).await;
        assert!(
            matches!(event, ClientEvent::Event { .. }),
            "{number}: {event}"
        );
    }
    publish(&client, "a", "one").await;
    assert_eq!(front.connections(), 1);
}
