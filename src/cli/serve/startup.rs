//! Steps of a start beside binding: fits the number of connections into the
//! limit on open files, prints the URLs and logs the settings.

use std::io::Write as _;
use std::net::SocketAddr;
use std::thread;

use crate::cli::remote::reachable;
use crate::config::{Config, Scheme};
use crate::server::Server;

/// Open files other than connections: listeners, the log, and connections that
/// are refused because the server is full.
const OTHER_FILES: usize = 128;
/// Open files of each fan-out worker, for its poll and its wake-up.
const FILES_PER_WORKER: usize = 3;

/// Raises the limit on open files as far as possible. If `max_connections` still
/// does not fit, lowers it and logs a warning.
pub(super) fn fit_into_open_files(config: &mut Config) {
    // The soft limit is often 1,024; the administrator's limit is the hard one.
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => usize::try_from(files).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "can't raise the limit on open files");
            match rlimit::Resource::NOFILE.get_soft() {
                Ok(files) => usize::try_from(files).unwrap_or(usize::MAX),
                Err(_) => return,
            }
        }
    };
    let wanted = config.limits.max_connections;
    let others = OTHER_FILES + FILES_PER_WORKER * config.workers.get();
    let fit = connections_within(files, others);
    if wanted <= fit {
        tracing::debug!(files, "the limit on open files");
        return;
    }
    config.limits.max_connections = fit;
    tracing::warn!(
        files,
        needed = wanted.saturating_add(others),
        max_connections = fit,
        "--max-connections {wanted} does not fit into the limit on open files; \
         raise it (ulimit -n, LimitNOFILE=)"
    );
}

/// At least half of the files are for connections, however low the limit is.
fn connections_within(files: usize, others: usize) -> usize {
    files.saturating_sub(others).max(files / 2).max(1)
}

/// Prints the server's URLs to standard output.
pub(super) fn print_urls(server: &Server) {
    let urls: Vec<String> = server
        .addresses()
        .iter()
        .zip(server.schemes())
        .map(|(&address, scheme)| format!("{scheme}://{}", reachable(address)))
        .collect();
    let line = format!(
        "sse-chat {}: open {}",
        env!("CARGO_PKG_VERSION"),
        urls.join(" or ")
    );
    // In its own thread: the write may block, or fail, without effect on serving.
    let printing = thread::Builder::new()
        .name("announce".to_owned())
        .spawn(move || drop(writeln!(std::io::stdout(), "{line}")));
    if let Err(error) = printing {
        tracing::warn!(%error, "can't print the URLs of the server");
    }
}

/// Logs the version, the addresses and the effective settings.
pub(super) fn log_settings(server: &Server) {
    let config = &server.app().config;
    let metrics = server.metrics_addresses();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = comma_separated(server.addresses()),
        https = config
            .tls
            .pairs
            .first()
            .map(|_| comma_separated(&https_addresses(server))),
        metrics = (!metrics.is_empty()).then(|| comma_separated(metrics)),
        workers = config.workers.get(),
        max_rooms = config.max_rooms,
        history_budget = config.history_budget,
        open_files = rlimit::Resource::NOFILE.get_soft().ok(),
        "started"
    );
}

fn https_addresses(server: &Server) -> Vec<SocketAddr> {
    let both = server.addresses().iter().zip(server.schemes());
    both.filter(|(_, scheme)| **scheme == Scheme::Https)
        .map(|(address, _)| *address)
        .collect()
}

fn comma_separated(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_others() {
        assert_eq!(connections_within(1024, 134), 890);
        assert_eq!(connections_within(64, 134), 32);
        assert_eq!(connections_within(0, 134), 1);
    }
}
