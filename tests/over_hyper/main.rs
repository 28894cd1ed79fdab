//! The promises of a stream once more, with readers that stay on hyper instead
//! of being parked by the fan-out. The tests are those of `over_tcp`.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]
#![allow(
    dead_code,
    reason = "what the other tests of over_tcp use of what they share"
)]

/// Nobody takes readers from hyper.
const WORKERS: usize = 0;

#[path = "../over_tcp/connection.rs"]
mod connection;
#[path = "../deadline/mod.rs"]
mod deadline;
#[path = "../over_tcp/event_reader.rs"]
mod event_reader;
#[path = "../over_tcp/support.rs"]
mod support;
#[path = "../over_tcp/witness.rs"]
mod witness;

#[path = "../over_tcp/bad_cursors.rs"]
mod bad_cursors;
#[path = "../over_tcp/drain.rs"]
mod drain;
#[path = "../over_tcp/first_write.rs"]
mod first_write;
#[path = "../over_tcp/gone_clients.rs"]
mod gone_clients;
#[path = "../over_tcp/last_request.rs"]
mod last_request;
#[path = "../over_tcp/paced_replay.rs"]
mod paced_replay;
#[path = "../over_tcp/resume.rs"]
mod resume;
#[path = "../over_tcp/slow_reader.rs"]
mod slow_reader;
#[path = "../over_tcp/stream.rs"]
mod stream;
