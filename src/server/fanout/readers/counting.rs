//! What happened goes into the counts that others look at: once a turn.

use std::time::Instant;

use super::super::KEPT_PLACES;
use super::super::socket::Socket;
use super::Readers;

impl<S: Socket> Readers<S> {
    /// All messages of this turn have reached their readers.
    pub(super) fn count_times(&mut self) {
        if self.said.is_empty() {
            return;
        }
        let now = Instant::now();
        for said in self.said.drain(..) {
            let time = now.saturating_duration_since(said.into_std());
            self.counts.fan_out_time.count(time);
        }
        self.said.shrink_to(KEPT_PLACES);
    }

    /// Adds what was written since the last time to what is counted.
    pub(in super::super) fn count_told(&mut self) {
        self.counts.told(std::mem::take(&mut self.pace.told));
        self.counts.read_to(self.incoming.position());
    }
}
