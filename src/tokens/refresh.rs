//! When the key set is loaded again: for an unknown key, but at most once a minute,
//! so that invented ids of keys cause no flood of requests; and now and then, so
//! that a key that is withdrawn is forgotten.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// The longest time of loading the key set.
pub const LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The shortest time between two loads because of unknown keys.
const REFRESH_PAUSE: Duration = Duration::from_secs(60);
/// The longest time between two loads.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The time between two loads until the first one succeeds.
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// The state of loading, shared by the task that loads and requests that wait.
pub(super) struct Refresh {
    state: watch::Sender<RefreshState>,
    /// A token with an unknown key.
    wanted: Notify,
    /// The operator wants it now.
    forced: Notify,
}

#[derive(Debug, Clone, Copy)]
struct RefreshState {
    phase: Phase,
    /// Finished loads, failed ones included.
    loads: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Loading,
    /// The last load is too recent for another one.
    Resting,
    Ready,
}

impl Refresh {
    pub(super) fn new() -> Self {
        Self {
            state: watch::Sender::new(RefreshState {
                phase: Phase::Loading,
                loads: 0,
            }),
            wanted: Notify::new(),
            forced: Notify::new(),
        }
    }

    /// Waits for the load that an unknown key causes, or that is under way. False at
    /// once if none is due, and after [`LOAD_TIMEOUT`].
    pub(super) async fn wait(&self) -> bool {
        let mut changes = self.state.subscribe();
        let now = *changes.borrow_and_update();
        match now.phase {
            Phase::Resting => return false,
            Phase::Ready => self.wanted.notify_one(),
            Phase::Loading => {}
        }
        let finished = changes.wait_for(|state| state.loads > now.loads);
        timeout(LOAD_TIMEOUT, finished)
            .await
            .is_ok_and(|state| state.is_ok())
    }

    /// Loads as soon as the present load has ended.
    pub(super) fn force(&self) {
        self.forced.notify_one();
    }

    /// Calls `load` at once and whenever it is due. `load` returns whether it
    /// succeeded.
    pub(super) async fn keep_loading<L: Future<Output = bool>>(&self, load: impl Fn() -> L) {
        let mut pause = FIRST_RETRY;
        loop {
            self.state.send_modify(|state| state.phase = Phase::Loading);
            if load().await {
                pause = REFRESH_PAUSE;
            }
            self.state.send_modify(|state| {
                state.phase = Phase::Resting;
                state.loads += 1;
            });
            tokio::select! {
                () = sleep(pause) => {}
                () = self.forced.notified() => continue,
            }
            if pause == FIRST_RETRY {
                continue;
            }
            // What was wanted before this load was answered by it.
            pin!(self.wanted.notified()).enable();
            self.state.send_modify(|state| state.phase = Phase::Ready);
            tokio::select! {
                () = sleep(REFRESH_INTERVAL) => {}
                () = self.wanted.notified() => {}
                () = self.forced.notified() => {}
            }
        }
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = *self.state.borrow();
        f.debug_tuple("Refresh").field(&state).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    /// Loads as a server does, while `test` runs, and returns its loads.
    async fn loads(succeed: fn(usize) -> bool, test: impl AsyncFnOnce(&Refresh)) -> usize {
        let (refresh, count) = (Refresh::new(), Cell::new(0));
        let load = || async {
            count.set(count.get() + 1);
            succeed(count.get())
        };
        let mut loading = pin!(refresh.keep_loading(load));
        tokio::select! {
            // The first load does not end before the test has begun.
            biased;
            () = test(&refresh) => {}
            () = &mut loading => unreachable!(),
        }
        count.get()
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_unknown_keys_causes_one_load_per_minute() {
        let count = loads(
            |_| true,
            async |refresh| {
                for _ in 0..6000 {
                    refresh.wait().await;
                    sleep(Duration::from_millis(100)).await;
                }
            },
        );
        // In ten minutes, and the first one.
        assert!((9..=11).contains(&count.await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_unknown_keys_at_once_cause_one_load() {
        let count = loads(
            |_| true,
            async |refresh| {
                refresh.wait().await;
                sleep(REFRESH_PAUSE * 2).await;
                let mut waits: Vec<_> = (0..1000).map(|_| Box::pin(refresh.wait())).collect();
                // All are under way before the load begins.
                poll_fn(|context| {
                    let mut is_pending = true;
                    for wait in &mut waits {
                        is_pending &= wait.as_mut().poll(context).is_pending();
                    }
                    assert!(is_pending);
                    Poll::Ready(())
                })
                .await;
                for wait in waits {
                    assert!(wait.await);
                }
                sleep(REFRESH_PAUSE * 3).await;
            },
        );
        assert_eq!(count.await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_waits_for_a_load_that_is_due() {
        let count = loads(
            |_| true,
            async |refresh| {
                assert!(refresh.wait().await, "the first load is under way");
                assert!(!refresh.wait().await, "it was just now");
                sleep(REFRESH_PAUSE + Duration::from_secs(1)).await;
                assert!(refresh.wait().await);
                assert!(!refresh.wait().await);
            },
        );
        assert_eq!(count.await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_load_is_retried_and_later_ones_are_rare() {
        let half_a_minute = loads(|_| false, async |_| sleep(FIRST_RETRY * 3).await).await;
        assert!((3..=4).contains(&half_a_minute), "{half_a_minute}");
        let hour = loads(
            |count| count > 1,
            async |_| {
                sleep(Duration::from_secs(3600)).await;
            },
        );
        assert!((4..=6).contains(&hour.await));
    }

    #[tokio::test(start_paused = true)]
    async fn the_operator_can_force_a_load_at_any_time() {
        let count = loads(
            |_| true,
            async |refresh| {
                refresh.wait().await;
                refresh.force();
                sleep(Duration::from_secs(1)).await;
            },
        );
        assert_eq!(count.await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_task_that_loads_it_waits_for_a_bounded_time() {
        assert!(!Refresh::new().wait().await);
    }
}
