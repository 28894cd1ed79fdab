//! Whether this machine can carry the load at all: open files and ports. Looked
//! at before anything is started, so that a run does not fail in its middle.

use std::fmt;

use crate::plan::Plan;

/// Files that are open beside the connections: the program's own, its polls,
/// its output.
const OWN_FILES: u64 = 64;

/// Why the load does not fit, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// Each connection is an open file.
    Files {
        /// How many are needed.
        needed: u64,
        /// How many may be open, after the soft limit was raised.
        limit: u64,
    },
    /// Each connection from one address to another has a port of its own.
    Ports {
        /// How many connections there are from one address.
        needed: usize,
        /// How many ports there are.
        ports: usize,
        /// How many addresses are needed.
        addresses: usize,
    },
}

/// Raises the limit on open files as far as it goes, and looks whether `plan`
/// fits into it. The limit.
///
/// # Errors
///
/// [`TooMuch`] says in words what is too low, and how to raise it.
pub fn make_room(plan: &Plan) -> Result<u64, TooMuch> {
    // Where it can't be raised it stays as it is, and is looked at all the same.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|_| {
        rlimit::Resource::NOFILE
            .get()
            .map_or(1024, |(soft, _)| soft)
    });
    check(plan, limit, ephemeral_ports())?;
    Ok(limit)
}

fn check(plan: &Plan, limit: u64, ports: usize) -> Result<(), TooMuch> {
    let connections = plan.connections();
    let needed = connections as u64 + OWN_FILES;
    if needed > limit {
        return Err(TooMuch::Files { needed, limit });
    }
    let from_one = connections.div_ceil(plan.sources.len().max(1));
    if from_one > ports {
        return Err(TooMuch::Ports {
            needed: from_one,
            ports,
            addresses: connections.div_ceil(ports),
        });
    }
    Ok(())
}

/// How many ports the system gives to connections from one address.
fn ephemeral_ports() -> usize {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.unwrap_or_default();
    let mut ends = range
        .split_whitespace()
        .map_while(|end| end.parse::<usize>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if first <= last => last - first + 1,
        // What Linux has unless somebody changed it.
        _ => 28_232,
    }
}

impl fmt::Display for TooMuch {
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
    use crate::sample;

    #[test]
    fn too_many_files_say_what_to_do() {
        let plan = sample::plan(1000);
        let needed = plan.connections() as u64 + OWN_FILES;
        assert_eq!(check(&plan, needed, 28_232), Ok(()));
        let error = check(&plan, needed - 1, 28_232).unwrap_err().to_string();
        assert!(error.contains(&format!("ulimit -n {needed}")), "{error}");
        assert!(error.contains(&(needed - 1).to_string()), "{error}");
    }

    #[test]
    fn too_many_ports_say_how_many_addresses_it_takes() {
        let mut plan = sample::plan(50_000);
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
