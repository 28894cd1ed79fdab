//! The usage of the server's processes, from /proc.

use std::fs;
use std::io;

/// Processor time so far, and memory, of all processes of a server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    /// Memory (Pss) in bytes.
    pub(crate) memory: u64,
}

/// The sum over `pids`.
pub(crate) fn of(pids: &[u32]) -> io::Result<Usage> {
    let mut sum = Usage::default();
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let ticks = ticks(&stat).ok_or_else(|| io::Error::other("/proc: no processor time"))?;
        let kib = pss_kib(&rollup).ok_or_else(|| io::Error::other("/proc: no Pss"))?;
        sum.cpu_seconds += ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        sum.memory += kib * 1024;
    }
    Ok(sum)
}

/// `utime` and `stime` of /proc/PID/stat: fields 14 and 15. The second field is a name
/// in brackets that may contain any character.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let (user, system): (u64, u64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some(user + system)
}

fn pss_kib(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_found_by_position() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 120 0 0 0 30 12 0 0 20 0 1";
        assert_eq!(ticks(stat), Some(42));
        let rollup = "00-ff ---p 0 00:00 0 [rollup]\nRss:  9 kB\nPss:      7 kB\nPss_Anon: 5 kB\n";
        assert_eq!(pss_kib(rollup), Some(7));
    }

    #[test]
    fn this_process_has_memory() {
        let usage = of(&[std::process::id()]).expect("it can be looked at");
        assert!(usage.memory > 0);
    }
}
