//! The turns of a connection's task: what was woken, and so is polled in the next one.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Something that a turn polls: a bit of [`Turns::begin`]'s answer.
pub(super) type Source = u8;

/// One or more streams.
pub(super) const STREAMS: Source = 1;
/// hyper's connection.
pub(super) const HYPER: Source = 2;
/// The end of the server.
pub(super) const END: Source = 4;
const ALL: Source = STREAMS | HYPER | END;
/// No source: the task runs.
const RUNNING: u8 = 8;

/// What was woken since the last turn. The sources of a connection are woken by its
/// socket, by h2 and by each other, mostly while its task runs: that needs no turn of
/// its own. And each turn polls only those that were woken: the others' memory is
/// mostly not in the processor's caches.
#[derive(Debug)]
pub(super) struct Turns {
    /// Sources that were woken, and [`RUNNING`].
    woken: AtomicU8,
    task: Mutex<Waker>,
}

impl Turns {
    /// All sources count as woken.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            woken: AtomicU8::new(ALL),
            task: Mutex::new(Waker::noop().clone()),
        })
    }

    /// The turns of `task` begin.
    pub(super) fn run_in(&self, task: &Waker) {
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone_from(task);
    }

    /// Takes what was woken, which is to be polled now.
    pub(super) fn take_woken(&self) -> Source {
        self.woken.swap(RUNNING, Ordering::AcqRel) & ALL
    }

    /// The turns end. Returns false if something was woken meanwhile.
    pub(super) fn end(&self) -> bool {
        let ended = self
            .woken
            .compare_exchange(RUNNING, 0, Ordering::AcqRel, Ordering::Acquire);
        ended.is_ok()
    }

    /// The task is to poll `source`.
    pub(super) fn wake(&self, source: Source) {
        // Otherwise the task runs, or was woken already.
        if self.woken.fetch_or(source, Ordering::AcqRel) == 0 {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            task.wake_by_ref();
        }
    }

    /// A waker of `source`.
    pub(super) fn waker(self: &Arc<Self>, source: Source) -> Waker {
        let turns = Arc::clone(self);
        Waker::from(Arc::new(SourceWaker { turns, source }))
    }
}

struct SourceWaker {
    turns: Arc<Turns>,
    source: Source,
}

impl Wake for SourceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.turns.wake(self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting_waker::CountingWaker;

    #[test]
    fn a_task_is_woken_once_and_not_while_it_runs() {
        let task = Arc::<CountingWaker>::default();
        let turns = Turns::new();
        turns.run_in(&Waker::from(Arc::clone(&task)));
        assert_eq!(turns.take_woken(), ALL);
        let hyper = turns.waker(HYPER);
        hyper.wake_by_ref();
        assert!(!turns.end());
        assert_eq!((turns.take_woken(), task.count()), (HYPER, 0));
        assert!(turns.end());
        turns.wake(STREAMS);
        hyper.wake_by_ref();
        turns.wake(STREAMS);
        assert_eq!(task.count(), 1);
        assert_eq!(turns.take_woken(), STREAMS | HYPER);
        assert_eq!(turns.take_woken(), 0);
        assert!(turns.end());
    }
}
