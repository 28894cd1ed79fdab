//! What became of connections. How many there are now is known to
//! [`crate::http::Admission`].

use std::sync::atomic::{AtomicU64, Ordering};

use super::timeouts::Phase;

/// What became of a server's connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    accepted: AtomicU64,
    unheard: AtomicU64,
    malformed: AtomicU64,
    late: [AtomicU64; Phase::ALL.len()],
}

impl Connections {
    /// One more was accepted.
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// One was closed without a word: there was no place to be told so.
    pub(super) fn close_unheard(&self) {
        self.unheard.fetch_add(1, Ordering::Relaxed);
    }

    /// One ended because its client let the server wait.
    pub(super) fn end_late(&self, waiting: Phase) {
        self.late[waiting as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many were closed without a word.
    pub(super) fn unheard(&self) -> u64 {
        self.unheard.load(Ordering::Relaxed)
    }

    /// How many ended while something was waited for in vain.
    pub(super) fn late(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = Phase::ALL.iter().zip(&self.late);
        named.filter_map(|(waiting, late)| Some((waiting.name()?, late.load(Ordering::Relaxed))))
    }

    /// How many were accepted since the start.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// One ended because what came was no HTTP, or had too large a head.
    pub(super) fn end_malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many ended because what came was no HTTP.
    pub(super) fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }
}
