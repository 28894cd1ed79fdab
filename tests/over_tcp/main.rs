//! Tests over real TCP, on free ports, one file per promise.

#![allow(
    clippy::too_many_lines,
    reason = "a table of inputs is as long as it has to be"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

/// Threads that write to readers: more than one, so that they share.
const WORKERS: usize = 2;

mod connection;
#[path = "../deadline/mod.rs"]
mod deadline;
mod event_reader;
mod refused;
mod scrape;
mod support;
mod witness;

mod access;
mod bad_cursors;
mod bad_http;
mod bad_input;
mod bad_targets;
mod bodies;
mod cursor_spellings;
mod drain;
mod error_page;
mod first_write;
mod foreign_pages;
mod gone_clients;
mod history;
mod invisible;
mod large_heads;
mod last_request;
mod limits;
mod metrics;
mod paced_replay;
mod page;
mod page_folder;
mod publish;
mod random_input;
mod raw_http;
mod refusals;
mod resume;
mod shares;
mod slow_reader;
mod stream;
