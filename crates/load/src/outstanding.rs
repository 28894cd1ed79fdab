//! Which messages have not reached every subscriber yet: the closed loop waits
//! for them, and the last of a message's deliveries is a figure of its own.

use std::collections::VecDeque;
use std::time::Duration;

/// The messages of a run that some worker still waits for, in their order.
#[derive(Debug)]
pub(super) struct Outstanding {
    /// The message at the front.
    first: u64,
    waiting: VecDeque<Waiting>,
    /// How many of them are not complete.
    open: usize,
    /// How many were given up.
    incomplete: u64,
    /// How long a message may take.
    patience: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// When it was sent: nanoseconds of the run's clock.
    sent_ns: u64,
    /// Workers whose subscribers do not all have it.
    workers: usize,
}

impl Outstanding {
    /// None yet; a message that takes longer than `patience` is given up.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            first: 0,
            waiting: VecDeque::new(),
            open: 0,
            incomplete: 0,
            patience,
        }
    }

    /// The number of the next message, which `workers` workers wait for.
    pub(super) fn send(&mut self, now_ns: u64, workers: usize) -> u64 {
        self.waiting.push_back(Waiting {
            sent_ns: now_ns,
            workers,
        });
        self.open += usize::from(workers > 0);
        self.give_up(now_ns);
        self.first + self.waiting.len() as u64 - 1
    }

    /// All subscribers of one worker have `message`. True when it was the last.
    pub(super) fn reached(&mut self, message: u64) -> bool {
        let Some(waiting) = self.get(message).filter(|waiting| waiting.workers > 0) else {
            return false;
        };
        waiting.workers -= 1;
        let complete = waiting.workers == 0;
        self.open -= usize::from(complete);
        self.forget_complete();
        complete
    }

    /// It was refused: nobody will get it.
    pub(super) fn withdraw(&mut self, message: u64) {
        if let Some(waiting) = self.get(message).filter(|waiting| waiting.workers > 0) {
            waiting.workers = 0;
            self.open -= 1;
            self.forget_complete();
        }
    }

    /// Gives up what has waited for too long.
    pub(super) fn give_up(&mut self, now_ns: u64) {
        while let Some(front) = self.waiting.front() {
            let age = Duration::from_nanos(now_ns.saturating_sub(front.sent_ns));
            if front.workers > 0 && age < self.patience {
                break;
            }
            if front.workers > 0 {
                self.open -= 1;
                self.incomplete += 1;
            }
            self.waiting.pop_front();
            self.first += 1;
        }
    }

    /// How many messages have not reached everybody.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// How many were given up, and those that are still open.
    pub(super) fn incomplete(&self) -> u64 {
        self.incomplete + self.open as u64
    }

    /// The oldest message that is waited for.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    fn get(&mut self, message: u64) -> Option<&mut Waiting> {
        let at = message.checked_sub(self.first)?;
        self.waiting.get_mut(usize::try_from(at).ok()?)
    }

    fn forget_complete(&mut self) {
        while self.waiting.front().is_some_and(|front| front.workers == 0) {
            self.waiting.pop_front();
            self.first += 1;
        }
    }
}

/// The same within one worker: how many of its subscribers a message has to
/// reach yet.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    first: u64,
    left: VecDeque<Option<u32>>,
}

impl Remaining {
    /// One of `audience` subscribers has `message`. True when it was the last.
    pub(super) fn reached(&mut self, message: u64, audience: u32) -> bool {
        let Some(at) = message.checked_sub(self.first) else {
            return false;
        };
        let at = at as usize;
        if at >= self.left.len() {
            self.left.resize(at + 1, None);
        }
        let left = self.left[at].unwrap_or(audience);
        let Some(left) = left.checked_sub(1) else {
            return false;
        };
        self.left[at] = Some(left);
        let complete = left == 0;
        while self.left.front() == Some(&Some(0)) {
            self.left.pop_front();
            self.first += 1;
        }
        complete
    }

    /// Forgets what is before `first`: it was given up, or was not for here.
    pub(super) fn forget_before(&mut self, first: u64) {
        while self.first < first && self.left.pop_front().is_some() {
            self.first += 1;
        }
        if self.left.is_empty() {
            self.first = self.first.max(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_nanos(100);

    #[test]
    fn a_message_is_complete_when_the_last_worker_has_it() {
        let mut outstanding = Outstanding::new(PATIENCE);
        let (a, b) = (outstanding.send(0, 2), outstanding.send(1, 2));
        assert_eq!((a, b, outstanding.open()), (0, 1, 2));
        assert!(!outstanding.reached(b));
        assert!(outstanding.reached(b));
        assert!(!outstanding.reached(a));
        assert!(outstanding.reached(a));
        assert!(!outstanding.reached(a), "it is complete only once");
        assert_eq!((outstanding.open(), outstanding.first()), (0, 2));
        assert_eq!(outstanding.incomplete(), 0);
    }

    #[test]
    fn what_takes_too_long_is_given_up_and_what_is_refused_is_withdrawn() {
        let mut outstanding = Outstanding::new(PATIENCE);
        let lost = outstanding.send(0, 1);
        let refused = outstanding.send(50, 1);
        outstanding.withdraw(refused);
        outstanding.withdraw(refused);
        assert_eq!(outstanding.open(), 1);
        outstanding.give_up(99);
        assert_eq!(outstanding.open(), 1);
        outstanding.give_up(100);
        assert_eq!((outstanding.open(), outstanding.incomplete()), (0, 1));
        assert!(!outstanding.reached(lost), "it came too late");
        assert_eq!(outstanding.send(101, 1), 2);
    }

    #[test]
    fn a_worker_counts_its_own_subscribers() {
        let mut remaining = Remaining::default();
        assert!(!remaining.reached(0, 2));
        assert!(!remaining.reached(1, 2));
        assert!(remaining.reached(1, 2));
        assert!(remaining.reached(0, 2));
        assert!(!remaining.reached(0, 2), "of a message before the first");
        assert!(remaining.reached(5, 1));
        remaining.forget_before(9);
        assert!(!remaining.reached(5, 1));
        assert!(remaining.reached(9, 1));
    }
}
