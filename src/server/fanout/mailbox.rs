//! What the rest of the server and one worker share.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use mio::{Registry, Token};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::super::handoff::Handoff;
use super::counts::Counts;
use super::transport::Transport;
use crate::http::ConnectionPermit;

/// A reader on its way to its worker.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) transport: Transport,
    pub(super) handoff: Handoff,
    pub(super) permit: Permit,
}

/// How a worker is reached.
#[derive(Debug)]
pub(super) struct Mailbox {
    arrivals: Mutex<VecDeque<Arrival>>,
    /// Readers whose pipe has room again or lost its body: at most twice as many
    /// as there are pipes.
    rung: Mutex<Vec<usize>>,
    /// How many readers it has, those on their way included. A sum and no more:
    /// nothing else is read by it.
    load: Arc<AtomicUsize>,
    /// Never unset. Set before the bell rings, and looked at after each wait
    /// for it, so that no worker sleeps through it.
    stopped: AtomicBool,
    /// The worker is to have a bug.
    #[cfg(test)]
    pub(super) has_bug: AtomicBool,
    bell: mio::Waker,
    /// What the worker counts.
    pub(super) counts: Arc<Counts>,
}

/// A reader's share of what is counted: dropped with the reader.
#[derive(Debug)]
pub(super) struct Permit {
    /// `None` for a pipe: its connection stays with hyper, and has both.
    _connection: Option<TakenConnection>,
    load: Arc<AtomicUsize>,
}

/// What a connection leaves to the worker that takes its socket.
#[derive(Debug)]
pub(super) struct TakenConnection {
    /// A shutdown waits for it.
    _task: TaskTrackerToken,
    /// Its place among all connections; `None` only in tests.
    _permit: Option<ConnectionPermit>,
}

impl TakenConnection {
    pub(super) fn new(tasks: &TaskTracker, permit: Option<ConnectionPermit>) -> Self {
        Self {
            _task: tasks.token(),
            _permit: permit,
        }
    }
}

impl Mailbox {
    /// One whose bell is heard as `token`.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self {
            arrivals: Mutex::default(),
            rung: Mutex::default(),
            load: Arc::default(),
            stopped: AtomicBool::new(false),
            #[cfg(test)]
            has_bug: AtomicBool::new(false),
            bell: mio::Waker::new(registry, token)?,
            counts: Arc::default(),
        })
    }

    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// For a reader that will be posted.
    pub(super) fn permit(&self, connection: Option<TakenConnection>) -> Permit {
        Permit::new(&self.load, connection)
    }

    /// Adds a reader; drops it if the worker has stopped.
    pub(super) fn post(&self, arrival: Arrival) {
        let mut arrivals = lock(&self.arrivals);
        if self.is_stopped() {
            return;
        }
        arrivals.push_back(arrival);
        let first = arrivals.len() == 1;
        drop(arrivals);
        // Whoever is not the first comes to a worker that was woken, and has
        // not collected yet.
        if first {
            self.ring();
        }
    }

    /// Those who have come, at most so many; and whether there are more.
    pub(super) fn collect(&self, most: usize) -> (Vec<Arrival>, bool) {
        #[cfg(test)]
        if self.has_bug.swap(false, Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("a bug"));
        }
        let mut arrivals = lock(&self.arrivals);
        let few = arrivals.len().min(most);
        let first = arrivals.drain(..few).collect();
        if arrivals.is_empty() {
            // A storm's room is given back.
            *arrivals = VecDeque::new();
        }
        (first, !arrivals.is_empty())
    }

    /// The pipe of the reader `token` has room again, or lost its body.
    pub(super) fn ring_for(&self, token: usize) {
        let mut rung = lock(&self.rung);
        rung.push(token);
        let first = rung.len() == 1;
        drop(rung);
        if first {
            self.ring();
        }
    }

    /// The readers that were rung for since the last time.
    pub(super) fn rung(&self) -> Vec<usize> {
        std::mem::take(&mut lock(&self.rung))
    }

    /// Makes the worker look at what has changed.
    pub(super) fn ring(&self) {
        if let Err(error) = self.bell.wake() {
            // It can't fail while the worker lives; after that nobody is there.
            tracing::debug!(%error, "a worker can't be woken");
        }
    }

    /// Ends the worker, and with it its readers.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.ring();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The worker has stopped: readers that it did not collect are dropped.
    pub(super) fn empty(&self) {
        debug_assert!(self.is_stopped(), "nothing is posted any more");
        let arrivals = std::mem::take(&mut *lock(&self.arrivals));
        drop(arrivals);
    }
}

/// A panic under the lock can only come from a bug; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wake for Mailbox {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Permit {
    pub(super) fn new(load: &Arc<AtomicUsize>, connection: Option<TakenConnection>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self {
            _connection: connection,
            load: Arc::clone(load),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}
