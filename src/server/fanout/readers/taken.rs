//! What a worker has taken from its outlet and not told all of yet.

use super::KEPT_PLACES;
use crate::chat::Live;

/// What was taken from the outlet, and is written turn by turn.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The outlet is not looked at again before all of it is told, so that a
    /// worker has at most twice what the outlet's bounds allow.
    pub(super) events: Vec<Live>,
    /// How many of them were told.
    told: usize,
    /// The position of the first of them.
    pub(super) first: u64,
}

impl Taken {
    /// Tells what was not told yet, until there is no more room in a turn.
    pub(super) fn tell(&mut self, mut tell: impl FnMut(u64, &Live) -> bool) {
        while let Some(live) = self.events.get(self.told) {
            if !tell(self.first + self.told as u64, live) {
                return;
            }
            self.told += 1;
        }
        self.told = 0;
        self.events.clear();
        self.events.shrink_to(KEPT_PLACES);
    }
}
