//! Refusals in the log: in bulk, since an attack is not to fill the disk too.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::http::{App, Counts};

/// How often the log is told of each code that was refused.
const EVERY: Duration = Duration::from_secs(10);

/// Tells the log now and then, for as long as it is polled.
pub(super) async fn tell_now_and_then(app: Arc<App>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&app.counts);
    }
}

/// One line for each code that was refused since the last time.
pub(super) fn tell(counts: &Counts) {
    for (code, count) in counts.take_new_refusals() {
        tracing::info!(code, count, "refused");
    }
}
