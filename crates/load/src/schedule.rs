//! When the next message is due: by the clock in the open loop, by deliveries or
//! answers in the closed loop. It does not send.

use crate::pace::Pace;
use crate::plan::Pacing;
use crate::report::Latency;

/// The schedule of one run's messages.
#[derive(Debug)]
pub(crate) struct Schedule {
    pacing: Pacing,
    pace: Pace,
    bounds: Bounds,
    taken: u64,
    measured_taken: u64,
    last_taken_ns: u64,
    /// When `take` last found nothing due. A message that falls due after it and is
    /// taken late is late by the generator's fault. The maximum while no
    /// connection is free.
    caught_up_ns: u64,
    lag: Latency,
}

/// Start and end of a schedule and of its measured part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// When the first message is due.
    pub(crate) began_ns: u64,
    /// Messages due at or after this time are measured.
    pub(crate) measured_from_ns: u64,
    /// Nothing is due at or after this time, if there is one.
    pub(crate) ends_ns: Option<u64>,
    /// The number of measured messages, if the schedule ends by it.
    pub(crate) messages: Option<u64>,
}

impl Schedule {
    /// A schedule with this pacing, within `bounds`.
    pub(crate) fn new(pacing: Pacing, bounds: Bounds) -> Self {
        let rate = match pacing {
            Pacing::Rate(rate) => rate,
            Pacing::InFlight(_) | Pacing::Answered => f64::INFINITY,
        };
        Self {
            pacing,
            pace: Pace::new(rate, bounds.began_ns),
            bounds,
            taken: 0,
            measured_taken: 0,
            last_taken_ns: bounds.began_ns,
            caught_up_ns: bounds.began_ns,
            lag: Latency::default(),
        }
    }

    /// Whether messages wait for deliveries of others.
    pub(crate) fn waits_for_deliveries(&self) -> bool {
        matches!(self.pacing, Pacing::InFlight(_))
    }

    /// How many messages were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes the next message if it is due at `now_ns`, while `open` messages are
    /// not delivered to every subscriber. Returns its due time.
    pub(crate) fn take(&mut self, now_ns: u64, open: usize) -> Option<u64> {
        self.skip_unsent_warmup(now_ns);
        let due_ns = self.due_ns(now_ns);
        let is_due = due_ns <= now_ns && self.is_within(due_ns);
        let may = match self.pacing {
            Pacing::InFlight(most) => open < most,
            Pacing::Rate(_) | Pacing::Answered => true,
        };
        if !is_due || !may {
            self.caught_up_ns = now_ns;
            return None;
        }
        if matches!(self.pacing, Pacing::Rate(_)) && due_ns > self.caught_up_ns {
            self.lag.record_ns(now_ns - due_ns);
        }
        self.taken += 1;
        self.measured_taken += u64::from(self.is_measured(due_ns));
        self.last_taken_ns = now_ns;
        Some(due_ns)
    }

    /// No connection is free: messages that fall due now are late by the server's
    /// fault.
    pub(crate) fn no_connection_free(&mut self) {
        self.caught_up_ns = u64::MAX;
    }

    /// When the next message is due; none if it waits for a delivery or an answer.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        let due_ns = match self.pacing {
            Pacing::Rate(_) => self.pace.due_ns(self.taken),
            Pacing::InFlight(_) | Pacing::Answered if self.taken == 0 => self.bounds.began_ns,
            Pacing::InFlight(_) | Pacing::Answered => return None,
        };
        self.is_within(due_ns).then_some(due_ns)
    }

    /// Whether it ends only by a number of messages.
    pub(crate) fn has_no_end(&self) -> bool {
        self.bounds.ends_ns.is_none()
    }

    /// Ends it at `now_ns`, if it would end later.
    pub(crate) fn end(&mut self, now_ns: u64) {
        let ends_ns = self.bounds.ends_ns.unwrap_or(now_ns);
        self.bounds.ends_ns = Some(ends_ns.min(now_ns));
    }

    /// Whether all messages were taken.
    pub(crate) fn is_used_up(&self, now_ns: u64) -> bool {
        !self.is_within(self.due_ns(now_ns))
    }

    /// When the last message was due; none if more will be.
    pub(crate) fn ended_ns(&self, now_ns: u64) -> Option<u64> {
        if let Some(ends_ns) = self.bounds.ends_ns.filter(|ends_ns| *ends_ns <= now_ns) {
            return Some(ends_ns);
        }
        if self.is_used_up(now_ns) {
            return Some(self.last_taken_ns);
        }
        // All messages are due, and some could not be sent.
        let last_ns = self.last_due_ns()?;
        (last_ns <= now_ns).then_some(last_ns)
    }

    /// How many measured messages were due until `now_ns`.
    pub(crate) fn due(&self, now_ns: u64) -> u64 {
        let Pacing::Rate(_) = self.pacing else {
            return self.measured_taken;
        };
        let until_ns = self.bounds.ends_ns.map_or(now_ns, |ends| ends.min(now_ns));
        let warmup = self.due_before(self.bounds.measured_from_ns);
        let due = self.due_before(until_ns).saturating_sub(warmup);
        // Rounding may put one message on the other side of a bound.
        let due = due.max(self.measured_taken);
        self.bounds.messages.map_or(due, |most| due.min(most))
    }

    /// From due to taken, of messages that were late by the generator's fault.
    pub(crate) fn into_lag(self) -> Latency {
        self.lag
    }

    /// Skips messages of the warm-up that are unsent when the measured part begins:
    /// at a rate above the server's capacity, nothing else would ever be sent.
    fn skip_unsent_warmup(&mut self, now_ns: u64) {
        let is_open_loop = matches!(self.pacing, Pacing::Rate(_));
        if is_open_loop && self.measured_taken == 0 && self.is_measured(now_ns) {
            let warmup = self.due_before(self.bounds.measured_from_ns);
            self.taken = self.taken.max(warmup);
        }
    }

    /// When the next message is due; in the closed loop that is now.
    fn due_ns(&self, now_ns: u64) -> u64 {
        match self.pacing {
            Pacing::Rate(_) => self.pace.due_ns(self.taken),
            Pacing::InFlight(_) | Pacing::Answered => now_ns.max(self.bounds.began_ns),
        }
    }

    /// Whether a message that is due at `due_ns` is measured.
    pub(crate) fn is_measured(&self, due_ns: u64) -> bool {
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

    /// How many messages of the open loop are due before `time_ns`.
    fn due_before(&self, time_ns: u64) -> u64 {
        match time_ns.checked_sub(1) {
            Some(time_ns) if time_ns >= self.bounds.began_ns => self.pace.due(time_ns),
            _ => 0,
        }
    }

    /// When the last message is due, in the open loop with a number of messages.
    fn last_due_ns(&self) -> Option<u64> {
        match (self.pacing, self.bounds.messages) {
            (Pacing::Rate(_), Some(messages)) => {
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
    fn the_open_loop_follows_the_clock_and_skips_nothing() {
        let mut schedule = Schedule::new(Pacing::Rate(2.0), BOUNDS);
        assert_eq!(schedule.take(SECOND - 1, 0), None);
        assert_eq!(take_all(&mut schedule, SECOND), [SECOND]);
        assert_eq!(schedule.next_due_ns(), Some(SECOND + SECOND / 2));
        // After a second and a half without a call everything due is taken, except
        // the warm-up's message.
        let due = take_all(&mut schedule, 3 * SECOND);
        assert_eq!(due, [4, 5, 6].map(|half| half * SECOND / 2));
        assert_eq!(schedule.into_lag().count(), 4);
    }

    #[test]
    fn messages_due_before_the_end_are_taken_after_it() {
        let mut schedule = Schedule::new(Pacing::Rate(2.0), BOUNDS);
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
    fn messages_that_were_not_taken_are_counted_as_due() {
        let mut schedule = Schedule::new(Pacing::Rate(2.0), BOUNDS);
        take_all(&mut schedule, 2 * SECOND);
        assert_eq!(schedule.due(9 * SECOND), 4);
        schedule.end(3 * SECOND);
        assert_eq!(schedule.due(9 * SECOND), 2);
    }

    #[test]
    fn the_number_of_messages_counts_measured_ones() {
        let bounds = Bounds {
            ends_ns: None,
            messages: Some(3),
            ..BOUNDS
        };
        let mut open = Schedule::new(Pacing::Rate(2.0), bounds);
        assert_eq!(open.ended_ns(2 * SECOND), None);
        assert_eq!(open.ended_ns(3 * SECOND), Some(3 * SECOND), "not taken");
        assert_eq!(take_all(&mut open, SECOND).len(), 1);
        assert_eq!(take_all(&mut open, 9 * SECOND).len(), 3);
        assert_eq!(open.due(9 * SECOND), 3);
        let mut closed = Schedule::new(Pacing::InFlight(1), bounds);
        for now_ns in [SECOND, 2 * SECOND, 3 * SECOND, 3 * SECOND] {
            assert_eq!(closed.take(now_ns, 0), Some(now_ns));
        }
        assert_eq!(closed.take(4 * SECOND, 0), None);
        assert_eq!(closed.ended_ns(9 * SECOND), Some(3 * SECOND));
    }

    #[test]
    fn the_closed_loop_waits_for_deliveries() {
        let mut schedule = Schedule::new(Pacing::InFlight(2), BOUNDS);
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
        let mut schedule = Schedule::new(Pacing::Rate(1000.0), BOUNDS);
        take_all(&mut schedule, SECOND);
        schedule.take(SECOND + 500_000, 0);
        schedule.no_connection_free();
        schedule.take(SECOND + 3_000_000, 0);
        assert_eq!(schedule.lag.count(), 0);
        take_all(&mut schedule, SECOND + 3_000_000);
        schedule.take(SECOND + 4_000_000, 0);
        assert_eq!(schedule.into_lag().count(), 1);
    }
}
