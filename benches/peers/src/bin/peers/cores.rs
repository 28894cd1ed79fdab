//! The cores that the server and the load generator are pinned to.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::thread::{CpuSet, sched_getaffinity};
use tokio::process::Command;

/// The assignment of cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// Server and generator on two different cores.
    Apart { server: usize, generator: usize },
    /// There is only one core: nothing is pinned, and figures are unreliable.
    Shared,
}

/// The role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Generator,
}

impl Cores {
    /// Chooses two of the cores that this process may use, on different hardware cores
    /// if possible.
    ///
    /// # Errors
    ///
    /// If there are two cores but no `taskset`.
    pub(crate) async fn choose() -> Result<Self, String> {
        let allowed = sched_getaffinity(None).map_err(|error| format!("which cores? {error}"))?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|core| allowed.is_set(*core))
            .collect();
        let (&[server, ..], Some(generator)) = (&*allowed, other_core(&allowed)) else {
            return Ok(Self::Shared);
        };
        need_taskset().await?;
        Ok(Self::Apart { server, generator })
    }

    /// A command that runs `program` on the core of its role.
    pub(crate) fn command(self, role: Role, program: &Path) -> Command {
        let core = match (self, role) {
            (Self::Shared, _) => return Command::new(program),
            (Self::Apart { server, .. }, Role::Server) => server,
            (Self::Apart { generator, .. }, Role::Generator) => generator,
        };
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart { server, generator } => write!(
                f,
                "each server on core {server}, the load on core {generator}"
            ),
            Self::Shared => f.write_str("ONE core for both the server and the load"),
        }
    }
}

/// A core that is no hardware sibling of the first; otherwise any other.
fn other_core(allowed: &[usize]) -> Option<usize> {
    let (first, others) = allowed.split_first()?;
    let file = format!("/sys/devices/system/cpu/cpu{first}/topology/thread_siblings_list");
    // Without the file, no core counts as a sibling.
    let siblings = cores_of_list(&fs::read_to_string(file).unwrap_or_default());
    let apart = others.iter().find(|core| !siblings.contains(core));
    apart.or(others.first()).copied()
}

/// Parses a list of cores in the format of Linux: `0,4` or `0-1`.
fn cores_of_list(list: &str) -> Vec<usize> {
    let mut cores = Vec::new();
    for part in list.trim().split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse(), to.parse::<usize>()) {
            cores.extend(from..=to);
        }
    }
    cores
}

async fn need_taskset() -> Result<(), String> {
    let mut command = Command::new("taskset");
    command.arg("--version").stdout(Stdio::null());
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        _ => Err("taskset is missing: install util-linux".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read_as_linux_writes_them() {
        assert_eq!(cores_of_list("0,4\n"), [0, 4]);
        assert_eq!(cores_of_list("2-4"), [2, 3, 4]);
        assert_eq!(cores_of_list(""), Vec::<usize>::new());
    }
}
