//! Faults, and a checker of what is left after them: the server is a process of
//! its own that is killed, stopped, starved of descriptors and cut off, while
//! writers write down what it answered, and readers everything they saw. Then
//! `check` holds the one against the other.
//!
//! The numbers in the tests are cases of the list of bad inputs and faults.
//! Left out is 52 where the client's machine vanishes: on one machine no packet
//! gets lost. `clocks` needs libfaketime, so that only `-- --ignored` runs it,
//! as tests/run.sh does.
//!
//! For a longer soak by hand: `SSE_CHAT_FAULT_ROUNDS=20` does each fault twenty
//! times as often. Each test prints the seed of what it does at random;
//! `SSE_CHAT_FAULT_SEED` does the same again, as far as processes do.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

mod check;
mod client_reader;
#[path = "../deadline/mod.rs"]
mod deadline;
mod notes;
mod plain_reader;
mod proxy;
mod record;
mod running;
mod scene;
mod tail_reader;
mod wire;
mod writer;

mod churn;
mod clocks;
mod crowd;
mod cuts;
mod descriptors;
mod gone;
mod restarts;
mod slow;
mod stops;
mod takers;
mod together;

use deadline::{DEADLINE, within};

/// So many, or as many times more as the environment asks for.
fn rounds(count: u64) -> u64 {
    count * variable("SSE_CHAT_FAULT_ROUNDS").unwrap_or(1)
}

/// A new source of chance, whose seed is printed.
fn random(test: &str) -> fastrand::Rng {
    let seed = variable("SSE_CHAT_FAULT_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: SSE_CHAT_FAULT_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number")),
    )
}
