//! The binary as a child process: its commands, flags, signals, output and faults.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

mod client_process;
mod server_process;

mod blocked_output;
mod certificates;
mod chat;
mod credentials;
mod faults;
mod flags;
mod health;
mod help_page;
mod https;
mod key_sets;
mod listening;
mod log;
mod secrets;
mod send;
mod service_manager;
mod signals;
mod store_copies;
mod tail;
mod token;
mod variables;
