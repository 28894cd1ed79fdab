//! Nodes on one history: what each publishes all read, in order, over restarts of Redis,
//! connections that are cut, and silence.

use std::collections::BTreeMap;
use std::time::Duration;

use sse_chat_redis::{
    Bounds, CallError, Change, ChangeAnswer, ConnectError, EntryKind, Item, NewEntry,
    PublishAnswer, ReadEvent, Replicas, RetryKey, Settings, SharedLog, StoredBan,
};

use crate::engine::{DEADLINE, Engine, Persistence, programs, wait_for};
use crate::node::{Node, message, run, settings, skip_opened};
use crate::switch::{Switch, cut_reader};

#[test]
#[ignore = "needs Redis"]
fn all_nodes_read_all_entries_in_one_order() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let mut nodes = Vec::new();
            for _ in 0..3 {
                nodes.push(Node::join(settings(&engine)).await);
            }
            let mut publishing = Vec::new();
            for index in 0..300 {
                let node = &nodes[index % nodes.len()];
                publishing.push(async move { node.publish("lobby", &index.to_string()).await });
            }
            let mut seqs = BTreeMap::new();
            for (index, publish) in publishing.into_iter().enumerate() {
                let PublishAnswer::Assigned(assigned) = publish.await.unwrap() else {
                    panic!("it is new");
                };
                assert_eq!(assigned.place.number, assigned.seq);
                seqs.insert(assigned.seq, index.to_string());
            }
            let expected: Vec<_> = seqs.into_values().collect();
            for node in &mut nodes {
                assert_eq!(node.contents(300).await, expected, "{program}");
            }
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_repeated_request_is_one_at_any_node_and_a_reused_client_id_is_refused() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let (a, b) = (
                Node::join(settings(&engine)).await,
                Node::join(settings(&engine)).await,
            );
            let first = a.publish("lobby", "hello").await.unwrap();
            assert!(matches!(first, PublishAnswer::Assigned(_)));
            assert_eq!(
                b.publish("lobby", "hello").await,
                Ok(PublishAnswer::Repeated(1))
            );
            let other = NewEntry {
                retry_key: Some(RetryKey {
                    client_id: "hello",
                    request: "another",
                }),
                ..message("lobby", "x", "")
            };
            let answer = b.log.publish(&b.epoch, other).await;
            assert_eq!(answer, Ok(PublishAnswer::Reused));
        }
    });
}

fn change(is_deletion: bool, latest: u64) -> Change<'static> {
    Change {
        room: "lobby",
        item: 1,
        latest,
        is_deletion,
        content: b"state",
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_change_reaches_all_nodes_and_a_deletion_leaves_nothing_of_it() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let a = Node::join(settings(&engine)).await;
            let mut b = Node::join(settings(&engine)).await;
            a.publish("lobby", "hello").await.unwrap();
            let edit = a.log.change(&a.epoch, change(false, 0)).await.unwrap();
            assert!(matches!(edit, ChangeAnswer::Assigned(assigned) if assigned.seq == 2));
            let conflict = b.log.change(&b.epoch, change(false, 0)).await;
            assert_eq!(conflict, Ok(ChangeAnswer::Conflict(2)));
            let loaded = b.log.load(&b.epoch, "lobby", 10).await.unwrap();
            assert_eq!(
                (loaded.as_of, loaded.next.number, loaded.evicted),
                (2, 2, 0)
            );
            let kinds: Vec<_> = loaded.entries.iter().map(|entry| entry.kind).collect();
            assert_eq!(kinds, [EntryKind::Message, EntryKind::Change { of: 1 }]);
            let deletion = a.log.change(&a.epoch, change(true, 2)).await.unwrap();
            assert!(matches!(deletion, ChangeAnswer::Assigned(_)));
            // The message and its change are not in the log any more.
            let missed = skip_opened(&mut b).await;
            assert_eq!(missed, ReadEvent::Missed { last: 0, next: 3 }, "{program}");
            b.reader.skip_to(2);
            let entries = b.entries(1).await;
            assert_eq!(entries[0].kind, EntryKind::Deletion { of: 1 });
            assert_eq!(entries[0].client_id.as_deref(), Some("hello"));
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn bans_and_their_ends_reach_all_nodes() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let a = Node::join(settings(&engine)).await;
            let mut b = Node::join(settings(&engine)).await;
            a.publish("lobby", "hello").await.unwrap();
            let ban = |author: &str| StoredBan {
                author: author.to_owned(),
                until: 4_000_000_000_000,
                content: "{}".to_owned(),
            };
            a.log.ban(&a.epoch, "lobby", &ban("0a"), 1).await.unwrap();
            let refused = a.log.ban(&a.epoch, "lobby", &ban("0b"), 1).await;
            assert_eq!(refused, Err(CallError::TooManyBans));
            let loaded = b.log.load(&b.epoch, "lobby", 10).await.unwrap();
            assert_eq!(loaded.bans, [ban("0a")]);
            a.log.lift(&a.epoch, "lobby", &["0a"]).await.unwrap();
            let ReadEvent::Items(items) = skip_opened(&mut b).await else {
                panic!("{program}: there are items");
            };
            let room = || "lobby".to_owned();
            let banned = Item::Banned {
                room: room(),
                ban: ban("0a"),
            };
            let lifted = Item::Lifted {
                room: room(),
                author: "0a".to_owned(),
            };
            assert_eq!(items[1..], [(2, banned), (3, lifted)], "{program}");
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_forgotten_room_is_announced_and_one_in_use_is_kept() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let mut node = Node::join(settings(&engine)).await;
            node.publish("lobby", "hello").await.unwrap();
            node.log.use_rooms(&["lobby", "unknown"]).await.unwrap();
            let hour = Duration::from_secs(3_600);
            assert_eq!(node.log.tidy(&node.epoch, hour, 10, 5).await, Ok(false));
            let loaded = node.log.load(&node.epoch, "lobby", 10).await.unwrap();
            assert_eq!(loaded.entries.len(), 1, "{program}");
            let forgotten = Item::Forgotten {
                room: "lobby".to_owned(),
            };
            node.entries(1).await;
            let forget = async {
                loop {
                    let more = node.log.tidy(&node.epoch, Duration::ZERO, 10, 1).await;
                    // It was used in this millisecond, or is forgotten now.
                    let loaded = node.log.load(&node.epoch, "lobby", 10).await.unwrap();
                    if loaded.entries.is_empty() {
                        return more;
                    }
                }
            };
            let more = tokio::time::timeout(DEADLINE, forget).await.unwrap();
            assert_eq!(more, Ok(true), "{program}: there may be more");
            assert_eq!(node.next().await, ReadEvent::Items(vec![(2, forgotten)]));
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_restart_without_data_is_another_history_and_with_data_another_generation() {
    run(async {
        for program in programs() {
            for persistence in [Persistence::None, Persistence::CommandLog] {
                let mut engine = Engine::start(&program, persistence);
                let mut node = Node::join(settings(&engine)).await;
                let first = node.opened().await;
                for index in 0..10 {
                    node.publish_surely(&format!("before {index}")).await;
                }
                node.entries(10).await;
                engine.kill();
                assert!(matches!(node.next().await, ReadEvent::Away(_)));
                engine.restart();
                let next = node.opened().await;
                assert_ne!(next.epoch, first.epoch, "{program}");
                let seq = match persistence {
                    Persistence::None => {
                        assert_eq!((next.seq, next.ended.len()), (0, 0), "{program}");
                        1
                    }
                    _ => {
                        assert_eq!(next.ended, [(first.epoch, 10)], "{program}");
                        12
                    }
                };
                // What knows the old generation is refused, and published once all the same.
                assert_eq!(node.publish_surely("after").await, seq);
                assert_eq!(node.contents(1).await, ["after"]);
            }
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_reader_that_falls_behind_the_log_learns_that_it_missed_entries() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let own = settings(&engine).bounds;
            // The second counts 102 bytes for each.
            for bounds in [
                Bounds { log: 5, ..own },
                Bounds {
                    log_bytes: 520,
                    ..own
                },
            ] {
                let () = engine.ask(&["FLUSHALL"]);
                let short = Settings {
                    bounds,
                    ..settings(&engine)
                };
                let mut node = Node::join(short).await;
                for index in 10..30 {
                    node.publish_surely(&index.to_string()).await;
                }
                let missed = skip_opened(&mut node).await;
                assert_eq!(missed, ReadEvent::Missed { last: 0, next: 16 }, "{program}");
                let loaded = node.log.load(&node.epoch, "lobby", 100).await.unwrap();
                assert_eq!((loaded.as_of, loaded.entries.len()), (20, 20), "{program}");
                node.reader.skip_to(18);
                assert_eq!(node.contents(2).await, ["28", "29"], "{program}");
            }
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_frozen_server_is_noticed_and_calls_are_refused_meanwhile() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let short = Settings {
                timeout: Duration::from_secs(2),
                ..settings(&engine)
            };
            let mut node = Node::join(short).await;
            node.opened().await;
            node.publish_surely("before").await;
            assert_eq!(node.contents(1).await, ["before"]);
            engine.signal("STOP");
            // Each within the timeout and the longest silence.
            assert!(matches!(node.next().await, ReadEvent::Away(_)), "{program}");
            let refused = tokio::time::timeout(DEADLINE, node.publish("lobby", "x"));
            assert!(matches!(
                refused.await.unwrap(),
                Err(CallError::Unavailable(_))
            ));
            engine.signal("CONT");
            node.publish_surely("after").await;
            node.opened().await;
            let contents = node.contents(2).await;
            assert!(
                contents.contains(&"after".to_owned()),
                "{program}: {contents:?}"
            );
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn calls_wait_for_replicas_and_say_so_if_there_are_too_few() {
    run(async {
        for program in programs() {
            let master = Engine::start(&program, Persistence::None);
            let mut replica = Engine::start(&program, Persistence::None);
            replica.follow(&master);
            let replicated = Settings {
                replicas: Some(Replicas {
                    count: 1,
                    within: Duration::from_millis(500),
                }),
                ..settings(&master)
            };
            let node = Node::join(replicated).await;
            node.publish_until_replicated("both").await;
            let seq: u64 = replica.ask(&["HGET", "{test}:state", "seq"]);
            assert_eq!(seq, 1, "{program}");
            replica.kill();
            let alone = node.publish("lobby", "one").await;
            assert_eq!(alone, Err(CallError::NotReplicated), "{program}");
            // Its retries are not taken for safe, over either connection.
            for _ in 0..4 {
                let again = node.publish("lobby", "one").await;
                assert_eq!(again, Err(CallError::NotReplicated), "{program}");
            }
            // What writes nothing is answered.
            let loaded = node.log.load(&node.epoch, "lobby", 10).await.unwrap();
            assert_eq!(loaded.entries.len(), 2, "{program}");
            let gone = Change {
                item: 7,
                ..change(false, 0)
            };
            let gone = node.log.change(&node.epoch, gone).await;
            assert_eq!(gone, Ok(ChangeAnswer::Gone), "{program}");
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_server_that_is_full_refuses_only_what_takes_memory() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let mut node = Node::join(settings(&engine)).await;
            node.opened().await;
            node.publish_surely("before").await;
            let () = engine.ask(&["CONFIG", "SET", "maxmemory", "1"]);
            let refused = node.publish("lobby", "more").await;
            assert!(
                matches!(refused, Err(CallError::Unavailable(_))),
                "{refused:?}"
            );
            assert_eq!(node.contents(1).await, ["before"], "{program}");
            let loaded = node.log.load(&node.epoch, "lobby", 10).await.unwrap();
            assert_eq!(loaded.entries.len(), 1, "{program}");
            // A node that begins now can read, too.
            let mut other = Node::join(settings(&engine)).await;
            other.opened().await;
            let deletion = node.log.change(&node.epoch, change(true, 0)).await;
            assert!(
                matches!(deletion, Ok(ChangeAnswer::Assigned(_))),
                "{deletion:?}"
            );
            assert_eq!(
                other.entries(1).await[0].kind,
                EntryKind::Deletion { of: 1 }
            );
            let () = engine.ask(&["CONFIG", "SET", "maxmemory", "0"]);
            assert_eq!(node.publish_surely("after").await, 3, "{program}");
        }
    });
}

/// A replica is promoted, and the old master lives on: as if it were cut off.
#[test]
#[ignore = "needs Redis"]
fn a_master_that_was_replaced_is_not_followed_back() {
    run(async {
        for program in programs() {
            let master = Engine::start(&program, Persistence::None);
            let replica = Engine::start(&program, Persistence::None);
            replica.follow(&master);
            let switch = Switch::to(&master).await;
            let through = Settings {
                url: switch.url(),
                // Another one could be to the new master.
                connections: 1,
                ..settings(&master)
            };
            let mut old = Node::join(through).await;
            let first = old.opened().await;
            for index in 0..5 {
                old.publish_surely(&format!("both {index}")).await;
            }
            old.contents(5).await;
            wait_for("the entries on the replica", || {
                let seq: u64 = replica.ask(&["HGET", "{test}:state", "seq"]);
                (seq == 5).then_some(())
            });
            let () = replica.ask(&["REPLICAOF", "NO", "ONE"]);
            old.publish_surely("lost").await;
            assert_eq!(old.contents(1).await, ["lost"]);
            // The reader is led to the new master, which has used the seq for something else.
            let mut new = Node::join(settings(&replica)).await;
            new.publish_surely("kept").await;
            switch.turn_to(&replica);
            cut_reader(&master);
            let next = old.opened().await;
            assert_eq!(next.ended, [(first.epoch.clone(), 5)], "{program}");
            assert_eq!(
                old.contents(1).await,
                ["kept"],
                "{program}: nothing is skipped"
            );
            // Its calls still go to the old one, which knows no newer epoch.
            let refused = old
                .log
                .publish(&next.epoch, message("lobby", "x", "x"))
                .await;
            assert!(
                matches!(refused, Err(CallError::Unavailable(_))),
                "{refused:?}"
            );
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_server_that_can_not_keep_a_history_is_refused_in_one_line() {
    run(async {
        for program in programs() {
            let mut engine = Engine::start(&program, Persistence::None);
            let of = |settings| async {
                let error = SharedLog::connect(settings).await.map(drop).unwrap_err();
                assert!(!error.to_string().contains('\n'), "{error}");
                error
            };
            let () = engine.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
            let error = of(settings(&engine)).await;
            assert!(matches!(error, ConnectError::Evicts(_)), "{error}");
            let () = engine.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
            let () = engine.ask(&["CONFIG", "SET", "requirepass", "secret"]);
            let error = of(settings(&engine)).await;
            assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
            let url = format!("redis://:wrong@127.0.0.1:{}", engine.port());
            let error = of(Settings {
                url,
                ..settings(&engine)
            })
            .await;
            assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
            assert!(!error.to_string().contains("wrong@"), "{error}");
            let url = format!("redis://:secret@127.0.0.1:{}", engine.port());
            let right = Settings {
                url,
                ..settings(&engine)
            };
            assert!(SharedLog::connect(right).await.is_ok(), "{program}");
            let error = of(Settings {
                url: "http://x".to_owned(),
                ..settings(&engine)
            })
            .await;
            assert!(matches!(error, ConnectError::Url(_)), "{error}");
            engine.kill();
            let error = of(settings(&engine)).await;
            assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
        }
    });
}
