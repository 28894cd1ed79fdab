//! Ways in which a server is reached: through a Sentinel, in a cluster, over TLS.

use std::fs;

use sse_chat_redis::{ConnectError, Settings, SharedLog};

use crate::engine::{Engine, Persistence, free_port, programs, wait_for};
use crate::nodes::{Node, run, settings};
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
            assert_eq!(node.publish_surely("after").await, 2);
            assert_eq!(node.contents(1).await, ["after"]);
        }
    });
}

/// Two nodes of a cluster, each with half of the slots.
fn cluster(program: &str) -> [Engine; 2] {
    let engines = [(); 2].map(|()| {
        let bus = free_port().to_string();
        let flags = [
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus,
            "--cluster-config-file",
            "nodes.conf",
        ];
        (Engine::start_with(program, Persistence::None, &flags), bus)
    });
    let [(first, _), (second, bus)] = &engines;
    let () = first.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
    let () = second.ask(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
    let port = second.port().to_string();
    let () = first.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
    for engine in [first, second] {
        wait_for("the cluster", || {
            let info: String = engine.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok").then_some(())
        });
    }
    engines.map(|(engine, _)| engine)
}

#[test]
#[ignore = "needs Redis"]
fn any_node_of_a_cluster_leads_to_the_one_with_the_history() {
    run(async {
        for program in programs() {
            let engines = cluster(&program);
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
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let port = free_port().to_string();
        let folder =
            std::env::temp_dir().join(format!("sse-chat-redis-tls-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (certificate, key) = (file("cert.pem"), file("key.pem"));
        fs::write(&certificate, signed.cert.pem()).unwrap();
        fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
        let flags = [
            "--tls-port",
            &port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            "no",
            "--requirepass",
            "",
            "--tls-ca-cert-file",
            &certificate,
        ];
        // Valkey's package is built without TLS.
        let engine = Engine::start_with("redis-server", Persistence::None, &flags);
        let encrypted = Settings {
            url: format!("rediss://localhost:{port}"),
            ca_certificates: Some(signed.cert.pem().into_bytes()),
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
        fs::remove_dir_all(&folder).unwrap();
    });
}
