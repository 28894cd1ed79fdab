//! Rooms as of a seq before the newest one.

use sse_chat_redis::{Bounds, Change, ChangeAnswer, Settings};

use crate::engine::{Engine, Persistence, programs};
use crate::node::{Node, run, settings};

/// The seqs of the entries and the next number of the lobby up to a seq.
async fn loaded_up_to(node: &Node, up_to: u64, most: usize) -> (Vec<u64>, u64) {
    let loaded = node.log.load_up_to(&node.epoch, "lobby", up_to, most).await;
    let loaded = loaded.unwrap();
    let seqs = loaded.entries.iter().map(|entry| entry.seq);
    (seqs.collect(), loaded.next.number)
}

#[test]
#[ignore = "needs Redis"]
fn a_room_is_loaded_up_to_a_seq_and_read_in_slices() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let small = Bounds {
                entries: 6,
                ..settings(&engine).bounds
            };
            let node = Node::join(Settings {
                bounds: small,
                ..settings(&engine)
            });
            let mut node = node.await;
            assert_eq!(loaded_up_to(&node, 9, 10).await, (vec![], 1), "{program}");
            // The lobby has seqs 1, 3, 5, and so on; 1 and 3 are evicted.
            for number in 1..=8 {
                node.publish_surely(&number.to_string()).await;
                node.publish_surely_in("other", &number.to_string()).await;
            }
            let all = node.log.load(&node.epoch, "lobby", 10).await.unwrap();
            assert_eq!((all.entries.len(), all.next.number), (6, 9), "{program}");
            for (up_to, most, expected) in [
                (u64::MAX, 10, (vec![5, 7, 9, 11, 13, 15], 9)),
                (14, 10, (vec![5, 7, 9, 11, 13], 8)),
                (13, 2, (vec![11, 13], 8)),
                (10, 2, (vec![7, 9], 6)),
                (6, 2, (vec![5], 4)),
                // Of what is evicted, the place is that of the oldest one that is held.
                (1, 2, (vec![], 3)),
                (0, 2, (vec![], 3)),
            ] {
                let loaded = loaded_up_to(&node, up_to, most).await;
                assert_eq!(loaded, expected, "{program}: up to {up_to}");
            }
            let bounded = node.log.load_up_to(&node.epoch, "lobby", 10, 2).await;
            let bounded = bounded.unwrap();
            assert_eq!((bounded.as_of, bounded.evicted), (16, 3), "{program}");
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_later_change_has_replaced_the_earlier_one_also_up_to_a_seq_before_it() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let node = Node::join(settings(&engine)).await;
            node.publish("lobby", "hello").await.unwrap();
            for latest in [0, 2] {
                let change = Change {
                    room: "lobby",
                    item: 1,
                    latest,
                    is_deletion: false,
                    content: b"state",
                };
                let edit = node.log.change(&node.epoch, change).await;
                assert!(matches!(edit, Ok(ChangeAnswer::Assigned(_))), "{edit:?}");
            }
            assert_eq!(loaded_up_to(&node, 3, 10).await, (vec![1, 3], 2));
            assert_eq!(loaded_up_to(&node, 2, 10).await, (vec![1], 2), "{program}");
        }
    });
}
