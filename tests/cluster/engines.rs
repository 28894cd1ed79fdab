//! Redis that is killed, frozen and emptied: what is lost is announced, and what is not lost
//! is not.

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, programs};
use crate::{random, run};

#[test]
#[ignore = "needs Redis"]
fn redis_with_a_command_log_loses_nothing_when_it_is_killed() {
    run(async {
        for program in programs() {
            let mut random = random("redis_with_a_command_log");
            let engine = Engine::start(&program, Persistence::CommandLog);
            let mut cluster = Cluster::start(engine, 3, &[]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            for _ in 0..3 {
                traffic.more(100).await;
                cluster.engine.kill();
                cluster.engine.restart();
            }
            traffic.more(100).await;
            traffic.end_without_gaps(&program).await;
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_redis_that_comes_back_empty_is_another_history() {
    run(async {
        for program in programs() {
            let mut random = random("a_redis_that_comes_back_empty");
            let engine = Engine::start(&program, Persistence::None);
            let mut cluster = Cluster::start(engine, 3, &[]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            for _ in 0..3 {
                traffic.more(100).await;
                cluster.engine.kill();
                cluster.engine.restart();
            }
            traffic.more(100).await;
            traffic.end_with_restarts(&program, 3).await;
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn an_old_snapshot_loses_what_came_after_it_and_says_so() {
    run(async {
        for program in programs() {
            let mut random = random("an_old_snapshot");
            let engine = Engine::start(&program, Persistence::Snapshot);
            let mut cluster = Cluster::start(engine, 3, &[]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            traffic.more(100).await;
            let () = cluster.engine.ask(&["SAVE"]);
            traffic.more(100).await;
            cluster.engine.kill();
            cluster.engine.restart();
            traffic.more(100).await;
            traffic.end_with_restarts(&program, 1).await;
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_frozen_redis_refuses_what_is_published_and_loses_nothing() {
    run(async {
        for program in programs() {
            let mut random = random("a_frozen_redis");
            let engine = Engine::start(&program, Persistence::None);
            let cluster = Cluster::start(engine, 3, &["--redis-timeout", "500ms"]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            traffic.more(100).await;
            cluster.engine.signal("STOP");
            traffic.more_refused(20).await;
            cluster.engine.signal("CONT");
            traffic.more(100).await;
            traffic.end_without_gaps(&program).await;
        }
    });
}
