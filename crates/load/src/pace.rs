//! A rate limit on the run's clock: when the next event is due.

const SECOND_NS: f64 = 1e9;

/// A rate, and how much of it is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    per_second: f64,
    began_ns: u64,
    taken: u64,
}

impl Pace {
    /// `per_second` from `now_ns` on; infinity for no limit.
    pub(crate) fn new(per_second: f64, now_ns: u64) -> Self {
        Self {
            per_second,
            began_ns: now_ns,
            taken: 0,
        }
    }

    /// Restarts at `now_ns` with nothing taken.
    pub(crate) fn restart(&mut self, now_ns: u64) {
        *self = Self::new(self.per_second, now_ns);
    }

    /// When event `n`, counted from 0, is due.
    pub(crate) fn due_ns(&self, n: u64) -> u64 {
        let after_ns = (n as f64 / self.per_second * SECOND_NS) as u64;
        self.began_ns.saturating_add(after_ns)
    }

    /// How many events are due at `now_ns`.
    pub(crate) fn due(&self, now_ns: u64) -> u64 {
        let age_ns = now_ns.saturating_sub(self.began_ns) as f64;
        // The first is due at once. The cast saturates infinity to the maximum.
        ((age_ns / SECOND_NS * self.per_second).floor() as u64).saturating_add(1)
    }

    /// Takes an event, if one is due.
    pub(crate) fn take(&mut self, now_ns: u64) -> bool {
        let may = self.per_second.is_infinite() || self.taken < self.due(now_ns);
        self.taken += u64::from(may);
        may
    }

    /// How many events are due and not taken, at most those of a tenth of a second:
    /// unused budget is not saved up.
    pub(crate) fn allowance(&self, now_ns: u64) -> usize {
        let most = (self.per_second / 10.0).ceil() as u64;
        let due = self
            .due(now_ns)
            .saturating_sub(1)
            .saturating_sub(self.taken);
        due.min(most) as usize
    }

    /// Takes `used` events of the allowance, and drops what exceeds a tenth of a
    /// second.
    pub(crate) fn spend(&mut self, used: usize, now_ns: u64) {
        let due = self.due(now_ns) - 1;
        let most = (self.per_second / 10.0).ceil() as u64;
        self.taken = (self.taken + used as u64).max(due.saturating_sub(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_rate_is_kept_and_the_first_event_is_due_at_once() {
        let mut pace = Pace::new(4.0, SECOND);
        assert!(pace.take(SECOND) && !pace.take(SECOND));
        assert_eq!(pace.due(2 * SECOND), 5);
        assert_eq!(pace.due_ns(4), 2 * SECOND);
        let taken = (0..10).filter(|_| pace.take(2 * SECOND)).count();
        assert_eq!(taken, 4);
    }

    #[test]
    fn an_infinite_rate_has_no_limit() {
        let mut pace = Pace::new(f64::INFINITY, 7);
        assert!((0..1000).all(|_| pace.take(7)));
        assert_eq!(pace.due_ns(1000), 7);
    }

    #[test]
    fn times_and_counts_saturate() {
        assert_eq!(Pace::new(1e-12, SECOND).due_ns(1), u64::MAX);
        assert!(Pace::new(1e30, 0).take(SECOND));
    }

    #[test]
    fn unused_budget_is_not_saved_up() {
        let mut pace = Pace::new(1000.0, 0);
        assert_eq!(pace.allowance(SECOND / 100), 10);
        pace.spend(4, SECOND / 100);
        assert_eq!(pace.allowance(SECOND / 100), 6);
        assert_eq!(pace.allowance(60 * SECOND), 100);
        pace.spend(0, 60 * SECOND);
        pace.spend(100, 60 * SECOND);
        assert_eq!(pace.allowance(60 * SECOND), 0);
    }
}
