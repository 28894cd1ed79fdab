//! The streams of one connection. They run in its task, not in tasks of their own:
//! whatever many streams have to write at one time is written by one turn of it, and
//! a stream costs no task.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use hyper::rt::Executor;
use slab::Slab;

use super::progress::StreamProgress;
use super::turns::{STREAMS, Turns};

/// A stream of hyper's: the request's answer, then its body.
type StreamFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The streams that run.
#[derive(Debug)]
pub(super) struct Streams {
    running: Slab<Running>,
    ready: Arc<Ready>,
    /// Those that were ready in the last turn: its memory serves the next.
    polled: Vec<usize>,
    new: StreamExecutor,
}

struct Running {
    future: StreamFuture,
    progress: Arc<StreamProgress>,
    waker: Arc<StreamWaker>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.progress.fmt(f)
    }
}

impl Streams {
    pub(super) fn new(turns: &Arc<Turns>) -> Self {
        Self {
            running: Slab::new(),
            ready: Arc::new(Ready {
                keys: Mutex::default(),
                turns: Arc::clone(turns),
            }),
            polled: Vec::new(),
            new: StreamExecutor::default(),
        }
    }

    /// The executor to which hyper gives streams.
    pub(super) fn executor(&self) -> StreamExecutor {
        self.new.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The streams that run, by their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Arc<StreamProgress>)> {
        self.running
            .iter()
            .map(|(key, stream)| (key, &stream.progress))
    }

    /// Drops a stream, which hyper then resets.
    pub(super) fn remove(&mut self, key: usize) {
        self.running.try_remove(key);
    }

    /// Polls those that were woken, and takes the new ones. `ended` gets what a stream
    /// that ended may not have written.
    pub(super) fn poll_ready(&mut self, mut ended: impl FnMut(Arc<StreamProgress>)) {
        for (future, progress) in self.new.take() {
            let entry = self.running.vacant_entry();
            let waker = Arc::new(StreamWaker {
                key: entry.key(),
                is_queued: AtomicBool::new(true),
                ready: Arc::clone(&self.ready),
            });
            self.ready.lock().push(entry.key());
            entry.insert(Running {
                future,
                progress,
                waker,
            });
        }
        std::mem::swap(&mut self.polled, &mut *self.ready.lock());
        for key in self.polled.drain(..) {
            // A stream that was woken may have ended since.
            let Some(stream) = self.running.get_mut(key) else {
                continue;
            };
            stream.waker.is_queued.store(false, Ordering::Relaxed);
            let waker = Waker::from(Arc::clone(&stream.waker));
            let polled = stream
                .future
                .as_mut()
                .poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                ended(self.running.remove(key).progress);
            }
        }
    }

    /// Whether a stream is to be polled.
    pub(super) fn has_ready(&self) -> bool {
        self.new.has_new() || !self.ready.lock().is_empty()
    }
}

/// The streams that were woken.
#[derive(Debug)]
struct Ready {
    keys: Mutex<Vec<usize>>,
    turns: Arc<Turns>,
}

impl Ready {
    /// A panic under the lock can only come from a bug; other connections go on.
    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one stream.
#[derive(Debug)]
struct StreamWaker {
    key: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.ready.lock().push(self.key);
            self.ready.turns.wake(STREAMS);
        }
    }
}

/// Collects the streams that hyper starts.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamExecutor(Arc<Mutex<NewStreams>>);

#[derive(Default)]
struct NewStreams {
    /// The progress of the stream that hyper starts next.
    next: Option<Arc<StreamProgress>>,
    futures: Vec<(StreamFuture, Arc<StreamProgress>)>,
}

impl std::fmt::Debug for NewStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.next.fmt(f)
    }
}

impl StreamExecutor {
    /// Announces the stream that hyper starts next: it calls the service, and at once
    /// gives the stream to the executor.
    pub(super) fn announce(&self, progress: &Arc<StreamProgress>) {
        self.lock().next = Some(Arc::clone(progress));
    }

    fn take(&self) -> Vec<(StreamFuture, Arc<StreamProgress>)> {
        std::mem::take(&mut self.lock().futures)
    }

    fn has_new(&self) -> bool {
        !self.lock().futures.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, NewStreams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, future: F) {
        let mut new = self.lock();
        // Others than streams are upgrades, which no answer makes.
        if let Some(progress) = new.next.take() {
            new.futures.push((Box::pin(future), progress));
        }
    }
}
