//! What is going on, on a terminal only: one line on standard error.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::found::Found;

/// The line, or nothing where standard error is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A line that is not there yet.
    pub fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        let bar = ProgressBar::new_spinner()
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar }
    }

    /// Shows how far a run is.
    pub(super) fn show(&self, phase: &str, found: &Found) {
        if self.bar.is_hidden() {
            return;
        }
        let counters = &found.shared.counters;
        let mut line = format!("{phase}: {} s", found.shared.now_ns() / 1_000_000_000);
        if found.subscribers > 0 {
            line.push_str(&format!(
                ", {} of {} connected",
                HumanCount(counters.connected.load(Relaxed)),
                HumanCount(found.subscribers as u64)
            ));
        }
        for (count, what) in [
            (&counters.sent, "sent"),
            (&counters.delivered, "delivered"),
            (&counters.failed, "failed"),
        ] {
            match count.load(Relaxed) {
                0 => {}
                count => line.push_str(&format!(", {} {what}", HumanCount(count))),
            }
        }
        self.bar.set_message(line);
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
