//! The messages that are not delivered to every subscriber yet. The closed loop
//! waits for them, and the time to a message's last delivery is reported.

use std::collections::VecDeque;
use std::time::Duration;

/// The messages of a run that some worker still waits for, in order.
#[derive(Debug)]
pub(crate) struct Outstanding {
    /// The number of the message at the front.
    first: u64,
    waiting: VecDeque<Undelivered>,
    /// How many of them are not delivered.
    open: usize,
    /// How many have expired.
    incomplete: u64,
    /// How long a message may take.
    timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Undelivered {
    /// When it was sent: nanoseconds of the run's clock.
    sent_ns: u64,
    /// Workers whose fast subscribers do not all have it.
    workers: usize,
}

impl Outstanding {
    /// No messages; each expires after `timeout`.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            first: 0,
            waiting: VecDeque::new(),
            open: 0,
            incomplete: 0,
            timeout,
        }
    }

    /// Adds a message that `workers` workers wait for, and returns its number.
    pub(crate) fn push(&mut self, now_ns: u64, workers: usize) -> u64 {
        self.waiting.push_back(Undelivered {
            sent_ns: now_ns,
            workers,
        });
        self.open += usize::from(workers > 0);
        self.expire(now_ns);
        self.first + self.waiting.len() as u64 - 1
    }

    /// Records that all fast subscribers of one worker have `message`. Returns
    /// whether it was the last worker.
    pub(crate) fn delivered(&mut self, message: u64) -> bool {
        let Some(waiting) = self.get(message).filter(|waiting| waiting.workers > 0) else {
            return false;
        };
        waiting.workers -= 1;
        let complete = waiting.workers == 0;
        self.open -= usize::from(complete);
        self.remove_delivered();
        complete
    }

    /// Removes a message that was refused.
    pub(crate) fn withdraw(&mut self, message: u64) {
        if let Some(waiting) = self.get(message).filter(|waiting| waiting.workers > 0) {
            waiting.workers = 0;
            self.open -= 1;
            self.remove_delivered();
        }
    }

    /// Removes messages that have exceeded the timeout.
    pub(crate) fn expire(&mut self, now_ns: u64) {
        while let Some(front) = self.waiting.front() {
            let age = Duration::from_nanos(now_ns.saturating_sub(front.sent_ns));
            if front.workers > 0 && age < self.timeout {
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

    /// How many messages are not delivered to every subscriber.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// How many messages have expired or are still open.
    pub(crate) fn incomplete(&self) -> u64 {
        self.incomplete + self.open as u64
    }

    /// The number of the oldest message that is still open.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    fn get(&mut self, message: u64) -> Option<&mut Undelivered> {
        let at = message.checked_sub(self.first)?;
        self.waiting.get_mut(usize::try_from(at).ok()?)
    }

    fn remove_delivered(&mut self) {
        while self.waiting.front().is_some_and(|front| front.workers == 0) {
            self.waiting.pop_front();
            self.first += 1;
        }
    }
}

/// The same within one worker: how many of its fast subscribers lack a message.
#[derive(Debug, Default)]
pub(crate) struct RemainingReaders {
    first: u64,
    left: VecDeque<Option<u32>>,
}

impl RemainingReaders {
    /// Records that one of `audience` subscribers has `message`. Returns whether it
    /// was the last.
    pub(crate) fn delivered(&mut self, message: u64, audience: u32) -> bool {
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

    /// Removes messages before `first`: they have expired, or have no subscribers
    /// here.
    pub(crate) fn remove_before(&mut self, first: u64) {
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

    const TIMEOUT: Duration = Duration::from_nanos(100);

    #[test]
    fn a_message_is_complete_when_the_last_worker_has_it() {
        let mut outstanding = Outstanding::new(TIMEOUT);
        let (a, b) = (outstanding.push(0, 2), outstanding.push(1, 2));
        assert_eq!((a, b, outstanding.open()), (0, 1, 2));
        assert!(!outstanding.delivered(b));
        assert!(outstanding.delivered(b));
        assert!(!outstanding.delivered(a));
        assert!(outstanding.delivered(a));
        assert!(!outstanding.delivered(a), "it is complete only once");
        assert_eq!((outstanding.open(), outstanding.first()), (0, 2));
        assert_eq!(outstanding.incomplete(), 0);
    }

    #[test]
    fn a_late_message_expires_and_a_refused_one_is_withdrawn() {
        let mut outstanding = Outstanding::new(TIMEOUT);
        let lost = outstanding.push(0, 1);
        let refused = outstanding.push(50, 1);
        outstanding.withdraw(refused);
        outstanding.withdraw(refused);
        assert_eq!(outstanding.open(), 1);
        outstanding.expire(99);
        assert_eq!(outstanding.open(), 1);
        outstanding.expire(100);
        assert_eq!((outstanding.open(), outstanding.incomplete()), (0, 1));
        assert!(!outstanding.delivered(lost), "it came too late");
        assert_eq!(outstanding.push(101, 1), 2);
    }

    #[test]
    fn a_worker_counts_its_own_subscribers() {
        let mut remaining = RemainingReaders::default();
        assert!(!remaining.delivered(0, 2));
        assert!(!remaining.delivered(1, 2));
        assert!(remaining.delivered(1, 2));
        assert!(remaining.delivered(0, 2));
        assert!(!remaining.delivered(0, 2), "of a message before the first");
        assert!(remaining.delivered(5, 1));
        remaining.remove_before(9);
        assert!(!remaining.delivered(5, 1));
        assert!(remaining.delivered(9, 1));
    }
}
