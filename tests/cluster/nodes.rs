//! Nodes that are killed and frozen: nothing is lost, and nothing is announced as lost.

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, programs};
use crate::{random, run};

#[test]
#[ignore = "needs Redis"]
fn killed_nodes_lose_nothing_that_was_answered() {
    run(async {
        for program in programs() {
            let mut random = random("killed_nodes_lose_nothing_that_was_answered");
            let engine = Engine::start(&program, Persistence::None);
            let mut cluster = Cluster::start(engine, 3, &[]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            for _ in 0..6 {
                traffic.more(100).await;
                let node = random.usize(..3);
                cluster.nodes[node].kill().await;
                traffic.more(50).await;
                cluster.nodes[node].start_again().await;
            }
            traffic.end_without_gaps(&program).await;
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_frozen_node_goes_on_where_it_was_although_the_log_has_moved_on() {
    run(async {
        for program in programs() {
            let mut random = random("a_frozen_node_goes_on_where_it_was");
            let engine = Engine::start(&program, Persistence::None);
            let cluster = Cluster::start(engine, 3, &["--redis-log", "1000"]).await;
            let traffic = cluster.begin_traffic_without(1, &mut random).await;
            traffic.more(100).await;
            cluster.nodes[0].signal("STOP");
            // More than the log keeps.
            traffic.more(1_500).await;
            cluster.nodes[0].signal("CONT");
            traffic.more(100).await;
            traffic.end_without_gaps(&program).await;
        }
    });
}
