//! Property tests of a stream's promises: random steps are played against a simple
//! model, the list of messages and events published in each room, with their states.
//! Steps publish, change, evict, lag,
//! read a few bytes, disconnect at any byte, forget rooms, end a generation and restart the
//! server. Its
//! history is in memory or in a store. With a store, commits are steps and so are
//! crashes: what was shown is there afterwards, and what waited is there or not.
//!
//! The tests themselves are where the transports are: each way in which a stream
//! reaches its reader implements [`TestTransport`].

mod commit_stage;
mod inputs;
mod lost_suffix;
mod model;
mod reader;
mod server_log;
mod simulation;
#[cfg(feature = "data")]
mod stored_log;
mod transport;

use proptest::test_runner::Config;

pub(crate) use self::inputs::cases;
pub(crate) use self::simulation::play;
pub(crate) use self::transport::TestTransport;

/// How the cases are played: two of three are in memory.
pub(crate) fn proptest_config() -> Config {
    Config {
        failure_persistence: None,
        ..Config::default()
    }
}
