//! What the service manager is told that started the server: sd_notify(3).
//! Where none did, there is no `NOTIFY_SOCKET`, and nothing is sent.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState::{self, Ready, Status, Stopping, Watchdog};

use crate::http::App;

/// How often the status line is told where no watchdog waits for it.
const PERIOD: Duration = Duration::from_secs(10);

/// It listens, and who connects is answered.
pub(super) fn ready() {
    if let Err(error) = sd_notify::notify(&[Ready, Status("ready")]) {
        tracing::warn!(%error, "can't tell the service manager");
    }
}

/// It accepts nobody new, and ends its streams.
pub(super) fn stopping(app: &App) {
    let status = format!("shutting down, readers: {}", app.hub.readers());
    tell(&[Stopping, Status(&status)]);
}

/// Tells who is here, and that the server lives, for as long as it runs.
///
/// It is a task beside those that answer requests, and has had the lock that
/// they take: where either is stuck, the service manager hears nothing more.
pub(super) async fn keep_telling(app: Arc<App>) {
    let watchdog = sd_notify::watchdog_enabled();
    // Half of what the service manager waits, as sd_watchdog_enabled(3) has it.
    let period = watchdog.map_or(PERIOD, |wait| PERIOD.min(wait / 2));
    let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        let (readers, rooms) = (app.hub.readers(), app.hub.room_count());
        let status = format!("readers: {readers}, rooms: {rooms}");
        match watchdog {
            Some(_) => tell(&[Watchdog, Status(&status)]),
            None => tell(&[Status(&status)]),
        }
    }
}

/// A service manager that does not hear has been warned of at the start.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "can't tell the service manager");
    }
}
