//! The benchmark as it is called, against servers that cheat, that are broken,
//! and against the real one.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

mod bad_servers;
mod called;
mod cheats;
mod front;
mod modes;
mod outputs;
mod server;
mod signals;
mod transports;
