//! The sums of one reader thread. Only the thread writes them, so a delivery takes
//! no lock. Once a second it sends an interval to the timeline.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

use crate::ledger::Arrival;
use crate::outstanding::RemainingReaders;
use crate::payload::Mark;
use crate::report::Latency;
use crate::room_numbers::RoomNumbers;
use crate::shared::Shared;

/// The kinds of subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReaderKind {
    /// It reads as fast as it can.
    Fast,
    /// It reads a limited number of bytes a second.
    Slow,
    /// It connects in the middle of the run, and leaves after a second.
    Transient,
}

/// The deliveries of one worker within one second of the run's clock.
#[derive(Debug)]
pub(crate) struct Interval {
    /// The second, counted from 0.
    pub(crate) second: u64,
    /// Deliveries, each counted once.
    pub(crate) delivered: u64,
    /// Bytes.
    pub(crate) bytes: u64,
    /// The delivery times of the measured ones.
    pub(crate) latency: Latency,
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

/// The sums of one worker over the run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Deliveries to fast subscribers, each counted once.
    pub(crate) received: u64,
    /// Measured deliveries to subscribers of all kinds.
    pub(crate) measured_of_all: u64,
    /// When the last measured delivery came.
    pub(crate) last_ns: u64,
    /// Bytes in the measured part.
    pub(crate) measured_bytes: u64,
    /// Deliveries that came again, to any subscriber.
    pub(crate) doubled: u64,
    /// Deliveries that came after a later one of their lane.
    pub(crate) out_of_order: u64,
    /// Messages lost by fast and transient subscribers.
    pub(crate) lost: u64,
    /// Messages that the server announced as lost to them.
    pub(crate) announced_lost: u64,
    /// Holes in a room's `number`.
    pub(crate) number_holes: u64,
    /// Streams of fast subscribers that ended.
    pub(crate) disconnected: u64,
    /// Deliveries to slow subscribers.
    pub(crate) slow_received: u64,
    /// Messages lost by slow subscribers.
    pub(crate) slow_lost: u64,
    /// Messages that the server announced as lost to them.
    pub(crate) slow_announced_lost: u64,
    /// Streams of slow subscribers that ended.
    pub(crate) slow_disconnected: u64,
    /// From the intended time of sending to the delivery.
    pub(crate) each: Latency,
    /// From the actual time of sending to the delivery.
    pub(crate) from_sending: Latency,
    /// Until a connection was established.
    pub(crate) tcp: Latency,
    /// Until the TLS handshake was complete.
    pub(crate) tls: Latency,
    /// Until the head of the response arrived.
    pub(crate) answered: Latency,
    /// Until the first event arrived.
    pub(crate) first_event: Latency,
    /// From reconnecting until a subscriber had every message it missed.
    pub(crate) resumed: Latency,
    /// When the last subscriber had.
    pub(crate) resumed_last_ns: u64,
}

impl Tally {
    /// Adds the sums of another worker.
    pub(crate) fn add(&mut self, other: &Self) {
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
            (&mut self.tls, &other.tls),
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

/// Records the deliveries of a worker's subscribers.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tally: Tally,
    /// Fast subscribers of this worker, by room.
    pub(crate) audience: Vec<u32>,
    /// In mode `resume`, from the reconnect on: how many messages each room's
    /// subscribers should have.
    pub(crate) expected_per_room: Option<Vec<u64>>,
    remaining: RemainingReaders,
    interval: Interval,
    intervals: Sender<Interval>,
    measured_from_ns: u64,
    /// When the current turn of the worker began.
    turn_ns: u64,
    /// Deliveries to fast subscribers that the shared counter includes.
    published: u64,
}

impl Recorder {
    /// A recorder that sends its intervals to `intervals`.
    pub(crate) fn new(
        shared: Arc<Shared>,
        audience: Vec<u32>,
        intervals: Sender<Interval>,
    ) -> Self {
        Self {
            interval: Interval::of(shared.second_of(shared.now_ns())),
            shared,
            tally: Tally::default(),
            audience,
            expected_per_room: None,
            remaining: RemainingReaders::default(),
            intervals,
            measured_from_ns: u64::MAX,
            turn_ns: 0,
            published: 0,
        }
    }

    /// Synchronizes with other threads before a batch of events, and sends the
    /// interval if its second is over.
    pub(crate) fn begin_turn(&mut self, now_ns: u64) {
        self.turn_ns = now_ns;
        self.measured_from_ns = self.shared.measured_from_ns.load(Relaxed);
        self.shared
            .counters
            .received
            .fetch_add(self.tally.received - self.published, Relaxed);
        self.published = self.tally.received;
        let first = self.shared.first_outstanding.load(Relaxed);
        self.remaining.remove_before(first);
        if self.shared.second_of(now_ns) != self.interval.second {
            self.send_interval(now_ns);
        }
    }

    /// Sends the current interval, and starts the next.
    pub(crate) fn send_interval(&mut self, now_ns: u64) {
        let next = Interval::of(self.shared.second_of(now_ns));
        let over = std::mem::replace(&mut self.interval, next);
        self.tally.each.add(&over.latency);
        let counters = &self.shared.counters;
        counters.delivered.fetch_add(over.delivered, Relaxed);
        counters.bytes.fetch_add(over.bytes, Relaxed);
        // The receiver is gone if the run was dropped.
        let _ = self.intervals.send(over);
    }

    /// Counts bytes received over TCP.
    pub(crate) fn add_bytes(&mut self, bytes: usize) {
        self.interval.bytes += bytes as u64;
        if self.turn_ns >= self.measured_from_ns {
            self.tally.measured_bytes += bytes as u64;
        }
    }

    /// Records a delivery to a subscriber.
    pub(crate) fn deliver(
        &mut self,
        kind: ReaderKind,
        room: usize,
        mark: Mark,
        arrival: Arrival,
        now_ns: u64,
    ) {
        match arrival {
            Arrival::New => {}
            Arrival::Late => self.tally.out_of_order += 1,
            Arrival::Duplicate => {
                self.tally.doubled += 1;
                return;
            }
        }
        self.interval.delivered += 1;
        self.tally.measured_of_all += u64::from(mark.due_ns >= self.measured_from_ns);
        match kind {
            ReaderKind::Fast => self.deliver_fast(room, mark, now_ns),
            ReaderKind::Slow => self.tally.slow_received += 1,
            ReaderKind::Transient => {}
        }
    }

    fn deliver_fast(&mut self, room: usize, mark: Mark, now_ns: u64) {
        self.tally.received += 1;
        if mark.due_ns >= self.measured_from_ns {
            let took = now_ns.saturating_sub(mark.due_ns);
            self.interval.latency.record_ns(took);
            let from_sending = took.saturating_sub(mark.late_ns);
            self.tally.from_sending.record_ns(from_sending);
            self.tally.last_ns = now_ns;
        }
        if self.remaining.delivered(mark.message, self.audience[room]) {
            self.shared.delivered(mark.message, mark.due_ns, now_ns);
        }
    }

    /// Removes a fast subscriber of worker `at`, which could not connect.
    pub(crate) fn reader_failed(&mut self, at: usize, room: usize) {
        self.audience[room] -= 1;
        self.shared.audiences()[at][room] -= 1;
    }

    /// Counts a stream that ended unexpectedly.
    pub(crate) fn disconnected(&mut self, kind: ReaderKind) {
        match kind {
            ReaderKind::Fast => self.tally.disconnected += 1,
            ReaderKind::Slow => self.tally.slow_disconnected += 1,
            ReaderKind::Transient => {}
        }
    }

    /// Adds the `missing` messages of a subscriber at the end of the run.
    pub(crate) fn add_losses(&mut self, kind: ReaderKind, missing: u64, numbers: &RoomNumbers) {
        let lost = numbers.not_announced(missing);
        let tally = &mut self.tally;
        tally.number_holes = tally.number_holes.saturating_add(numbers.holes);
        match kind {
            ReaderKind::Slow => {
                tally.slow_lost += lost;
                tally.slow_announced_lost += missing - lost;
            }
            ReaderKind::Fast | ReaderKind::Transient => {
                tally.lost += lost;
                tally.announced_lost += missing - lost;
            }
        }
    }
}
