//! What is promised of `--data` over crashes, tested from outside: the server process is
//! killed at random moments while writers, readers and requests for history record all that
//! they are answered. `ledger` compares it: what was answered or shown once is there ever
//! after, exactly once, under the same id.
//!
//! `SSE_CHAT_CRASH_ROUNDS=500` kills the server 500 times instead of 30. Each test prints its
//! random seed; `SSE_CHAT_CRASH_SEED` reuses one, as far as processes are deterministic.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

#[path = "../deadline/mod.rs"]
mod deadline;
mod erased;
#[path = "../event_id/mod.rs"]
mod event_id;
mod http;
mod item;
mod ledger;
mod life;
mod moderator;
mod notes;
mod pages;
#[path = "../faults/proxy.rs"]
#[allow(dead_code, reason = "the tests of faults count its connections, too")]
mod proxy;
mod reader;
mod register;
#[path = "../seeds/mod.rs"]
mod seeds;
mod server;
mod shown;
#[path = "../transport/mod.rs"]
#[allow(dead_code, reason = "the other tests over TCP use the rest")]
mod transport;
#[path = "../faults/wire.rs"]
#[allow(dead_code, reason = "the tests of faults read slowly, too")]
mod wire;
mod writer;

mod crashes;
mod disk;
mod disk_faults;
mod upgrade;

use deadline::{DEADLINE, within};

/// How often the server is killed in the whole run.
fn rounds() -> u64 {
    seeds::number("SSE_CHAT_CRASH_ROUNDS").unwrap_or(30)
}

/// A random generator whose seed is printed.
fn random(test: &str) -> fastrand::Rng {
    seeds::random(test, "SSE_CHAT_CRASH_SEED")
}
