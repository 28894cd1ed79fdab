//! The resource usage of this process, as the kernel counts it. The metrics have
//! the names of Prometheus' client libraries, which dashboards know.

use std::fs;

use procfs::process::Process as Proc;

/// The resource usage of a process.
#[derive(Debug)]
pub(super) struct ProcessUsage {
    /// User and system CPU time in seconds.
    pub(super) cpu_seconds: f64,
    /// Resident memory in bytes.
    pub(super) resident_bytes: u64,
    /// Open file descriptors, sockets included.
    pub(super) open_files: u64,
    /// The limit on open file descriptors; `None` if there is none.
    pub(super) max_open_files: Option<u64>,
}

/// The usage of this process; `None` if the kernel does not provide it.
pub(super) fn usage() -> Option<ProcessUsage> {
    let process = Proc::myself().ok()?;
    let stat = process.stat().ok()?;
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let max = process.limits().ok()?.max_open_files.soft_limit;
    Some(ProcessUsage {
        cpu_seconds: seconds(stat.utime + stat.stime),
        resident_bytes: stat.rss * procfs::page_size(),
        open_files: open_files(&process)?,
        max_open_files: match max {
            procfs::process::LimitValue::Value(max) => Some(max),
            procfs::process::LimitValue::Unlimited => None,
        },
    })
}

/// Since Linux 6.2 the size of the directory is the number of its entries; before
/// that they are counted.
fn open_files(process: &Proc) -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => process.fd_count().ok()?.try_into().ok(),
        files => Some(files),
    }
}
