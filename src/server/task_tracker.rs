//! Counts what a shutdown waits for: connections, readers of the fan-out, streams
//! of an embedding program. How it waits is in `drain`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts tasks. A clone counts the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskTracker(Arc<OpenTasks>);

/// One of the tasks that are counted, until it is dropped.
#[derive(Debug)]
pub(super) struct TaskToken(Arc<OpenTasks>);

#[derive(Debug, Default)]
struct OpenTasks {
    count: AtomicUsize,
    /// Notified when the count becomes 0.
    ended: Notify,
}

impl TaskTracker {
    /// Starts a task that is counted until it ends.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token();
        tokio::spawn(async move {
            let _token = token;
            task.await;
        });
    }

    pub(super) fn token(&self) -> TaskToken {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        TaskToken(Arc::clone(&self.0))
    }

    pub(super) fn len(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// Waits until there is none.
    pub(super) async fn wait(&self) {
        loop {
            // Before the count is read: a token dropped in between notifies it.
            let ended = self.0.ended.notified();
            if self.len() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for TaskToken {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn it_waits_for_all_tokens_also_for_those_that_came_meanwhile() {
        let tasks = TaskTracker::default();
        let mut waiting = pin!(tasks.wait());
        let mut cx = Context::from_waker(Waker::noop());
        let first = tasks.token();
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        drop(first);
        let second = tasks.clone().token();
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        assert_eq!(tasks.len(), 1);
        drop(second);
        assert!(waiting.as_mut().poll(&mut cx).is_ready());
        assert!(pin!(tasks.wait()).poll(&mut cx).is_ready());
    }

    #[test]
    fn a_task_that_panics_or_is_cancelled_is_no_longer_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let tasks = TaskTracker::default();
        runtime.block_on(async {
            tasks.spawn(async { std::panic::resume_unwind(Box::new("a bug")) });
            tasks.wait().await;
            tasks.spawn(std::future::pending());
        });
        assert_eq!(tasks.len(), 1);
        drop(runtime);
        assert_eq!(tasks.len(), 0);
    }
}
