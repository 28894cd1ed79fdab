//! How long a worker writes before it lets others have its core, and how much
//! it wrote.

use std::thread;

/// After so many writes, about a third of a millisecond, whoever waits for this
/// core has a turn: a request is not to wait until all readers are written to.
const WRITES_IN_A_ROW: usize = 64;

/// Counts a worker's writes, whomever they are for.
#[derive(Debug, Default)]
pub(super) struct WriteBudget {
    writes: usize,
    /// What readers were told, and is in no other count yet.
    pub(super) told: Delivered,
}

/// What sockets and pipes took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Messages, those included of which a socket took a part.
    pub(super) messages: u64,
    /// Bytes of everything.
    pub(super) bytes: u64,
}

impl WriteBudget {
    /// One more write.
    pub(super) fn wrote(&mut self) {
        self.writes += 1;
        if self.writes.is_multiple_of(WRITES_IN_A_ROW) {
            thread::yield_now();
        }
    }
}

impl Delivered {
    /// A socket took so many bytes, and with them so many messages.
    pub(super) fn add(&mut self, messages: usize, bytes: usize) {
        self.messages += messages as u64;
        self.bytes += bytes as u64;
    }
}
