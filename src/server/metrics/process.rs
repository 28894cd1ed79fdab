//! What the process uses, as the kernel counts it. The names are those that
//! every client library of Prometheus gives, so that dashboards know them.

use std::fs;

use procfs::process::Process as Proc;

/// What the process uses.
#[derive(Debug)]
pub(super) struct Usage {
    /// Processor time in seconds, the kernel's for it included.
    pub(super) cpu_seconds: f64,
    /// Bytes of memory that are not swapped out.
    pub(super) resident_bytes: u64,
    /// Open files, sockets among them.
    pub(super) open_files: u64,
    /// How many it may have; `None` for any number.
    pub(super) most_open_files: Option<u64>,
}

/// What this process uses; nothing where the kernel does not say.
pub(super) fn usage() -> Option<Usage> {
    let process = Proc::myself().ok()?;
    let stat = process.stat().ok()?;
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let most = process.limits().ok()?.max_open_files.soft_limit;
    Some(Usage {
        cpu_seconds: seconds(stat.utime + stat.stime),
        resident_bytes: stat.rss * procfs::page_size(),
        open_files: open_files(&process)?,
        most_open_files: match most {
            procfs::process::LimitValue::Value(most) => Some(most),
            procfs::process::LimitValue::Unlimited => None,
        },
    })
}

/// Since Linux 6.2 the folder of them knows its size; before, each is looked at.
fn open_files(process: &Proc) -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => process.fd_count().ok()?.try_into().ok(),
        files => Some(files),
    }
}
