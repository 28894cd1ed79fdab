//! What processes use, from /proc: processor time, memory as the system shares
//! it out (Pss), threads. Of the server's processes and of this one.

use std::collections::HashMap;
use std::io;

use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};

/// What the server's processes used up to a moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// Processor time in seconds.
    pub(super) cpu_seconds: f64,
    /// Memory (Pss) in bytes.
    pub(super) memory: u64,
    /// Threads.
    pub(super) threads: u64,
}

/// Looks at `pids`, all together.
///
/// # Errors
///
/// When one of them is no more, or may not be looked at.
pub(super) fn of(pids: &[i32]) -> io::Result<Usage> {
    let mut sum = Usage::default();
    for pid in pids {
        let one =
            of_one(*pid).map_err(|error| io::Error::other(format!("process {pid}: {error}")))?;
        sum.cpu_seconds += one.cpu_seconds;
        sum.memory += one.memory;
        sum.threads += one.threads;
    }
    Ok(sum)
}

fn of_one(pid: i32) -> procfs::ProcResult<Usage> {
    let process = Process::new(pid)?;
    let stat = process.stat()?;
    let rollup = process.smaps_rollup()?;
    let memory = rollup
        .memory_map_rollup
        .iter()
        .filter_map(|map| map.extension.map.get("Pss"))
        .sum();
    Ok(Usage {
        cpu_seconds: seconds(stat.utime + stat.stime),
        memory,
        threads: u64::try_from(stat.num_threads).unwrap_or(0),
    })
}

/// Processor time of this process's threads up to a moment, by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnThreads {
    seconds: HashMap<i32, f64>,
}

impl OwnThreads {
    /// As it is now.
    pub(super) fn now() -> Self {
        let tasks = Process::myself().and_then(|me| me.tasks());
        let seconds = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let stat = task.stat().ok()?;
            Some((task.tid, seconds(stat.utime + stat.stime)))
        });
        Self {
            seconds: seconds.collect(),
        }
    }

    /// What the busiest thread used since `before`.
    pub(super) fn busiest_since(&self, before: &Self) -> f64 {
        let used = self.seconds.iter().map(|(id, seconds)| {
            let before = before.seconds.get(id).copied().unwrap_or(0.0);
            seconds - before
        });
        used.fold(0.0, f64::max)
    }
}

/// Processor time of this process, in seconds: of all its threads, those that
/// have ended among them.
pub(super) fn own_cpu_seconds() -> f64 {
    clock_seconds(ClockId::ProcessCPUTime)
}

/// Processor time of the calling thread, in seconds.
pub(super) fn thread_cpu_seconds() -> f64 {
    clock_seconds(ClockId::ThreadCPUTime)
}

fn clock_seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_threads_and_time() {
        let me = i32::try_from(std::process::id()).unwrap();
        let usage = of(&[me]).unwrap();
        assert!(usage.memory > 0 && usage.threads > 0);
        assert!(usage.cpu_seconds >= 0.0);
        let threads = OwnThreads::now();
        assert!(threads.busiest_since(&OwnThreads::default()) >= 0.0);
        assert!(own_cpu_seconds() >= thread_cpu_seconds());
    }

    #[test]
    fn a_process_that_is_none_is_named() {
        let error = of(&[i32::MAX]).unwrap_err().to_string();
        assert!(error.contains(&i32::MAX.to_string()), "{error}");
    }
}
