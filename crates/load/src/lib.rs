//! Load for any server of event streams, and a report that can be believed: what
//! was lost, doubled or out of order stands beside every time.
//!
//! One thread publishes (`publisher`), a few read (`readers`), and the caller's
//! task walks through the phases (`drive`), which end in a [`report::Run`].

mod assemble;
mod drive;
mod error;
mod found;
mod ledger;
mod limits;
mod mark;
mod numbers;
mod order;
mod outstanding;
mod pace;
mod plan;
mod progress;
mod published;
mod publisher;
mod quantity;
mod readers;
pub mod report;
mod response;
#[cfg(test)]
mod sample;
mod schedule;
mod series;
mod shared;
mod sockets;
mod subscriber;
mod tally;
mod target;
mod usage;
mod worker;

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use sse_chat_client::client::ServerUrl;
pub use tokio_util::sync::CancellationToken;

pub use error::{LoadError, LoadErrorKind};
pub use limits::{TooMuch, make_room};
pub use mark::MARK_BYTES;
pub use plan::{Length, Load, Mode, Plan, SlowShare};
pub use progress::Progress;
pub use target::{PAYLOAD, ROOM, Target};

use self::drive::Drive;
use self::report::Run;
use self::target::Place;

/// How long the server has to take the first connection.
const REACH_TIMEOUT: Duration = Duration::from_secs(3);

/// The server that a run measures.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its address; plain HTTP only.
    pub url: ServerUrl,
    /// Its processes on this machine, whose processor time and memory are
    /// measured; empty for none.
    pub pids: Vec<i32>,
}

/// Measures `server` once with `subscribers` subscribers. When `stop` is
/// cancelled the load ends, and the run has what was measured by then. Needs a
/// tokio runtime with its clock.
///
/// # Errors
///
/// When nothing could be measured.
pub async fn measure(
    plan: &Plan,
    server: Server,
    subscribers: usize,
    stop: &CancellationToken,
    progress: &Progress,
) -> Result<Run, LoadError> {
    let place = reach(&server.url)?;
    let drive = Drive::start(
        plan.clone(),
        place,
        subscribers,
        server.pids,
        stop,
        progress,
    )
    .map_err(|error| {
        LoadErrorKind::Failed.because(format_args!("can't start a thread: {error}"))
    })?;
    let found = drive.run().await?;
    Ok(assemble::run(found, stop.is_cancelled()))
}

/// Finds the server's address, and whether anybody is there.
fn reach(url: &ServerUrl) -> Result<Place, LoadError> {
    let unreachable =
        |why: String| LoadErrorKind::Unreachable.because(format_args!("can't reach {url}: {why}"));
    let addresses = (url.host(), url.port())
        .to_socket_addrs()
        .map_err(|error| unreachable(error.to_string()))?;
    let mut why = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, REACH_TIMEOUT) {
            Ok(_) => {
                return Ok(Place {
                    address,
                    host: url.authority().to_owned(),
                    prefix: url.path(""),
                });
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(unreachable(why))
}
