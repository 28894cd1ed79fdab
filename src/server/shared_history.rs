//! The tasks of a history that several servers share: one shows what all of them publish,
//! one does the work that is due. What they do is in `chat`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, MissedTickBehavior};

use crate::chat::{Followed, Hub, MemberExchange, SharedFollower};
use crate::http::App;

/// How long Redis may be away until readers learn of it.
const STALE_AFTER: Duration = Duration::from_secs(2);
/// How often rooms that are used are reported, and unused ones forgotten.
const MAINTENANCE: Duration = Duration::from_secs(30);

/// Follows the shared history of `app`, if there is one; never returns.
pub(super) async fn follow(app: Arc<App>) {
    match app.take_follower() {
        Some(mut follower) => {
            let hub = Arc::clone(follower.hub());
            let exchange = follower.take_exchange();
            tokio::select! {
                () = show(follower) => {}
                () = maintain(&hub) => {}
                () = exchange_members(exchange) => {}
            }
        }
        None => std::future::pending().await,
    }
}

async fn exchange_members(exchange: Option<MemberExchange>) {
    match exchange {
        Some(exchange) => exchange.run().await,
        None => std::future::pending().await,
    }
}

/// Shows what is read.
async fn show(mut follower: SharedFollower) {
    let hub = Arc::clone(follower.hub());
    let mut absence = None;
    loop {
        let followed = {
            let mut next = std::pin::pin!(follower.next());
            tokio::select! {
                followed = &mut next => followed,
                () = becomes_stale(absence) => {
                    hub.set_stale(absence.map(|since: Absence| since.time));
                    // The wait is not begun anew.
                    next.await
                }
            }
        };
        absence = observe(&hub, followed, absence);
    }
}

/// When Redis was first not reached.
#[derive(Debug, Clone, Copy)]
struct Absence {
    at: Instant,
    time: SystemTime,
}

/// Waits until readers have to learn that Redis is away.
async fn becomes_stale(absence: Option<Absence>) {
    match absence {
        Some(since) => tokio::time::sleep_until(since.at + STALE_AFTER).await,
        None => std::future::pending().await,
    }
}

/// Logs what happened. Returns since when Redis is away.
fn observe(hub: &Hub, followed: Followed, absence: Option<Absence>) -> Option<Absence> {
    match followed {
        Followed::Away(why) => {
            if absence.is_none() {
                tracing::warn!(%why, "the shared history is not reached");
            }
            return absence.or_else(|| {
                Some(Absence {
                    at: Instant::now(),
                    time: SystemTime::now(),
                })
            });
        }
        Followed::Reloading => return absence,
        Followed::Generation { epoch, has_lost } => {
            tracing::warn!(%epoch, has_lost, "another generation of the shared history has begun");
        }
        Followed::Reloaded => {
            tracing::warn!("rooms were loaded anew: entries of the shared history were missing");
        }
        Followed::Connected => {}
    }
    if let Some(absence) = absence {
        tracing::info!(after = ?absence.at.elapsed(), "the shared history is reached again");
        hub.set_stale(None);
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
