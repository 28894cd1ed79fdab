//! What a server counts of a shared history.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sse_chat_redis::CallError;

use crate::chat::shared_totals::SharedTotals;

#[derive(Debug, Default)]
pub(super) struct SharedCounters {
    calls: AtomicU64,
    failed_calls: AtomicU64,
    call_micros: AtomicU64,
    generations: AtomicU64,
    reloads: AtomicU64,
}

impl SharedCounters {
    /// Awaits a call, and counts it.
    pub(super) async fn count<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let begun = Instant::now();
        let answer = call.await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.call_micros.fetch_add(micros, Ordering::Relaxed);
        let counter = match &answer {
            Err(CallError::Unavailable(_) | CallError::NotReplicated) => &self.failed_calls,
            Ok(_) | Err(_) => &self.calls,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    pub(super) fn count_generation(&self) {
        self.generations.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_reload(&self) {
        self.reloads.fetch_add(1, Ordering::Relaxed);
    }

    /// The totals, without what the hub knows.
    pub(super) fn totals(&self) -> SharedTotals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SharedTotals {
            calls: get(&self.calls),
            failed_calls: get(&self.failed_calls),
            call_time: Duration::from_micros(get(&self.call_micros)),
            generations: get(&self.generations),
            reloads: get(&self.reloads),
            ..SharedTotals::default()
        }
    }
}
