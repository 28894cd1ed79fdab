//! What is promised of `--redis`, tested from outside: several servers as processes share one
//! history, and servers and Redis are killed, frozen and started again while writers and
//! readers go on at any server that answers. `record` compares what they were answered.
//!
//! The tests need `redis-server`, so they run only with `-- --ignored`, as in tests/run.sh.
//! `SSE_CHAT_REDIS_SERVERS` lists the programs that play it, separated by colons.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

#[path = "../deadline/mod.rs"]
mod deadline;
#[path = "../../crates/redis/tests/real/engine.rs"]
#[allow(dead_code, reason = "the tests of the crate use the rest")]
mod engine;
#[path = "../seeds/mod.rs"]
mod seeds;
#[path = "../../crates/redis/tests/real/sentinel.rs"]
#[allow(dead_code, reason = "the tests of the crate use the rest")]
mod sentinel;

mod cluster;
mod node;
mod reader;
mod record;
mod writer;

mod engines;
mod failovers;
mod loading;
mod members;
mod metrics;
mod nodes;
mod staleness;
mod tickets;

use deadline::within;

/// A random generator whose seed is printed.
fn random(test: &str) -> fastrand::Rng {
    seeds::random(test, "SSE_CHAT_CLUSTER_SEED")
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}
