//! The tasks of a history that several servers share: one shows what all of them publish,
//! one does the work that is due. What they do is in `chat`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::chat::{Followed, Hub, SharedFollower};
use crate::http::App;

/// How often rooms that are used are reported, and unused ones forgotten.
const MAINTENANCE: Duration = Duration::from_secs(30);

/// Follows the shared history of `app`, if there is one; never returns.
pub(super) async fn follow(app: Arc<App>) {
    match app.take_follower() {
        Some(follower) => {
            let hub = Arc::clone(follower.hub());
            tokio::select! {
                () = show(follower) => {}
                () = maintain(&hub) => {}
            }
        }
        None => std::future::pending().await,
    }
}

/// Shows what is read.
async fn show(mut follower: SharedFollower) {
    let mut absence = None;
    loop {
        let followed = follower.next().await;
        absence = observe(followed, absence);
    }
}

/// Logs what happened. Returns since when Redis is away.
fn observe(followed: Followed, absence: Option<Instant>) -> Option<Instant> {
    match followed {
        Followed::Away(why) => {
            if absence.is_none() {
                tracing::warn!(%why, "the shared history is not reached");
            }
            return absence.or_else(|| Some(Instant::now()));
        }
        Followed::Generation { epoch, has_lost } => {
            tracing::warn!(%epoch, has_lost, "another generation of the shared history has begun");
        }
        Followed::Reloaded => {
            tracing::warn!("rooms were loaded anew: entries of the shared history were missing");
        }
        Followed::Connected => {}
    }
    if let Some(since) = absence {
        tracing::info!(after = ?since.elapsed(), "the shared history is reached again");
    }
    None
}

/// Does the work of the shared history that is due.
async fn maintain(hub: &Hub) {
    // Not all servers at one time.
    let first = Instant::now() + MAINTENANCE.mul_f64(fastrand::f64());
    let mut ticks = tokio::time::interval_at(first, MAINTENANCE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = hub.maintain_shared().await {
            tracing::debug!(%error, "the shared history is not maintained for now");
        }
    }
}
