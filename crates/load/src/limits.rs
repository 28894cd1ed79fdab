//! The limits of this machine: open files and ports. They are checked before a run,
//! so that it does not fail halfway.

use std::fmt;

use crate::error::{LoadError, LoadErrorKind};
use crate::plan::Plan;

/// Open files beside the connections: standard streams, polls, reports.
const OWN_FILES: u64 = 64;

/// A limit that is too low for the load. `Display` says how to raise it.
#[derive(Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// Open files: each connection is one.
    Files {
        /// How many are needed.
        needed: u64,
        /// The limit, after the soft limit was raised.
        limit: u64,
    },
    /// Ports: each connection between two addresses needs its own.
    Ports {
        /// How many connections one address has.
        needed: usize,
        /// How many ports there are.
        ports: usize,
        /// How many addresses are needed.
        addresses: usize,
    },
}

/// Raises the limit on open files as far as possible, and returns it.
///
/// # Errors
///
/// When `plan` needs more open files or ports.
pub fn raise_limits(plan: &Plan) -> Result<u64, LimitExceeded> {
    // If it can't be raised, it is checked as it is.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|_| {
        rlimit::Resource::NOFILE
            .get()
            .map_or(1024, |(soft, _)| soft)
    });
    check(plan, limit, ephemeral_ports())?;
    Ok(limit)
}

fn check(plan: &Plan, limit: u64, ports: usize) -> Result<(), LimitExceeded> {
    let connections = plan.connections();
    let needed = connections as u64 + OWN_FILES;
    if needed > limit {
        return Err(LimitExceeded::Files { needed, limit });
    }
    let from_one = connections.div_ceil(plan.sources.len().max(1));
    if from_one > ports {
        return Err(LimitExceeded::Ports {
            needed: from_one,
            ports,
            addresses: connections.div_ceil(ports),
        });
    }
    Ok(())
}

/// How many ports one address has for outgoing connections.
fn ephemeral_ports() -> usize {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.unwrap_or_default();
    let mut ends = range
        .split_whitespace()
        .map_while(|end| end.parse::<usize>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if first <= last => last - first + 1,
        // The default of Linux.
        _ => 28_232,
    }
}

impl std::error::Error for LimitExceeded {}

impl From<LimitExceeded> for LoadError {
    fn from(limit: LimitExceeded) -> Self {
        LoadErrorKind::Failed.because(limit)
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { needed, limit } => write!(
                f,
                "the load needs {needed} open files, and the limit is {limit}: as root, run \
                 `ulimit -n {needed}` in this shell first, or set LimitNOFILE={needed} in the \
                 unit or nofile in /etc/security/limits.conf"
            ),
            Self::Ports {
                needed,
                ports,
                addresses,
            } => write!(
                f,
                "{needed} connections from one address, and the system has {ports} ports for \
                 them: spread them over {addresses} addresses, as in --source-ip \
                 127.0.0.2,127.0.0.3, or widen net.ipv4.ip_local_port_range"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn plan(subscribers: usize) -> Plan {
        Plan {
            subscribers: vec![subscribers],
            ..Plan::default()
        }
    }

    #[test]
    fn too_many_files_say_what_to_do() {
        let plan = plan(1000);
        let needed = plan.connections() as u64 + OWN_FILES;
        assert_eq!(check(&plan, needed, 28_232), Ok(()));
        let error = check(&plan, needed - 1, 28_232).unwrap_err().to_string();
        assert!(error.contains(&format!("ulimit -n {needed}")), "{error}");
        assert!(error.contains(&(needed - 1).to_string()), "{error}");
    }

    #[test]
    fn too_many_ports_say_how_many_addresses_it_takes() {
        let mut plan = plan(50_000);
        let error = check(&plan, u64::MAX, 28_232).unwrap_err().to_string();
        assert!(error.contains("2 addresses"), "{error}");
        plan.sources = vec![[127, 0, 0, 2].into(), [127, 0, 0, 3].into()];
        assert_eq!(check(&plan, u64::MAX, 28_232), Ok(()));
    }

    #[test]
    fn the_system_says_how_many_ports_it_has() {
        assert!(ephemeral_ports() > 0);
    }
}
