//! What one worker counts: it alone writes here, so nothing is locked on the
//! way of a delivery. Once a second it hands over what has come since.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

use crate::ledger::Arrival;
use crate::mark::Mark;
use crate::numbers::Numbers;
use crate::outstanding::Remaining;
use crate::report::Latency;
use crate::shared::Shared;

/// What a subscriber is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads as fast as it can.
    Good,
    /// It reads only so many bytes a second.
    Slow,
    /// It comes in the middle, and leaves again.
    Passing,
}

/// What came to one worker within one second of the run's clock.
#[derive(Debug)]
pub(super) struct Interval {
    /// Which second.
    pub(super) second: u64,
    /// Deliveries, each counted once.
    pub(super) delivered: u64,
    /// Bytes.
    pub(super) bytes: u64,
    /// How long the measured ones of them took.
    pub(super) latency: Latency,
}

impl Interval {
    fn of(second: u64) -> Self {
        Self {
            second,
            delivered: 0,
            bytes: 0,
            latency: Latency::default(),
        }
    }
}

/// The sums of one worker.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of good subscribers: deliveries, each counted once.
    pub(super) received: u64,
    /// Measured deliveries to subscribers of all kinds.
    pub(super) measured_of_all: u64,
    /// When the last measured one came.
    pub(super) last_ns: u64,
    /// Bytes in the measured part.
    pub(super) measured_bytes: u64,
    /// Deliveries that came again, to any subscriber.
    pub(super) doubled: u64,
    /// Deliveries that came after a later one of their lane.
    pub(super) out_of_order: u64,
    /// Lost by good subscribers, and by those that only passed by.
    pub(super) lost: u64,
    /// What the server said it could not give them.
    pub(super) announced_lost: u64,
    /// Holes in a room's `number`.
    pub(super) number_holes: u64,
    /// Streams of lasting subscribers that ended.
    pub(super) disconnected: u64,
    /// Of slow subscribers: deliveries.
    pub(super) slow_received: u64,
    /// Holes in what they had.
    pub(super) slow_lost: u64,
    /// What the server said it could not give them.
    pub(super) slow_announced_lost: u64,
    /// How many times one of them was disconnected.
    pub(super) slow_disconnected: u64,
    /// From the intended time of sending.
    pub(super) each: Latency,
    /// From the actual time of sending.
    pub(super) from_sending: Latency,
    /// Until a connection stood.
    pub(super) tcp: Latency,
    /// Until the head of the answer was there.
    pub(super) answered: Latency,
    /// Until the first event was there.
    pub(super) first_event: Latency,
    /// Until who came back had all it missed.
    pub(super) resumed: Latency,
    /// When the last of them had.
    pub(super) resumed_last_ns: u64,
}

impl Tally {
    /// Adds the sums of another worker.
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.received, other.received),
            (&mut self.measured_of_all, other.measured_of_all),
            (&mut self.measured_bytes, other.measured_bytes),
            (&mut self.doubled, other.doubled),
            (&mut self.out_of_order, other.out_of_order),
            (&mut self.lost, other.lost),
            (&mut self.announced_lost, other.announced_lost),
            (&mut self.number_holes, other.number_holes),
            (&mut self.disconnected, other.disconnected),
            (&mut self.slow_received, other.slow_received),
            (&mut self.slow_lost, other.slow_lost),
            (&mut self.slow_announced_lost, other.slow_announced_lost),
            (&mut self.slow_disconnected, other.slow_disconnected),
        ] {
            *sum += more;
        }
        for (sum, more) in [
            (&mut self.each, &other.each),
            (&mut self.from_sending, &other.from_sending),
            (&mut self.tcp, &other.tcp),
            (&mut self.answered, &other.answered),
            (&mut self.first_event, &other.first_event),
            (&mut self.resumed, &other.resumed),
        ] {
            sum.add(more);
        }
        self.last_ns = self.last_ns.max(other.last_ns);
        self.resumed_last_ns = self.resumed_last_ns.max(other.resumed_last_ns);
    }
}

/// Where a worker's subscribers report what comes to them.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    pub(super) tally: Tally,
    /// Good subscribers of this worker, by room.
    pub(super) audience: Vec<u32>,
    /// In mode `resume`, once all were cut: what each room's subscribers should
    /// have in the end.
    pub(super) whole_at: Option<Vec<u64>>,
    remaining: Remaining,
    interval: Interval,
    intervals: Sender<Interval>,
    measured_from_ns: u64,
    /// Deliveries to good subscribers that the shared counter has.
    told: u64,
}

impl Desk {
    /// Of one worker; it hands over its seconds through `intervals`.
    pub(super) fn new(
        shared: Arc<Shared>,
        audience: Vec<u32>,
        intervals: Sender<Interval>,
    ) -> Self {
        Self {
            interval: Interval::of(shared.second_of(shared.now_ns())),
            shared,
            tally: Tally::default(),
            audience,
            whole_at: None,
            remaining: Remaining::default(),
            intervals,
            measured_from_ns: u64::MAX,
            told: 0,
        }
    }

    /// Before a batch of events: what other threads have changed, and whether a
    /// second is over.
    pub(super) fn turn(&mut self, now_ns: u64) {
        self.measured_from_ns = self.shared.measured_from_ns.load(Relaxed);
        self.shared
            .counters
            .received
            .fetch_add(self.tally.received - self.told, Relaxed);
        self.told = self.tally.received;
        let first = self.shared.first_outstanding.load(Relaxed);
        self.remaining.forget_before(first);
        if self.shared.second_of(now_ns) != self.interval.second {
            self.hand_over(now_ns);
        }
    }

    /// Hands over the second that is over.
    pub(super) fn hand_over(&mut self, now_ns: u64) {
        let next = Interval::of(self.shared.second_of(now_ns));
        let over = std::mem::replace(&mut self.interval, next);
        self.tally.each.add(&over.latency);
        let counters = &self.shared.counters;
        counters.delivered.fetch_add(over.delivered, Relaxed);
        counters.bytes.fetch_add(over.bytes, Relaxed);
        // Nobody listens any more when the run was broken off.
        let _ = self.intervals.send(over);
    }

    /// So many bytes have come over TCP.
    pub(super) fn bytes(&mut self, bytes: usize, now_ns: u64) {
        self.interval.bytes += bytes as u64;
        if now_ns >= self.measured_from_ns {
            self.tally.measured_bytes += bytes as u64;
        }
    }

    /// A message has come to a subscriber.
    pub(super) fn deliver(
        &mut self,
        kind: Kind,
        room: usize,
        mark: Mark,
        arrival: Arrival,
        now_ns: u64,
    ) {
        match arrival {
            Arrival::New => {}
            Arrival::Late => self.tally.out_of_order += 1,
            Arrival::Again => {
                self.tally.doubled += 1;
                return;
            }
        }
        self.interval.delivered += 1;
        self.tally.measured_of_all += u64::from(mark.due_ns >= self.measured_from_ns);
        match kind {
            Kind::Good => self.deliver_good(room, mark, now_ns),
            Kind::Slow => self.tally.slow_received += 1,
            Kind::Passing => {}
        }
    }

    fn deliver_good(&mut self, room: usize, mark: Mark, now_ns: u64) {
        self.tally.received += 1;
        if mark.due_ns >= self.measured_from_ns {
            let took = now_ns.saturating_sub(mark.due_ns);
            self.interval.latency.record_ns(took);
            let from_sending = took.saturating_sub(mark.late_ns);
            self.tally.from_sending.record_ns(from_sending);
            self.tally.last_ns = now_ns;
        }
        if self.remaining.reached(mark.message, self.audience[room]) {
            self.shared.reached(mark.message, mark.due_ns, now_ns);
        }
    }

    /// A good subscriber of worker `at` could not come.
    pub(super) fn one_less(&mut self, at: usize, room: usize) {
        self.audience[room] -= 1;
        self.shared.audiences()[at][room] -= 1;
    }

    /// A stream of a lasting subscriber has ended while it should not.
    pub(super) fn disconnected(&mut self, kind: Kind) {
        match kind {
            Kind::Good => self.tally.disconnected += 1,
            Kind::Slow => self.tally.slow_disconnected += 1,
            Kind::Passing => {}
        }
    }

    /// The books of a subscriber are closed: so many messages are missing.
    pub(super) fn close(&mut self, kind: Kind, missing: u64, numbers: &Numbers) {
        let lost = numbers.not_announced(missing);
        let tally = &mut self.tally;
        tally.number_holes = tally.number_holes.saturating_add(numbers.holes);
        match kind {
            Kind::Slow => {
                tally.slow_lost += lost;
                tally.slow_announced_lost += missing - lost;
            }
            Kind::Good | Kind::Passing => {
                tally.lost += lost;
                tally.announced_lost += missing - lost;
            }
        }
    }
}
