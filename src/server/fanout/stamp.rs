//! A moment in eight bytes. An `Instant` has sixteen, and each live reader has one.

use std::time::{Duration, Instant};

/// A moment, as nanoseconds after a [`StampBase`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(u64);

/// What a worker's stamps count from: its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct StampBase(Instant);

impl StampBase {
    pub(super) fn new(start: Instant) -> Self {
        Self(start)
    }

    /// The stamp of a moment after the base.
    pub(super) fn stamp(self, at: Instant) -> Stamp {
        let nanoseconds = at.saturating_duration_since(self.0).as_nanos();
        // Enough for 584 years.
        Stamp(nanoseconds.try_into().unwrap_or(u64::MAX))
    }

    pub(super) fn instant(self, stamp: Stamp) -> Instant {
        self.0 + Duration::from_nanos(stamp.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_its_moment_to_the_nanosecond() {
        let start = Instant::now();
        let base = StampBase::new(start);
        for nanoseconds in [0, 1, 999_999_999, 86_400_000_000_001] {
            let at = start + Duration::from_nanos(nanoseconds);
            assert_eq!(base.instant(base.stamp(at)), at);
        }
        assert_eq!(size_of::<Stamp>(), 8);
    }
}
