//! A replica of Redis is promoted by a Sentinel.

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, programs};
use crate::sentinel::Sentinel;
use crate::{random, run};

/// Three nodes of a master with a replica, which a Sentinel watches.
async fn start(program: &str, more: &[&str]) -> (Cluster, Engine, Sentinel) {
    let master = Engine::start(program, Persistence::None);
    let replica = Engine::start(program, Persistence::None);
    replica.follow(&master);
    let sentinel = Sentinel::watch(&master);
    let url = format!("redis+sentinel://127.0.0.1:{}/chat", sentinel.port());
    let cluster = Cluster::start_at(&url, master, 3, more).await;
    (cluster, replica, sentinel)
}

#[test]
#[ignore = "needs Redis"]
fn a_replica_that_lags_loses_its_lag_and_that_is_announced() {
    run(async {
        for program in programs() {
            let mut random = random("a_replica_that_lags");
            let (mut cluster, replica, _sentinel) = start(&program, &[]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            traffic.more(100).await;
            // Nothing reaches it any more.
            let () = replica.ask(&["REPLICAOF", "127.0.0.1", "1"]);
            traffic.more(50).await;
            cluster.engine.kill();
            traffic.more(100).await;
            traffic.end_with_restarts(&program, 1).await;
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn with_redis_wait_a_failover_loses_nothing_that_was_answered() {
    run(async {
        for program in programs() {
            let mut random = random("with_redis_wait");
            let (mut cluster, _replica, _sentinel) = start(&program, &["--redis-wait", "1"]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            traffic.more(100).await;
            cluster.engine.kill();
            // There is no replica any more: nothing is answered, and nothing that was is lost.
            traffic.more_refused(20).await;
            let (published, records) = traffic.stop().await;
            assert!(published.len() >= 100);
            for record in &records {
                record.check(&published);
                assert!(record.has_all(&published), "{program}");
            }
        }
    });
}
