//! A load generator for servers of event streams, and its report.
//!
//! [`measure`] makes one run: `driver` starts the threads, and `modes` walks through
//! the phases. `publisher` is the thread that sends, `schedule` says when; `readers`
//! are the threads that read, each with a `ledger` per subscriber; `handshakes` those
//! that only connect. `assemble` makes a
//! [`report::Run`] of the results.
//!
#![doc = include_str!("../README.md")]

mod address;
mod assemble;
mod driver;
mod error;
mod handshakes;
mod http2;
mod http_version;
mod ledger;
mod limits;
mod modes;
mod outstanding;
mod pace;
mod payload;
mod plan;
mod progress;
mod publisher;
mod quantity;
mod readers;
pub mod report;
mod request_head;
mod response;
mod room_numbers;
mod run_data;
mod schedule;
mod shared;
mod socket;
mod tally;
mod target;
mod timeline;
mod trust;
mod usage;

pub use sse_chat_client::client::ServerUrl;
pub use tokio_util::sync::CancellationToken;

pub use error::{LoadError, LoadErrorKind};
pub use http_version::HttpVersion;
pub use limits::{LimitExceeded, raise_limits};
pub use payload::MIN_PAYLOAD_BYTES;
pub use plan::{Length, Mode, Pacing, Plan, SlowReaders};
pub use progress::Progress;
pub use target::{PAYLOAD, ROOM, Target};
pub use trust::CertificateTrust;

use address::Address;
use driver::Driver;
use report::Run;

/// The server that a run measures.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its URL, of `http` or `https`.
    pub url: ServerUrl,
    /// Its processes on this machine, whose CPU time and memory are measured; may
    /// be empty.
    pub pids: Vec<i32>,
}

/// Measures `server` in one run with `subscribers` subscribers. When `stop` is
/// cancelled the load ends, and the run contains what was measured until then.
/// Dropping the future ends the run at once. Must be called within a tokio runtime
/// with its time driver.
///
/// # Errors
///
/// When the plan is invalid, or nothing could be measured.
pub async fn measure(
    plan: &Plan,
    server: Server,
    subscribers: usize,
    stop: &CancellationToken,
    progress: &Progress,
) -> Result<Run, LoadError> {
    plan.check()?;
    let address = Address::reach(&server.url, plan.http, &plan.trust)?;
    let plan = plan.clone();
    let driver = Driver::start(plan, address, subscribers, server.pids, stop, progress)?;
    let data = driver.run().await?;
    Ok(assemble::run(data, stop.is_cancelled()))
}
