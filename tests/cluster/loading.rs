//! Rooms that a node loads later than others.

use sse_chat::client::{Client, ClientEvent, EventStream, PublishRequest, SubscribeRequest};
use sse_chat::protocol::{Backlog, ChangedEntry};

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, programs};
use crate::{run, within};

const KEY: &str = "0123456789abcdef";

/// Publishes a message. Returns its id.
async fn publish(client: &Client, room: &str, text: &str) -> String {
    let request = PublishRequest {
        name: "Ann",
        message: text,
        client_id: None,
        reply_to: None,
        edit_key: Some(KEY),
    };
    let published = client.publish(room, &request).await.unwrap();
    published.message.id.to_string()
}

async fn next(stream: &mut EventStream) -> ClientEvent {
    within(stream.next()).await.unwrap().unwrap()
}

/// The numbers of the next messages, deleted ones included, up to this one.
async fn numbers_up_to(stream: &mut EventStream, last: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        match next(stream).await {
            ClientEvent::Message { message, .. } => numbers.push(message.number),
            ClientEvent::Change {
                change: ChangedEntry::Deleted(deleted),
                ..
            } => numbers.extend(deleted.number),
            ClientEvent::Missing { .. } => panic!("a number is missing after {numbers:?}"),
            _ => {}
        }
    }
    numbers
}

#[test]
#[ignore = "needs Redis"]
fn a_deleted_message_is_a_tombstone_where_its_room_is_loaded_later() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let cluster = Cluster::start(engine, 2, &[]).await;
            let urls = cluster.urls();
            let client = urls[0].client();
            let mut ids = Vec::new();
            for text in ["one", "two", "three", "four"] {
                ids.push(publish(&client, "lobby", text).await);
            }
            // The first one, and two after each other.
            for id in [&ids[0], &ids[1], &ids[2]] {
                let request = format!(
                    "DELETE /rooms/lobby/messages/{id} HTTP/1.1\r\nEdit-Key: {KEY}\r\n\r\n"
                );
                let answer = urls[0].answer(&request, &["\r\n\r\n"]).await;
                assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
            }
            let mut pages = Vec::new();
            for url in &urls {
                let request = "GET /rooms/lobby/messages HTTP/1.1\r\n\r\n";
                let page = url.answer(request, &["\"newest\""]).await;
                let (_, page) = page.split_once("\"messages\"").unwrap();
                pages.push(page.to_owned());
            }
            assert_eq!(pages[0], pages[1], "{program}");
            assert_eq!(
                pages[1].matches("\"deleted\":true").count(),
                3,
                "{}",
                pages[1]
            );
            let mut stream = urls[1].client().subscribe(SubscribeRequest {
                backlog: Backlog::All,
                ..SubscribeRequest::to("lobby")
            });
            assert_eq!(
                numbers_up_to(&mut stream, 4).await,
                [1, 2, 3, 4],
                "{program}"
            );
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn entries_beyond_a_lowered_bound_lie_in_a_gap() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let mut cluster = Cluster::start(engine, 1, &[]).await;
            let client = cluster.urls()[0].client();
            let first = publish(&client, "lobby", "1").await;
            for number in 2..=30 {
                publish(&client, "lobby", &number.to_string()).await;
            }
            cluster.nodes[0].start_another(&["--history", "10"]).await;
            let mut stream = cluster.urls()[0].client().subscribe(SubscribeRequest {
                cursor: Some(first),
                ..SubscribeRequest::to("lobby")
            });
            let gap = loop {
                match next(&mut stream).await {
                    ClientEvent::Gap(observed) => break observed.gap,
                    ClientEvent::Hello(_) => {}
                    other => panic!("{program}: {other}"),
                }
            };
            assert_eq!(gap.next, 21, "{program}");
            let numbers: Vec<u64> = (21..=30).collect();
            assert_eq!(numbers_up_to(&mut stream, 30).await, numbers, "{program}");
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_room_that_lost_nothing_gets_what_follows_the_end_of_a_generation() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::Snapshot);
            let mut cluster = Cluster::start(engine, 2, &[]).await;
            let urls = cluster.urls();
            let client = urls[0].client();
            publish(&client, "quiet", "before").await;
            let () = cluster.engine.ask(&["SAVE"]);
            for number in 0..20 {
                publish(&client, "garden", &number.to_string()).await;
            }
            // Loaded with all seqs that are lost, and without an entry of them.
            let mut stream = urls[1].client().subscribe(SubscribeRequest::to("quiet"));
            assert!(matches!(next(&mut stream).await, ClientEvent::Hello(_)));
            cluster.engine.kill();
            cluster.engine.restart();
            let published = async {
                // Until the node knows the generation.
                let request = PublishRequest {
                    name: "Ann",
                    message: "after",
                    client_id: Some("after"),
                    reply_to: None,
                    edit_key: None,
                };
                while client.publish("quiet", &request).await.is_err() {
                    tokio::task::yield_now().await;
                }
            };
            within(published).await;
            assert_eq!(numbers_up_to(&mut stream, 2).await, [2], "{program}");
        }
    });
}
