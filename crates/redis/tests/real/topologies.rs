//! Ways in which a server is reached: through a Sentinel, in a cluster, over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sse_chat_redis::{ConnectError, Replicas, Settings, SharedLog};
use tokio::net::TcpListener;

use crate::audit::Audit;
use crate::cluster::{SlotMove, cluster, has_slot, replica};
use crate::encryption::Encryption;
use crate::engine::{DEADLINE, Engine, Persistence, free_port, programs, wait_for};
use crate::node::{Node, run, settings};
use crate::random;
use crate::sentinel::Sentinel;

#[test]
#[ignore = "needs Redis"]
fn a_sentinel_leads_nodes_to_the_master_also_after_a_failover() {
    run(async {
        for program in programs() {
            let mut master = Engine::start(&program, Persistence::None);
            let replica = Engine::start(&program, Persistence::None);
            replica.follow(&master);
            let sentinel = Sentinel::watch(&master);
            // The first one is not there.
            let url = format!(
                "redis+sentinel://127.0.0.1:1,127.0.0.1:{}/chat",
                sentinel.port()
            );
            let through = Settings {
                url,
                ..settings(&master)
            };
            let unknown = Settings {
                url: format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port()),
                ..settings(&master)
            };
            let error = SharedLog::connect(unknown).await.map(drop).unwrap_err();
            assert!(
                error.to_string().contains("knows no master other"),
                "{error}"
            );
            let mut node = Node::join(through).await;
            let first = node.opened().await;
            assert_eq!(node.publish_surely("before").await, 1);
            assert_eq!(node.contents(1).await, ["before"]);
            wait_for("the entry on the replica", || {
                let seq: u64 = replica.ask(&["HGET", "{test}:state", "seq"]);
                (seq == 1).then_some(())
            });
            master.kill();
            let next = node.opened().await;
            assert_eq!(next.ended, [(first.epoch, 1)], "{program}");
            assert_eq!(node.publish_surely("after").await, 3);
            assert_eq!(node.contents(1).await, ["after"]);
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_sentinel_has_a_user_and_a_password_of_its_own_and_encrypts() {
    run(async {
        let encryption = Encryption::new("sentinel");
        let (master_port, port) = (free_port(), free_port());
        let flags = encryption.flags(master_port);
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        // Valkey's package is built without TLS.
        let master = Engine::start_with("redis-server", Persistence::None, &flags);
        let lines = encryption.settings(port);
        let lines = lines.map(|(name, value)| format!("{name} {value}\n"));
        let lines = format!(
            "{}tls-replication yes\nrequirepass other\nuser ann on >p@ss +@all\n",
            lines.concat()
        );
        let _sentinel = Sentinel::start(&master, master_port, &lines);
        let through = |login: &str| Settings {
            url: format!("rediss+sentinel://localhost:{port}/chat{login}"),
            ca_certificates: Some(encryption.certificate.clone()),
            ..settings(&master)
        };
        let login = "?sentinel_user=ann&sentinel_password=p%40ss";
        let mut node = Node::join(through(login)).await;
        assert_eq!(node.publish_surely("secret").await, 1);
        assert_eq!(node.contents(1).await, ["secret"]);
        assert!(
            SharedLog::connect(through("?sentinel_password=other"))
                .await
                .is_ok()
        );
        for login in ["", "?sentinel_password=wrong"] {
            let error = SharedLog::connect(through(login)).await;
            let error = error.map(drop).unwrap_err();
            assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
            assert!(!error.to_string().contains("wrong"), "{error}");
        }
    });
}

/// The port of a server that never answers, and how many connections it has.
async fn silent_server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok(connection) = listener.accept().await {
            connections.push(connection);
            counted.store(connections.len(), Ordering::Relaxed);
        }
    });
    (port, asked)
}

#[test]
#[ignore = "needs Redis"]
fn a_silent_address_does_not_keep_the_others_from_being_asked() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let (port, asked) = silent_server().await;
            let through = Settings {
                url: format!(
                    "redis+cluster://127.0.0.1:{port},127.0.0.1:{}",
                    engine.port()
                ),
                ..settings(&engine)
            };
            // It is asked first in about every second try.
            let connect = async {
                while asked.load(Ordering::Relaxed) == 0 {
                    let joined = SharedLog::connect(through.clone()).await;
                    assert!(joined.is_ok(), "{program}: {:?}", joined.map(drop));
                }
            };
            tokio::time::timeout(3 * DEADLINE, connect).await.unwrap();
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn any_node_of_a_cluster_leads_to_the_one_with_the_history() {
    run(async {
        for program in programs() {
            let engines = cluster::<2>(&program);
            let mut nodes = Vec::new();
            for engine in &engines {
                nodes.push(Node::join(settings(engine)).await);
            }
            assert_eq!(nodes[0].publish_surely("one").await, 1, "{program}");
            assert_eq!(nodes[1].publish_surely("two").await, 2, "{program}");
            for node in &mut nodes {
                assert_eq!(node.contents(2).await, ["one", "two"], "{program}");
            }
            let keys = engines
                .each_ref()
                .map(|engine| engine.ask::<Vec<String>>(&["KEYS", "*"]));
            assert!(
                keys[0].is_empty() != keys[1].is_empty(),
                "{program}: {keys:?}"
            );
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn tls_is_checked_against_the_certificates_that_are_given() {
    run(async {
        let encryption = Encryption::new("server");
        let port = free_port();
        let flags = encryption.flags(port);
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        // Valkey's package is built without TLS.
        let engine = Engine::start_with("redis-server", Persistence::None, &flags);
        let encrypted = Settings {
            url: format!("rediss://localhost:{port}"),
            ca_certificates: Some(encryption.certificate.clone()),
            ..settings(&engine)
        };
        let mut node = Node::join(encrypted.clone()).await;
        assert_eq!(node.publish_surely("secret").await, 1);
        assert_eq!(node.contents(1).await, ["secret"]);
        let unchecked = Settings {
            ca_certificates: None,
            ..encrypted
        };
        let error = SharedLog::connect(unchecked).await.map(drop).unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_cluster_is_reached_through_any_of_its_nodes_also_after_a_failover() {
    run(async {
        for program in programs() {
            let mut engines = cluster::<3>(&program);
            let holder = engines.iter().position(has_slot).unwrap();
            let _replica = replica(&program, &engines, holder);
            // One is not there, and the replica is not listed.
            let ports = engines.each_ref().map(Engine::port);
            let hosts = ports.map(|port| format!("127.0.0.1:{port}"));
            let through = Settings {
                url: format!("redis+cluster://127.0.0.1:1,{}", hosts.join(",")),
                ..settings(&engines[0])
            };
            let replicated = Settings {
                replicas: Some(Replicas {
                    count: 1,
                    within: Duration::from_millis(500),
                }),
                ..through.clone()
            };
            let writer = Node::join(replicated).await;
            let mut node = Node::join(through.clone()).await;
            let first = node.opened().await;
            writer.publish_until_replicated("before").await;
            assert_eq!(node.contents(1).await, ["before"], "{program}");
            engines[holder].kill();
            let next = node.opened().await;
            assert_eq!(next.ended, [(first.epoch, 1)], "{program}");
            assert_eq!(node.publish_surely("after").await, 3, "{program}");
            assert_eq!(node.contents(1).await, ["after"], "{program}");
            let late = Node::join(through).await;
            let loaded = late.log.load(&late.epoch, "lobby", 10).await.unwrap();
            assert_eq!(loaded.entries.len(), 2, "{program}");
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn while_a_cluster_moves_the_slot_each_call_is_whole() {
    let mut random = random("moves");
    run(async {
        for program in programs() {
            let engines = cluster::<2>(&program);
            let urls = engines.each_ref().map(settings);
            let writers = [0, 1, 2].map(|writer| {
                let settings = urls[writer % 2].clone();
                tokio::spawn(async move {
                    let mut node = Node::try_join(settings).await;
                    let mut seqs = Vec::new();
                    for index in 0..400 {
                        let content = format!("{writer}-{index}");
                        let room = format!("room-{}", index % 7);
                        seqs.push(node.publish_surely_in(&room, &content).await);
                    }
                    seqs
                })
            });
            for _ in 0..4 {
                SlotMove::begin(&engines).end(&mut random);
            }
            let mut all = Vec::new();
            for writer in writers {
                all.extend(writer.await.unwrap());
            }
            all.sort_unstable();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count, "{program}: no seq is of two entries");
            let holder = engines.iter().find(|engine| has_slot(engine)).unwrap();
            let audit = Audit::of(&mut holder.connect());
            let held: usize = audit.rooms.values().map(|room| room.history.len()).sum();
            assert_eq!(held, count, "{program}: each is there once");
        }
    });
}
