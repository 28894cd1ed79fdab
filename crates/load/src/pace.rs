//! So many a second: when the next one is due, by the run's clock.

const SECOND_NS: f64 = 1e9;

/// A rate, and how much of it was used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    per_second: f64,
    began_ns: u64,
    taken: u64,
}

impl Pace {
    /// `per_second` from `now_ns` on; infinity for no limit.
    pub(super) fn new(per_second: f64, now_ns: u64) -> Self {
        Self {
            per_second,
            began_ns: now_ns,
            taken: 0,
        }
    }

    /// Begins anew.
    pub(super) fn restart(&mut self, now_ns: u64) {
        *self = Self::new(self.per_second, now_ns);
    }

    /// When number `n`, from 0, is due.
    pub(super) fn due_ns(&self, n: u64) -> u64 {
        let after_ns = (n as f64 / self.per_second * SECOND_NS) as u64;
        self.began_ns.saturating_add(after_ns)
    }

    /// How many are due at `now_ns`.
    pub(super) fn due(&self, now_ns: u64) -> u64 {
        let age_ns = now_ns.saturating_sub(self.began_ns) as f64;
        // The first is due at once. Infinity is the largest number.
        ((age_ns / SECOND_NS * self.per_second).floor() as u64).saturating_add(1)
    }

    /// Takes one, if one is due.
    pub(super) fn take(&mut self, now_ns: u64) -> bool {
        let may = self.per_second.is_infinite() || self.taken < self.due(now_ns);
        self.taken += u64::from(may);
        may
    }

    /// How many are due and were not taken; at most those of a tenth of a
    /// second, for what was not used in time is not saved up.
    pub(super) fn allowance(&self, now_ns: u64) -> usize {
        let most = (self.per_second / 10.0).ceil() as u64;
        let due = self
            .due(now_ns)
            .saturating_sub(1)
            .saturating_sub(self.taken);
        due.min(most) as usize
    }

    /// So many of the allowance were used; what is left over a tenth of a second
    /// is forgotten.
    pub(super) fn spend(&mut self, used: usize, now_ns: u64) {
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
    fn so_many_a_second_and_the_first_at_once() {
        let mut pace = Pace::new(4.0, SECOND);
        assert!(pace.take(SECOND) && !pace.take(SECOND));
        assert_eq!(pace.due(2 * SECOND), 5);
        assert_eq!(pace.due_ns(4), 2 * SECOND);
        let taken = (0..10).filter(|_| pace.take(2 * SECOND)).count();
        assert_eq!(taken, 4);
    }

    #[test]
    fn no_limit_is_no_limit() {
        let mut pace = Pace::new(f64::INFINITY, 7);
        assert!((0..1000).all(|_| pace.take(7)));
        assert_eq!(pace.due_ns(1000), 7);
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        assert_eq!(Pace::new(1e-12, SECOND).due_ns(1), u64::MAX);
        assert!(Pace::new(1e30, 0).take(SECOND));
    }

    #[test]
    fn what_was_not_used_in_time_is_not_saved_up() {
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
