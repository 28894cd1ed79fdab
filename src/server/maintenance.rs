//! The maintenance of the rooms, a task that runs for as long as a server. What it
//! does is in `chat`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::chat::RemainingWork;
use crate::http::App;

/// How often rooms are maintained: presence flushed, idle rooms forgotten.
const TICK: Duration = Duration::from_secs(1);
/// How long presence waits for workers that have much to read.
const PRESENCE_RETRY: Duration = Duration::from_millis(5);

/// Maintains the rooms of `app` at every tick; never returns.
pub(super) async fn maintain_rooms(app: Arc<App>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(error) = app.hub.take_read_error() {
            tracing::error!(%error, "a part of history can't be read");
        }
        let now = Instant::now();
        // In slices, so that requests are answered in between.
        loop {
            match app.hub.housekeeping_pass(now) {
                RemainingWork::None => break,
                RemainingWork::Ready => tokio::task::yield_now().await,
                // The rest is due at the next tick, too.
                RemainingWork::BlockedPresence if now.elapsed() >= TICK => break,
                RemainingWork::BlockedPresence => tokio::time::sleep(PRESENCE_RETRY).await,
            }
        }
    }
}
