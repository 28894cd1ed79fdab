//! How many connections there are, and were: those that hyper has. Those that
//! it gave away are counted by their workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The connections of a server that hyper has.
#[derive(Debug, Default)]
pub(super) struct Connections {
    accepted: AtomicU64,
    open: AtomicUsize,
    malformed: AtomicU64,
}

/// A connection, for as long as it is open.
#[derive(Debug)]
pub(super) struct Open(Arc<Connections>);

impl Connections {
    /// One more, until what is returned is dropped.
    pub(super) fn open(self: &Arc<Self>) -> Open {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }

    /// How many were accepted since the start.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// One ended with an error of hyper's: perhaps what came was no HTTP.
    pub(super) fn broke(&self, error: &hyper::Error) {
        if error.is_parse() {
            self.malformed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many ended because what came was no HTTP.
    pub(super) fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
