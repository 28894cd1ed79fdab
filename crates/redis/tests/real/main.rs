//! What a history in Redis rests on, tested against real servers: the replication id is
//! another one whenever writes may be lost, and a function's writes are there all
//! together or not at all, whenever the server is killed. Then what each function of
//! `src/functions.lua` does, and what a server of this project sees of them.
//!
//! They need `redis-server` and `redis-sentinel`, so they run only with `-- --ignored`, as in
//! tests/run.sh. `SSE_CHAT_REDIS_SERVERS` lists the programs that
//! play the server, separated by colons: each test runs with each of them.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

#[path = "../../../../tests/seeds/mod.rs"]
mod seeds;

mod audit;
mod cluster;
mod encryption;
mod engine;
mod library;
mod node;
mod sentinel;
mod storm;
mod switch;

mod atomicity;
mod cuts;
mod functions;
mod loading;
mod model;
mod nodes;
mod presence;
mod replication_ids;
mod tickets;
mod topologies;

/// A random generator whose seed is printed.
fn random(test: &str) -> fastrand::Rng {
    seeds::random(test, "SSE_CHAT_REDIS_SEED")
}
