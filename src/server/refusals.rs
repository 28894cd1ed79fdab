//! Refused requests in the log: one line per code and interval, so that an
//! attack does not fill the disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::http::{App, RequestCounters};

/// How often the refusals of each code are logged.
const INTERVAL: Duration = Duration::from_secs(10);

/// Logs new refusals at each interval, for as long as it is polled.
pub(super) async fn log_periodically(app: Arc<App>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        log_new(&app.counts);
    }
}

/// Logs one line for each code that was refused since the last call.
pub(super) fn log_new(counters: &RequestCounters) {
    for (code, count) in counters.take_new_refusals() {
        tracing::info!(code, count, "refused");
    }
}
