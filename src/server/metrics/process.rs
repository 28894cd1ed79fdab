//! The resource usage of this process, as the kernel counts it. The metrics have
//! the names of Prometheus' client libraries, which dashboards know. They need the
//! feature `cli`: inside another program the process is not the server's.

use std::fmt;
use std::fs;

use procfs::process::{LimitValue, Process as Proc};

use super::encoder::MetricEncoder;

/// Encodes the usage of this process; nothing if the kernel does not provide it.
pub(super) fn encode(metrics: &mut MetricEncoder<'_>) -> fmt::Result {
    let Some(usage) = usage() else {
        return Ok(());
    };
    metrics.counter(
        "process_cpu_seconds",
        "User and system CPU time, in seconds",
        usage.cpu_seconds,
    )?;
    metrics.gauge(
        "process_resident_memory_bytes",
        "Resident memory, in bytes",
        usage.resident_bytes,
    )?;
    metrics.gauge(
        "process_open_fds",
        "Open file descriptors, sockets included",
        usage.open_files,
    )?;
    metrics.gauge(
        "process_max_fds",
        "Maximum of open file descriptors",
        usage
            .max_open_files
            .map_or(f64::INFINITY, |files| files as f64),
    )
}

/// The resource usage of a process.
#[derive(Debug)]
struct ProcessUsage {
    /// User and system CPU time in seconds.
    cpu_seconds: f64,
    /// Resident memory in bytes.
    resident_bytes: u64,
    /// Open file descriptors, sockets included.
    open_files: u64,
    /// The limit on open file descriptors; `None` if there is none.
    max_open_files: Option<u64>,
}

/// The usage of this process; `None` if the kernel does not provide it.
fn usage() -> Option<ProcessUsage> {
    let process = Proc::myself().ok()?;
    let stat = process.stat().ok()?;
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let max = process.limits().ok()?.max_open_files.soft_limit;
    Some(ProcessUsage {
        cpu_seconds: seconds(stat.utime + stat.stime),
        resident_bytes: stat.rss * procfs::page_size(),
        open_files: open_files(&process)?,
        max_open_files: match max {
            LimitValue::Value(max) => Some(max),
            LimitValue::Unlimited => None,
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
