//! The graceful shutdown, in this order: `/readyz` fails, no connection is
//! accepted, streams end with `bye` one after the other, requests in flight
//! finish; when the grace period is over, open connections are cut.

use std::time::{Duration, Instant};

use super::fanout::Fanout;
use super::task_tracker::TaskTracker;
use crate::http::App;

/// The part of the grace period over which streams end. The rest is for the last
/// of them, and for requests.
const SPREAD: f64 = 0.8;
/// The average time between the ends of two streams, if the grace period allows:
/// with many streams the drain uses all of it, with one it takes no time.
const INTERVAL: Duration = Duration::from_millis(20);

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended within the grace period.
    Whole,
    /// This many connections were open at its end, and were cut.
    Cut(usize),
}

/// Ends all streams, and waits for `tasks` within the grace. The caller cuts what is
/// left then.
pub(super) async fn drain(app: &App, fanout: &Fanout, tasks: &TaskTracker) -> Drained {
    let begun = Instant::now();
    let (grace, readers) = (app.config.grace, app.hub.readers());
    tracing::info!(readers, "draining");
    app.draining.begin(spread(grace, readers));
    fanout.wake();
    let waited = tokio::time::timeout(grace, tasks.wait()).await;
    let drained = match waited {
        Ok(()) => Drained::Whole,
        Err(_) => Drained::Cut(tasks.len()),
    };
    let took = begun.elapsed();
    match drained {
        Drained::Whole => tracing::info!(?took, "drained"),
        Drained::Cut(connections) => {
            tracing::warn!(
                ?took,
                connections,
                "the grace period is over; open connections are cut"
            )
        }
    }
    drained
}

fn spread(grace: Duration, readers: usize) -> Duration {
    let readers = u32::try_from(readers).unwrap_or(u32::MAX);
    INTERVAL.saturating_mul(readers).min(grace.mul_f64(SPREAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_readers_end_at_once_and_many_over_the_grace() {
        let grace = Duration::from_secs(10);
        assert_eq!(spread(grace, 0), Duration::ZERO);
        assert_eq!(spread(grace, 1), Duration::from_millis(20));
        assert_eq!(spread(grace, 100), Duration::from_secs(2));
        assert_eq!(spread(grace, 1_000_000), Duration::from_secs(8));
    }
}
