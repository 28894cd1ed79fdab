//! The progress line on standard error, if that is a terminal.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::run_data::RunData;

/// A progress line on standard error; nothing if that is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// An empty line.
    pub fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        let bar = ProgressBar::new_spinner()
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar }
    }

    /// Shows the phase and the counters of a run.
    pub(crate) fn show(&self, phase: &str, data: &RunData) {
        if self.bar.is_hidden() {
            return;
        }
        let counters = &data.shared.counters;
        let mut line = format!("{phase}: {} s", data.shared.now_ns() / 1_000_000_000);
        if data.subscribers > 0 {
            line.push_str(&format!(
                ", {} of {} connected",
                HumanCount(counters.connected.load(Relaxed)),
                HumanCount(data.subscribers as u64)
            ));
        }
        for (count, name) in [
            (&counters.sent, "sent"),
            (&counters.delivered, "delivered"),
            (&counters.failed, "failed"),
        ] {
            match count.load(Relaxed) {
                0 => {}
                count => line.push_str(&format!(", {} {name}", HumanCount(count))),
            }
        }
        self.bar.set_message(line);
    }

    /// Removes the line.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
