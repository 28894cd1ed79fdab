//! The time of entries. It does not follow changes of the system's clock: those would
//! expire history early, or never.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Milliseconds since 1970, from the start on by the clock that never goes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    start_millis: u64,
}

impl Clock {
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        Self {
            start: Instant::now(),
            start_millis: u64::try_from(millis).unwrap_or(u64::MAX),
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.start_millis.saturating_add(since)
    }

    /// When an entry of this time is older than `age`. `None` is a time that the clock
    /// never reaches.
    pub(super) fn expires(&self, at: u64, age: Duration) -> Option<Instant> {
        let ahead = at.saturating_sub(self.start_millis);
        let before = Duration::from_millis(self.start_millis.saturating_sub(at));
        self.start
            .checked_add(Duration::from_millis(ahead))?
            .checked_add(age.saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_expires_when_it_is_too_old() {
        let clock = Clock::now();
        let hour = Duration::from_secs(3600);
        let minute = clock.start + Duration::from_secs(60);
        let at = clock.millis(minute);
        assert_eq!(at, clock.start_millis + 60_000);
        assert_eq!(clock.expires(at, hour), Some(minute + hour));
        let before = clock.start_millis - 60_000;
        let left = hour - Duration::from_secs(60);
        assert_eq!(clock.expires(before, hour), Some(clock.start + left));
        assert_eq!(clock.expires(0, hour), Some(clock.start));
        assert_eq!(clock.expires(at, Duration::MAX), None);
    }
}
