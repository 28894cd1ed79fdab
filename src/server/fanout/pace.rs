//! How long a worker writes before it lets others have its core.

use std::thread;

/// After so many writes, about a third of a millisecond, whoever waits for this
/// core has a turn: a request is not to wait until all readers are written to.
const WRITES_IN_A_ROW: usize = 64;

/// Counts a worker's writes, whomever they are for.
#[derive(Debug, Default)]
pub(super) struct Pace {
    writes: usize,
}

impl Pace {
    /// One more write.
    pub(super) fn wrote(&mut self) {
        self.writes += 1;
        if self.writes.is_multiple_of(WRITES_IN_A_ROW) {
            thread::yield_now();
        }
    }
}
