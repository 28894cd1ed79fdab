//! What a start says: where the server listens, on standard output, and with
//! which version and bounds, in the log.

use std::io::Write as _;
use std::net::SocketAddr;
use std::thread;

use super::reachable;
use crate::server::Server;

/// The one line on standard output: what to open.
pub(super) fn print(addresses: &[SocketAddr]) {
    let urls: Vec<String> = addresses
        .iter()
        .map(|&address| format!("http://{}", reachable(address)))
        .collect();
    let line = format!(
        "sse-chat {}: open {}",
        env!("CARGO_PKG_VERSION"),
        urls.join(" or ")
    );
    // In a thread of its own, since nobody may read standard output; where it is
    // closed, the server serves all the same.
    let said = thread::Builder::new()
        .name("announce".to_owned())
        .spawn(move || drop(writeln!(std::io::stdout(), "{line}")));
    if let Err(error) = said {
        tracing::warn!(%error, "can't print where the server listens");
    }
}

/// Logs the version, the addresses and the bounds of this start.
pub(super) fn log(server: &Server) {
    let config = &server.app().config;
    let metrics = server.metrics_addresses();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = joined(server.addresses()),
        metrics = (!metrics.is_empty()).then(|| joined(metrics)),
        workers = config.workers.get(),
        max_rooms = config.max_rooms,
        history_budget = config.history_budget,
        open_files = rlimit::Resource::NOFILE.get_soft().ok(),
        "started"
    );
}

fn joined(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(",")
}
