//! When the next message is due: by the clock in the open loop, by what has
//! arrived in the closed one. It asks for messages; it does not send them.

use crate::pace::Pace;
use crate::plan::Load;
use crate::report::Latency;

/// The schedule of one run's messages.
#[derive(Debug)]
pub(super) struct Schedule {
    load: Load,
    pace: Pace,
    bounds: Bounds,
    taken: u64,
    measured_taken: u64,
    last_taken_ns: u64,
    /// When it was last asked and nothing was due: what is due after that, and
    /// taken late, is late because of who asks. The end of time if that could
    /// not ask.
    caught_up_ns: u64,
    lag: Latency,
}

/// When a schedule begins to be measured, and when it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// When the first message is due.
    pub(super) began_ns: u64,
    /// Messages due from here on are measured.
    pub(super) measured_from_ns: u64,
    /// Nothing is due from here on; none without such a time.
    pub(super) ends_ns: Option<u64>,
    /// How many measured messages there are; none if only the time ends it.
    pub(super) messages: Option<u64>,
}

impl Schedule {
    /// Messages as `load` says, within `bounds`.
    pub(super) fn new(load: Load, bounds: Bounds) -> Self {
        let rate = match load {
            Load::Rate(rate) => rate,
            Load::InFlight(_) | Load::Answered => f64::INFINITY,
        };
        Self {
            load,
            pace: Pace::new(rate, bounds.began_ns),
            bounds,
            taken: 0,
            measured_taken: 0,
            last_taken_ns: bounds.began_ns,
            caught_up_ns: bounds.began_ns,
            lag: Latency::default(),
        }
    }

    /// Whether messages wait until others have arrived.
    pub(super) fn waits_for_arrivals(&self) -> bool {
        matches!(self.load, Load::InFlight(_))
    }

    /// How many messages were taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes the next message if it is due at `now_ns`, while `open` messages
    /// have not reached everybody. When it was due.
    pub(super) fn take(&mut self, now_ns: u64, open: usize) -> Option<u64> {
        self.leave_the_warmup(now_ns);
        let due_ns = self.due_ns(now_ns);
        let is_due = due_ns <= now_ns && self.is_within(due_ns);
        let may = match self.load {
            Load::InFlight(most) => open < most,
            Load::Rate(_) | Load::Answered => true,
        };
        if !is_due || !may {
            self.caught_up_ns = now_ns;
            return None;
        }
        if matches!(self.load, Load::Rate(_)) && due_ns > self.caught_up_ns {
            self.lag.record_ns(now_ns - due_ns);
        }
        self.taken += 1;
        self.measured_taken += u64::from(self.is_measured(due_ns));
        self.last_taken_ns = now_ns;
        Some(due_ns)
    }

    /// No connection is free to send what is due: that it is late then is the
    /// server's doing.
    pub(super) fn nobody_is_free(&mut self) {
        self.caught_up_ns = u64::MAX;
    }

    /// When the next message is due; none if that is not a matter of time.
    pub(super) fn next_due_ns(&self) -> Option<u64> {
        let due_ns = match self.load {
            Load::Rate(_) => self.pace.due_ns(self.taken),
            Load::InFlight(_) | Load::Answered if self.taken == 0 => self.bounds.began_ns,
            Load::InFlight(_) | Load::Answered => return None,
        };
        self.is_within(due_ns).then_some(due_ns)
    }

    /// Whether only a number of messages ends it.
    pub(super) fn has_no_end(&self) -> bool {
        self.bounds.ends_ns.is_none()
    }

    /// Nothing is due any more from `now_ns` on.
    pub(super) fn end(&mut self, now_ns: u64) {
        let ends_ns = self.bounds.ends_ns.unwrap_or(now_ns);
        self.bounds.ends_ns = Some(ends_ns.min(now_ns));
    }

    /// Whether all messages were taken.
    pub(super) fn is_used_up(&self, now_ns: u64) -> bool {
        !self.is_within(self.due_ns(now_ns))
    }

    /// Since when nothing new is due; none if that is still to come.
    pub(super) fn ended_ns(&self, now_ns: u64) -> Option<u64> {
        if let Some(ends_ns) = self.bounds.ends_ns.filter(|ends_ns| *ends_ns <= now_ns) {
            return Some(ends_ns);
        }
        if self.is_used_up(now_ns) {
            return Some(self.last_taken_ns);
        }
        // Messages that were due long ago, and could not be sent.
        let last_ns = self.last_due_ns()?;
        (last_ns <= now_ns).then_some(last_ns)
    }

    /// How many measured messages were asked for until `now_ns`.
    pub(super) fn due(&self, now_ns: u64) -> u64 {
        let Load::Rate(_) = self.load else {
            return self.measured_taken;
        };
        let until_ns = self.bounds.ends_ns.map_or(now_ns, |ends| ends.min(now_ns));
        let warmup = self.due_before(self.bounds.measured_from_ns);
        let due = self.due_before(until_ns).saturating_sub(warmup);
        // Rounding may put one message on the other side of a bound.
        let due = due.max(self.measured_taken);
        self.bounds.messages.map_or(due, |most| due.min(most))
    }

    /// From the time a message was due until it was taken, of those that were
    /// late by nobody's fault but the generator's own.
    pub(super) fn into_lag(self) -> Latency {
        self.lag
    }

    /// What the warm-up left unsent is not sent in the measured part: at a rate
    /// that nobody can keep up with, nothing else would ever be sent.
    fn leave_the_warmup(&mut self, now_ns: u64) {
        let is_open_loop = matches!(self.load, Load::Rate(_));
        if is_open_loop && self.measured_taken == 0 && self.is_measured(now_ns) {
            let warmup = self.due_before(self.bounds.measured_from_ns);
            self.taken = self.taken.max(warmup);
        }
    }

    /// When the next message is due: in the closed loop, now.
    fn due_ns(&self, now_ns: u64) -> u64 {
        match self.load {
            Load::Rate(_) => self.pace.due_ns(self.taken),
            Load::InFlight(_) | Load::Answered => now_ns.max(self.bounds.began_ns),
        }
    }

    /// Whether a message that is due at `due_ns` is measured.
    pub(super) fn is_measured(&self, due_ns: u64) -> bool {
        due_ns >= self.bounds.measured_from_ns
    }

    fn is_within(&self, due_ns: u64) -> bool {
        let in_time = self.bounds.ends_ns.is_none_or(|ends_ns| due_ns < ends_ns);
        let all_taken = self
            .bounds
            .messages
            .is_some_and(|messages| self.measured_taken >= messages);
        in_time && !(all_taken && self.is_measured(due_ns))
    }

    /// How many messages of an open loop are due before `time_ns`.
    fn due_before(&self, time_ns: u64) -> u64 {
        match time_ns.checked_sub(1) {
            Some(time_ns) if time_ns >= self.bounds.began_ns => self.pace.due(time_ns),
            _ => 0,
        }
    }

    /// When the last message of an open loop with a number of messages is due.
    fn last_due_ns(&self) -> Option<u64> {
        match (self.load, self.bounds.messages) {
            (Load::Rate(_), Some(messages)) => {
                let warmup = self.due_before(self.bounds.measured_from_ns);
                Some(self.pace.due_ns(warmup + messages.saturating_sub(1)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const BOUNDS: Bounds = Bounds {
        began_ns: SECOND,
        measured_from_ns: 2 * SECOND,
        ends_ns: Some(4 * SECOND),
        messages: None,
    };

    fn take_all(schedule: &mut Schedule, now_ns: u64) -> Vec<u64> {
        std::iter::from_fn(|| schedule.take(now_ns, 0)).collect()
    }

    #[test]
    fn the_open_loop_goes_by_the_clock_and_forgets_nothing() {
        let mut schedule = Schedule::new(Load::Rate(2.0), BOUNDS);
        assert_eq!(schedule.take(SECOND - 1, 0), None);
        assert_eq!(take_all(&mut schedule, SECOND), [SECOND]);
        assert_eq!(schedule.next_due_ns(), Some(SECOND + SECOND / 2));
        // Nobody asked for a second and a half: all that was due comes now, but
        // for the warm-up's message.
        let due = take_all(&mut schedule, 3 * SECOND);
        assert_eq!(due, [4, 5, 6].map(|half| half * SECOND / 2));
        assert_eq!(schedule.into_lag().count(), 4);
    }

    #[test]
    fn it_ends_with_its_time_but_what_was_due_is_still_to_be_taken() {
        let mut schedule = Schedule::new(Load::Rate(2.0), BOUNDS);
        let late = 9 * SECOND;
        assert!(!schedule.is_used_up(late));
        assert_eq!(schedule.ended_ns(late), Some(4 * SECOND));
        assert_eq!(take_all(&mut schedule, late).len(), 4);
        assert!(schedule.is_used_up(late));
        assert_eq!(schedule.ended_ns(late), Some(4 * SECOND));
        assert_eq!(schedule.due(late), 4);
        assert_eq!(schedule.next_due_ns(), None);
    }

    #[test]
    fn what_was_due_and_not_taken_is_counted_as_due() {
        let mut schedule = Schedule::new(Load::Rate(2.0), BOUNDS);
        take_all(&mut schedule, 2 * SECOND);
        assert_eq!(schedule.due(9 * SECOND), 4);
        schedule.end(3 * SECOND);
        assert_eq!(schedule.due(9 * SECOND), 2);
    }

    #[test]
    fn a_number_of_messages_is_of_measured_ones() {
        let bounds = Bounds {
            ends_ns: None,
            messages: Some(3),
            ..BOUNDS
        };
        let mut open = Schedule::new(Load::Rate(2.0), bounds);
        assert_eq!(open.ended_ns(2 * SECOND), None);
        assert_eq!(open.ended_ns(3 * SECOND), Some(3 * SECOND), "not taken");
        assert_eq!(take_all(&mut open, SECOND).len(), 1);
        assert_eq!(take_all(&mut open, 9 * SECOND).len(), 3);
        assert_eq!(open.due(9 * SECOND), 3);
        let mut closed = Schedule::new(Load::InFlight(1), bounds);
        for now_ns in [SECOND, 2 * SECOND, 3 * SECOND, 3 * SECOND] {
            assert_eq!(closed.take(now_ns, 0), Some(now_ns));
        }
        assert_eq!(closed.take(4 * SECOND, 0), None);
        assert_eq!(closed.ended_ns(9 * SECOND), Some(3 * SECOND));
    }

    #[test]
    fn the_closed_loop_waits_for_arrivals() {
        let mut schedule = Schedule::new(Load::InFlight(2), BOUNDS);
        assert_eq!(schedule.take(SECOND - 1, 0), None, "it has not begun");
        assert_eq!(schedule.next_due_ns(), Some(SECOND));
        assert_eq!(schedule.take(SECOND, 2), None);
        assert_eq!(schedule.take(SECOND, 1), Some(SECOND));
        assert_eq!(schedule.take(4 * SECOND, 0), None);
        assert!(schedule.is_used_up(4 * SECOND));
        assert_eq!(schedule.into_lag().count(), 0);
    }

    #[test]
    fn a_message_that_waits_for_a_connection_is_not_the_generator_s_lag() {
        let mut schedule = Schedule::new(Load::Rate(1000.0), BOUNDS);
        take_all(&mut schedule, SECOND);
        schedule.take(SECOND + 500_000, 0);
        schedule.nobody_is_free();
        schedule.take(SECOND + 3_000_000, 0);
        assert_eq!(schedule.lag.count(), 0);
        take_all(&mut schedule, SECOND + 3_000_000);
        schedule.take(SECOND + 4_000_000, 0);
        assert_eq!(schedule.into_lag().count(), 1);
    }
}
