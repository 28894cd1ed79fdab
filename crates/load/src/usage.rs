//! Resource usage from /proc: CPU time, memory (Pss: shared pages count in part),
//! threads. Of the server's processes and of this one.

use std::collections::HashMap;
use std::io;

use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};

/// The usage of processes up to now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProcessUsage {
    /// CPU time in seconds.
    pub(crate) cpu_seconds: f64,
    /// Memory (Pss) in bytes.
    pub(crate) memory: u64,
    /// Threads.
    pub(crate) threads: u64,
}

/// The usage of all `pids` together.
///
/// # Errors
///
/// When one of them has ended, or may not be read.
pub(crate) fn of(pids: &[i32]) -> io::Result<ProcessUsage> {
    let mut sum = ProcessUsage::default();
    for pid in pids {
        let one =
            of_one(*pid).map_err(|error| io::Error::other(format!("process {pid}: {error}")))?;
        sum.cpu_seconds += one.cpu_seconds;
        sum.memory += one.memory;
        sum.threads += one.threads;
    }
    Ok(sum)
}

fn of_one(pid: i32) -> procfs::ProcResult<ProcessUsage> {
    let process = Process::new(pid)?;
    let stat = process.stat()?;
    let rollup = process.smaps_rollup()?;
    let memory = rollup
        .memory_map_rollup
        .iter()
        .filter_map(|map| map.extension.map.get("Pss"))
        .sum();
    Ok(ProcessUsage {
        cpu_seconds: seconds(stat.utime + stat.stime),
        memory,
        threads: u64::try_from(stat.num_threads).unwrap_or(0),
    })
}

/// The CPU time of each thread of this process, by thread id.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnThreadTimes {
    seconds: HashMap<i32, f64>,
}

impl OwnThreadTimes {
    /// The times now.
    pub(crate) fn now() -> Self {
        let tasks = Process::myself().and_then(|me| me.tasks());
        let seconds = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let stat = task.stat().ok()?;
            Some((task.tid, seconds(stat.utime + stat.stime)))
        });
        Self {
            seconds: seconds.collect(),
        }
    }

    /// The CPU time of the busiest thread since `before`, in seconds.
    pub(crate) fn busiest_since(&self, before: &Self) -> f64 {
        let used = self.seconds.iter().map(|(id, seconds)| {
            let before = before.seconds.get(id).copied().unwrap_or(0.0);
            seconds - before
        });
        used.fold(0.0, f64::max)
    }
}

/// CPU time of this process in seconds, with the threads that have ended.
pub(crate) fn own_cpu_seconds() -> f64 {
    clock_seconds(ClockId::ProcessCPUTime)
}

/// CPU time of the calling thread in seconds.
pub(crate) fn thread_cpu_seconds() -> f64 {
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
        let threads = OwnThreadTimes::now();
        assert!(threads.busiest_since(&OwnThreadTimes::default()) >= 0.0);
        assert!(own_cpu_seconds() >= thread_cpu_seconds());
    }

    #[test]
    fn a_process_that_does_not_exist_is_named() {
        let error = of(&[i32::MAX]).unwrap_err().to_string();
        assert!(error.contains(&i32::MAX.to_string()), "{error}");
    }
}
