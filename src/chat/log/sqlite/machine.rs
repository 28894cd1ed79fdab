//! What a store asks of the machine: its start and its time.

use std::fs;
use std::time::SystemTime;

/// Linux draws it at each start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The machine and its time.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// Its start; `None` if it is not known.
    pub(super) boot: Option<String>,
    pub(super) now: SystemTime,
}

impl Machine {
    pub(super) fn present() -> Self {
        let boot = fs::read_to_string(BOOT_ID).ok();
        Self {
            boot: boot.map(|boot| boot.trim().to_owned()),
            now: SystemTime::now(),
        }
    }
}
