//! The deadline of asynchronous tests.

use std::time::Duration;

/// The time limit of everything that a test awaits.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Awaits `future` under the deadline.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let at = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(DEADLINE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{at}: nothing happened for {DEADLINE:?}"),
        }
    }
}
