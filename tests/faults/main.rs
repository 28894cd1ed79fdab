//! Fault injection: the server process is killed, stopped, started without free
//! descriptors and disconnected, while writers record its responses and readers
//! all events. Then `check` compares both.
//!
//! The numbers at the tests are cases of tests/cases.md. Case 52, a client machine
//! that vanishes, is missing: on one machine no packet is lost. `clocks` needs
//! libfaketime, so it runs only with `-- --ignored`, as in tests/run.sh.
//!
//! For a longer soak, `SSE_CHAT_FAULT_ROUNDS=20` repeats each fault twenty times as
//! often. Each test prints its random seed; `SSE_CHAT_FAULT_SEED` reuses one, as far
//! as processes are deterministic.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

/// Runs tests whose readers use each transport.
macro_rules! over_each {
    ($($test:ident)*) => {
        mod over_clear {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::transport::Transport::Clear).await;
                }
            )*
        }

        mod over_tls {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::transport::Transport::Tls).await;
                }
            )*
        }

        mod over_http_2 {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::transport::Transport::Http2).await;
                }
            )*
        }
    };
}

mod check;
mod client_reader;
#[path = "../deadline/mod.rs"]
mod deadline;
#[path = "../event_id/mod.rs"]
mod event_id;
mod notes;
mod plain_reader;
mod proxy;
mod record;
mod scene;
#[path = "../seeds/mod.rs"]
mod seeds;
mod server_process;
mod tail_reader;
#[path = "../transport/mod.rs"]
#[allow(dead_code, reason = "the other tests over TCP use the rest")]
mod transport;
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

/// `count`, multiplied by `SSE_CHAT_FAULT_ROUNDS`.
fn rounds(count: u64) -> u64 {
    count * seeds::number("SSE_CHAT_FAULT_ROUNDS").unwrap_or(1)
}

/// A random generator whose seed is printed.
fn random(test: &str) -> fastrand::Rng {
    seeds::random(test, "SSE_CHAT_FAULT_SEED")
}
