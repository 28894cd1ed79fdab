//! The thread that publishes: some connections, each with one request at a time,
//! and a schedule. A message that is due while all connections wait for their
//! answers is sent when one is free, and its time counts from when it was due:
//! a server that pauses can't make the load pause with it (no coordinated
//! omission).

mod alarm;
mod sender;
mod senders;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use self::alarm::Alarm;
use self::sender::Sending;
use self::senders::{Outcome, Senders};
use crate::ledger::Sent;
use crate::mark::Mark;
use crate::published::Published;
use crate::report::Latency;
use crate::schedule::Schedule;
use crate::shared::Shared;
use crate::usage::thread_cpu_seconds;

const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);
/// How often there is something to do when no socket has something.
const TURN: Duration = Duration::from_millis(10);
/// After so many failures of each connection with no answer between them, the
/// server is taken for gone. A number of messages would never be reached.
const MOST_FAILURES: usize = 20;

/// Who waits for each message: the workers that have subscribers of its room.
pub(super) type Listeners = Vec<usize>;

/// Starts the thread. What it sends goes on where `sent` ended.
pub(super) fn start(
    shared: &Arc<Shared>,
    schedule: Schedule,
    listeners: Listeners,
    sent: Sent,
) -> io::Result<JoinHandle<io::Result<Published>>> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    let shared = Arc::clone(shared);
    shared.set_publisher(waker);
    let publisher = Publisher::new(shared, schedule, listeners, sent, poll)?;
    std::thread::Builder::new()
        .name("bench-publish".to_owned())
        .spawn(move || publisher.run())
}

/// The publishing thread.
struct Publisher {
    shared: Arc<Shared>,
    schedule: Schedule,
    listeners: Listeners,
    poll: Poll,
    alarm: Alarm,
    senders: Senders,
    request: Vec<u8>,
    /// Cuts since the last answer.
    failures: usize,
    /// What this thread had used of the processor at the first measured message.
    measured_from: Option<f64>,
    done: Published,
}

impl Publisher {
    fn new(
        shared: Arc<Shared>,
        schedule: Schedule,
        listeners: Listeners,
        sent: Sent,
        poll: Poll,
    ) -> io::Result<Self> {
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let senders = Senders::new(Arc::clone(&shared), poll.registry().try_clone()?);
        Ok(Self {
            done: Published {
                sent,
                due: 0,
                measured_sent: 0,
                accepted: 0,
                last_answer_ns: 0,
                refused: 0,
                unanswered: 0,
                first_failure: None,
                answer: Latency::default(),
                lag: Latency::default(),
                cpu_seconds: 0.0,
            },
            measured_from: None,
            shared,
            schedule,
            listeners,
            poll,
            alarm,
            senders,
            request: Vec::new(),
            failures: 0,
        })
    }

    fn run(mut self) -> io::Result<Published> {
        let mut events = Events::with_capacity(256);
        loop {
            self.senders.turn(self.shared.now_ns());
            self.note_outcomes();
            self.send_due();
            self.note_outcomes();
            if self.is_over() {
                return Ok(self.finish());
            }
            self.set_alarm()?;
            match self.poll.poll(&mut events, Some(TURN)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    WAKER | ALARM => {}
                    Token(index) => self.senders.on_event(index, event),
                }
            }
        }
    }

    /// Wakes the poll when the next message is due and can be sent.
    fn set_alarm(&self) -> io::Result<()> {
        match self.schedule.next_due_ns() {
            Some(due_ns) if self.senders.first_idle().is_some() => {
                self.alarm.set(due_ns.saturating_sub(self.shared.now_ns()))
            }
            _ => Ok(()),
        }
    }

    /// Sends what is due, as long as a connection is free.
    fn send_due(&mut self) {
        if self.shared.stop.load(Relaxed) {
            return;
        }
        while let Some(index) = self.senders.first_idle() {
            let now_ns = self.shared.now_ns();
            let open = self.open_messages(now_ns);
            let Some(due_ns) = self.schedule.take(now_ns, open) else {
                return;
            };
            self.send(index, due_ns, now_ns);
        }
        self.schedule.nobody_is_free();
    }

    /// How many messages have not reached everybody, if that matters.
    fn open_messages(&self, now_ns: u64) -> usize {
        match self.schedule.waits_for_arrivals() {
            false => 0,
            true => {
                let mut messages = self.shared.messages();
                messages.outstanding.give_up(now_ns);
                messages.outstanding.open()
            }
        }
    }

    fn send(&mut self, index: usize, due_ns: u64, now_ns: u64) {
        let shared = &self.shared;
        let room = (self.schedule.taken() - 1) as usize % shared.plan.rooms;
        let place = self.done.sent.next(index, room);
        let listeners = self.listeners[room];
        let message = shared.messages().outstanding.send(now_ns, listeners);
        let mark = Mark {
            message,
            place,
            due_ns,
            late_ns: now_ns - due_ns.min(now_ns),
        };
        let size = fastrand::usize(shared.plan.size.clone());
        shared.requests.publish(room, mark, size, &mut self.request);
        let measured = self.schedule.is_measured(due_ns);
        if measured {
            self.measured_from.get_or_insert_with(thread_cpu_seconds);
        }
        shared.counters.sent.fetch_add(1, Relaxed);
        self.done.measured_sent += u64::from(measured);
        let sending = Sending {
            message,
            room,
            place,
            sent_ns: now_ns,
            measured,
        };
        self.senders.send(index, sending, &self.request);
    }

    /// Counts what became of the messages.
    fn note_outcomes(&mut self) {
        while let Some(outcome) = self.senders.next_outcome() {
            match outcome {
                Outcome::Answered {
                    sending,
                    status,
                    at_ns,
                } => self.on_answer(sending, status, at_ns),
                Outcome::Cut { sending, why } => self.on_cut(sending, why),
            }
        }
    }

    fn on_answer(&mut self, sending: Sending, status: u16, at_ns: u64) {
        self.failures = 0;
        if (200..300).contains(&status) {
            self.shared.counters.accepted.fetch_add(1, Relaxed);
            if sending.measured {
                self.done.accepted += 1;
                self.done.last_answer_ns = at_ns;
                self.done.answer.record_ns(at_ns - sending.sent_ns);
            }
            return;
        }
        self.done.refused += 1;
        self.done.sent.not_accepted(sending.room, sending.place);
        self.shared.messages().outstanding.withdraw(sending.message);
        self.done
            .first_failure
            .get_or_insert_with(|| format!("the server answered {status}"));
    }

    fn on_cut(&mut self, sending: Option<Sending>, why: String) {
        self.failures += 1;
        if self.schedule.has_no_end() && self.failures > MOST_FAILURES * self.senders.len() {
            self.schedule.end(self.shared.now_ns());
        }
        if let Some(sending) = sending {
            self.done.unanswered += 1;
            self.done.sent.not_accepted(sending.room, sending.place);
        }
        self.done.first_failure.get_or_insert(why);
    }

    /// Everything was sent and answered, or there is no time left for it.
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
            || self.senders.unanswered().next().is_some();
        let patience_ns = self.shared.plan.drain.as_nanos() as u64;
        !waits || now_ns.saturating_sub(ended_ns) > patience_ns
    }

    fn finish(mut self) -> Published {
        for sending in self.senders.unanswered() {
            self.done.unanswered += 1;
            self.done.sent.not_accepted(sending.room, sending.place);
        }
        self.done.due = self.schedule.due(self.shared.now_ns());
        let used = self
            .measured_from
            .map(|before| thread_cpu_seconds() - before);
        self.done.cpu_seconds = used.unwrap_or(0.0);
        self.done.lag = self.schedule.into_lag();
        self.done
    }
}
