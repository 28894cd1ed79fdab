//! The publishing thread: a schedule, and connections with one request at a time
//! each. A message that is due while no connection is free is sent when one is, and
//! its delivery time counts from its due time: a server that pauses can't pause the
//! measurement (coordinated omission).

mod connection;
mod connections;
mod timer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use self::connection::PendingPublish;
use self::connections::{PublishConnections, PublishOutcome};
use self::timer::Timer;
use crate::ledger::SentLog;
use crate::payload::Mark;
use crate::run_data::PublishTotals;
use crate::schedule::Schedule;
use crate::shared::Shared;
use crate::target::PublishBytes;
use crate::usage::thread_cpu_seconds;

const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// The longest wait for an event: timeouts are checked this often.
const TURN: Duration = Duration::from_millis(10);
/// After this many failures per connection without an answer the server counts as
/// gone, and a run with a number of messages ends.
const MAX_FAILURES: usize = 20;

/// How many workers wait for a message of each room.
pub(crate) type WorkersPerRoom = Vec<usize>;

/// Starts the thread, which appends its messages to `sent`.
pub(crate) fn start(
    shared: &Arc<Shared>,
    schedule: Schedule,
    workers_per_room: WorkersPerRoom,
    sent: SentLog,
) -> io::Result<JoinHandle<io::Result<PublishTotals>>> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    let shared = Arc::clone(shared);
    shared.set_publisher(waker);
    let publisher = Publisher::new(shared, schedule, workers_per_room, sent, poll)?;
    std::thread::Builder::new()
        .name("bench-publish".to_owned())
        .spawn(move || publisher.run())
}

/// The publishing thread.
struct Publisher {
    shared: Arc<Shared>,
    schedule: Schedule,
    workers_per_room: WorkersPerRoom,
    poll: Poll,
    timer: Timer,
    connections: PublishConnections,
    request: PublishBytes,
    /// Failures since the last answer.
    failures: usize,
    /// CPU time of this thread at the first measured message, in seconds.
    cpu_before: Option<f64>,
    totals: PublishTotals,
}

impl Publisher {
    fn new(
        shared: Arc<Shared>,
        schedule: Schedule,
        workers_per_room: WorkersPerRoom,
        sent: SentLog,
        poll: Poll,
    ) -> io::Result<Self> {
        let timer = Timer::new(poll.registry(), TIMER)?;
        let connections =
            PublishConnections::new(Arc::clone(&shared), poll.registry().try_clone()?);
        Ok(Self {
            totals: PublishTotals::new(sent),
            cpu_before: None,
            shared,
            schedule,
            workers_per_room,
            poll,
            timer,
            connections,
            request: PublishBytes::default(),
            failures: 0,
        })
    }

    fn run(mut self) -> io::Result<PublishTotals> {
        let mut events = Events::with_capacity(256);
        loop {
            self.connections.check_timeouts(self.shared.now_ns());
            self.note_outcomes();
            self.send_due();
            self.note_outcomes();
            if self.is_over() {
                return Ok(self.finish());
            }
            self.set_timer()?;
            match self.poll.poll(&mut events, Some(TURN)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    WAKER | TIMER => {}
                    Token(index) => self.connections.on_event(index, event),
                }
            }
        }
    }

    /// Sets the timer to the next due time, if a connection is free.
    fn set_timer(&self) -> io::Result<()> {
        match self.schedule.next_due_ns() {
            Some(due_ns) if self.connections.first_idle().is_some() => {
                self.timer.set(due_ns.saturating_sub(self.shared.now_ns()))
            }
            _ => Ok(()),
        }
    }

    /// Sends the due messages while a connection is free.
    fn send_due(&mut self) {
        if self.shared.stop.load(Relaxed) {
            return;
        }
        while let Some(index) = self.connections.first_idle() {
            let now_ns = self.shared.now_ns();
            let open = self.open_messages(now_ns);
            let Some(due_ns) = self.schedule.take(now_ns, open) else {
                return;
            };
            self.send(index, due_ns, now_ns);
        }
        self.schedule.no_connection_free();
    }

    /// How many messages are not delivered to every subscriber; 0 where the schedule
    /// does not depend on it.
    fn open_messages(&self, now_ns: u64) -> usize {
        match self.schedule.waits_for_deliveries() {
            false => 0,
            true => {
                let mut messages = self.shared.messages();
                messages.outstanding.expire(now_ns);
                messages.outstanding.open()
            }
        }
    }

    fn send(&mut self, index: usize, due_ns: u64, now_ns: u64) {
        let shared = &self.shared;
        let room = (self.schedule.taken() - 1) as usize % shared.plan.rooms;
        let position = self.totals.sent.next(index, room);
        let workers_per_room = self.workers_per_room[room];
        let message = shared.messages().outstanding.push(now_ns, workers_per_room);
        let mark = Mark {
            message,
            position,
            due_ns,
            late_ns: now_ns - due_ns.min(now_ns),
        };
        let size = fastrand::usize(shared.plan.size.clone());
        shared.requests.publish(room, mark, size, &mut self.request);
        let measured = self.schedule.is_measured(due_ns);
        if measured {
            self.cpu_before.get_or_insert_with(thread_cpu_seconds);
        }
        shared.counters.sent.fetch_add(1, Relaxed);
        self.totals.measured_sent += u64::from(measured);
        let pending = PendingPublish {
            message,
            room,
            position,
            sent_ns: now_ns,
            measured,
        };
        self.connections.send(index, pending, &self.request);
    }

    /// Counts the outcomes since the last call.
    fn note_outcomes(&mut self) {
        while let Some(outcome) = self.connections.next_outcome() {
            match outcome {
                PublishOutcome::Answered {
                    pending,
                    status,
                    at_ns,
                } => self.on_answer(pending, status, at_ns),
                PublishOutcome::Failed { pending, why } => self.on_failure(pending, why),
            }
        }
    }

    fn on_answer(&mut self, pending: PendingPublish, status: u16, at_ns: u64) {
        self.failures = 0;
        if (200..300).contains(&status) {
            self.shared.counters.accepted.fetch_add(1, Relaxed);
            if pending.measured {
                self.totals.accepted += 1;
                self.totals.last_answer_ns = at_ns;
                self.totals.answer.record_ns(at_ns - pending.sent_ns);
            }
            return;
        }
        self.totals.refused += 1;
        self.totals
            .sent
            .not_accepted(pending.room, pending.position);
        self.shared.messages().outstanding.withdraw(pending.message);
        self.totals
            .first_failure
            .get_or_insert_with(|| format!("the server answered {status}"));
    }

    fn on_failure(&mut self, pending: Option<PendingPublish>, why: String) {
        self.failures += 1;
        if self.schedule.has_no_end() && self.failures > MAX_FAILURES * self.connections.len() {
            self.schedule.end(self.shared.now_ns());
        }
        if let Some(pending) = pending {
            self.totals.unanswered += 1;
            self.totals
                .sent
                .not_accepted(pending.room, pending.position);
        }
        self.totals.first_failure.get_or_insert(why);
    }

    /// Whether everything is sent and answered, or the time for it is over.
    fn is_over(&mut self) -> bool {
        let now_ns = self.shared.now_ns();
        let is_stopped = self.shared.stop.load(Relaxed);
        if is_stopped {
            self.schedule.end(now_ns);
        }
        let Some(ended_ns) = self.schedule.ended_ns(now_ns) else {
            return false;
        };
        let waits = !(is_stopped || self.schedule.is_used_up(now_ns))
            || self.connections.unanswered().next().is_some();
        let drain_ns = self.shared.plan.drain.as_nanos() as u64;
        !waits || now_ns.saturating_sub(ended_ns) > drain_ns
    }

    fn finish(mut self) -> PublishTotals {
        for pending in self.connections.unanswered() {
            self.totals.unanswered += 1;
            self.totals
                .sent
                .not_accepted(pending.room, pending.position);
        }
        self.totals.due = self.schedule.due(self.shared.now_ns());
        let used = self.cpu_before.map(|before| thread_cpu_seconds() - before);
        self.totals.cpu_seconds = used.unwrap_or(0.0);
        self.totals.lag = self.schedule.into_lag();
        self.totals
    }
}
