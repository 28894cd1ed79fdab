//! What readers learn while Redis is away.

use std::time::Duration;

use sse_chat::client::{ClientEvent, Error, EventStream, PublishRequest, SubscribeRequest};
use sse_chat::protocol::{OpenEnum, ProblemCode};

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, programs};
use crate::{run, within};

async fn next(stream: &mut EventStream) -> ClientEvent {
    within(stream.next()).await.unwrap().unwrap()
}

async fn until_stale(stream: &mut EventStream) {
    while !matches!(next(stream).await, ClientEvent::Stale(_)) {}
}

async fn until_fresh(stream: &mut EventStream) {
    while !matches!(next(stream).await, ClientEvent::Fresh) {}
}

async fn until_message(stream: &mut EventStream, expected: &str) {
    loop {
        // The other node may not have read the first one before Redis was gone.
        if let ClientEvent::Message { message, .. } = next(stream).await
            && message.message == expected
        {
            return;
        }
    }
}

fn request(text: &str) -> PublishRequest<'_> {
    PublishRequest {
        name: "Ann",
        message: text,
        client_id: Some(text),
        reply_to: None,
        edit_key: None,
    }
}

#[test]
#[ignore = "needs Redis"]
fn streams_live_while_redis_is_away_and_begin_also_in_rooms_that_are_not_here() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::CommandLog);
            let mut cluster = Cluster::start(engine, 2, &[]).await;
            let client = cluster.urls()[0]
                .client()
                .with_timeout(Duration::from_secs(10));
            client.publish("lobby", &request("first")).await.unwrap();
            let other = cluster.urls()[1].client();
            let mut before = client.subscribe(SubscribeRequest::to("lobby"));
            assert!(matches!(next(&mut before).await, ClientEvent::Hello(_)));
            cluster.engine.kill();
            until_stale(&mut before).await;
            let refused = client.publish("lobby", &request("second")).await;
            let Err(Error::Refused(refusal)) = refused else {
                panic!("{refused:?}");
            };
            let expected = OpenEnum::Known(ProblemCode::HistoryUnavailable);
            assert_eq!(refusal.code, Some(expected), "{refusal:?}");
            assert!(refusal.retry_after.is_some(), "{refusal:?}");
            // A room that this node has never had.
            let mut meanwhile = other.subscribe(SubscribeRequest::to("lobby"));
            assert!(matches!(next(&mut meanwhile).await, ClientEvent::Hello(_)));
            assert!(matches!(next(&mut meanwhile).await, ClientEvent::Stale(_)));
            cluster.engine.restart();
            until_fresh(&mut before).await;
            until_fresh(&mut meanwhile).await;
            client.publish("lobby", &request("second")).await.unwrap();
            until_message(&mut before, "second").await;
            until_message(&mut meanwhile, "second").await;
        }
    });
}
