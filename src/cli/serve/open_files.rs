//! A connection is an open file, and there are only so many: what this process
//! may open bounds what it lets in, before it finds out by failing.

use crate::config::Config;

/// What is open beside connections: listeners, each worker's poll and bell,
/// the log, and those who are only told that they are too many.
const OTHERS: usize = 128;

/// Raises the limit on open files as far as it goes. If connections still do
/// not fit in, fewer are let in, and the log says what would be needed.
pub(super) fn fit_into_open_files(config: &mut Config) {
    // The soft limit is often 1,024: the hard one is what the machine's owner
    // allows.
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
    let asked = config.limits.max_connections;
    let others = OTHERS + 3 * config.workers.get();
    let fit = connections_within(files, others);
    if asked <= fit {
        tracing::debug!(files, "the limit on open files");
        return;
    }
    config.limits.max_connections = fit;
    tracing::warn!(
        files,
        needed = asked.saturating_add(others),
        max_connections = fit,
        "--max-connections {asked} does not fit into the limit on open files; \
         raise it (ulimit -n, LimitNOFILE=)"
    );
}

/// Half of very few files are for others.
fn connections_within(files: usize, others: usize) -> usize {
    files.saturating_sub(others).max(files / 2).max(1)
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
