//! Tickets: issued at one node, taken once at any.

use std::time::Duration;

use sse_chat_redis::{CallError, Replicas, Settings};

use crate::engine::{Engine, Persistence, programs, wait_for};
use crate::node::{Node, run, settings};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs Redis"]
fn a_ticket_is_taken_once_at_any_node() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let a = Node::join(settings(&engine)).await;
            let b = Node::join(settings(&engine)).await;
            let content = b"{\"sub\":\n\xff \"ann\"}";
            a.log.put_ticket("0a", content, MINUTE, 10).await.unwrap();
            assert_eq!(b.log.ticket("0b").await, Ok(None), "{program}");
            for _ in 0..2 {
                let seen = b.log.ticket("0a").await.unwrap();
                assert_eq!(seen.as_deref(), Some(&content[..]), "{program}");
            }
            let takes = (0..100).map(|index| {
                let node = if index % 2 == 0 { &a } else { &b };
                async move { node.log.take_ticket("0a").await.unwrap() }
            });
            let mut taken = Vec::new();
            for take in takes.collect::<Vec<_>>() {
                taken.extend(take.await);
            }
            assert_eq!(taken, [content], "{program}");
            assert_eq!(a.log.ticket("0a").await, Ok(None), "{program}");
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_ticket_whose_time_is_over_is_good_for_nothing_and_leaves_nothing() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let node = Node::join(settings(&engine)).await;
            let put = |id, lifetime| node.log.put_ticket(id, b"x", lifetime, 10);
            put("long", MINUTE).await.unwrap();
            put("over", Duration::ZERO).await.unwrap();
            assert_eq!(node.log.ticket("over").await, Ok(None), "{program}");
            assert_eq!(node.log.take_ticket("over").await, Ok(None), "{program}");
            assert!(node.log.take_ticket("long").await.unwrap().is_some());
            let short = Duration::from_millis(1);
            put("short", short).await.unwrap();
            wait_for("the end of the last ticket", || {
                let keys: Vec<String> = engine.ask(&["KEYS", "{test}:ticket*"]);
                keys.is_empty().then_some(())
            });
            put("for ever", Duration::MAX).await.unwrap();
            assert!(node.log.ticket("for ever").await.unwrap().is_some());
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn tickets_are_bounded_and_those_that_are_over_make_room() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let node = Node::join(settings(&engine)).await;
            let put = async |id: &str, lifetime| node.log.put_ticket(id, b"x", lifetime, 150).await;
            for index in 0..150 {
                put(&index.to_string(), MINUTE).await.unwrap();
            }
            let refused = put("more", MINUTE).await;
            assert_eq!(refused, Err(CallError::TooManyTickets), "{program}");
            // One that is there is replaced, and one that is taken makes room.
            put("0", MINUTE).await.unwrap();
            assert!(node.log.take_ticket("0").await.unwrap().is_some());
            put("more", MINUTE).await.unwrap();
            for index in 1..150 {
                let () = engine.ask(&["ZADD", "{test}:ticket_ends", "1", &index.to_string()]);
            }
            // One call drops a part of those that are over.
            for (id, stored) in [("first", 51), ("second", 3), ("third", 4)] {
                put(id, MINUTE).await.unwrap();
                let found: usize = engine.ask(&["HLEN", "{test}:tickets"]);
                assert_eq!(found, stored, "{program}");
            }
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_ticket_is_not_taken_before_the_replicas_have_it() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let without = Settings {
                replicas: Some(Replicas {
                    count: 1,
                    within: Duration::from_millis(50),
                }),
                ..settings(&engine)
            };
            let node = Node::join(without).await;
            node.log.put_ticket("0a", b"x", MINUTE, 10).await.unwrap();
            let taken = node.log.take_ticket("0a").await;
            assert_eq!(taken, Err(CallError::NotReplicated), "{program}");
            assert_eq!(node.log.take_ticket("0a").await, Ok(None), "{program}");
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_full_server_refuses_tickets_and_lets_them_be_taken() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let node = Node::join(settings(&engine)).await;
            node.log.put_ticket("0a", b"x", MINUTE, 10).await.unwrap();
            let () = engine.ask(&["CONFIG", "SET", "maxmemory", "1"]);
            let refused = node.log.put_ticket("0b", b"x", MINUTE, 10).await;
            assert!(
                matches!(refused, Err(CallError::Unavailable(_))),
                "{refused:?}"
            );
            assert!(node.log.take_ticket("0a").await.unwrap().is_some());
        }
    });
}
