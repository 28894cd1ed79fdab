//! The thread that publishes: some connections, each with one request at a time,
//! and a schedule. A message that is due while all connections wait for their
//! answers is sent when one is free, and its time counts from when it was due:
//! a server that pauses can't make the load pause with it (no coordinated
//! omission).

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::ledger::Sent;
use super::mark::Mark;
use super::published::Published;
use super::report::Latency;
use super::response::Response;
use super::schedule::Schedule;
use super::sender::{Sender, Sending};
use super::shared::Shared;
use super::sockets::connect;
use super::usage::thread_cpu_seconds;

const BUFFER_BYTES: usize = 16 * 1024;
const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// How often there is something to do when no socket has something.
const TURN: Duration = Duration::from_millis(10);
/// How long a connection that was cut waits before it is opened again.
const RETURN_AFTER_NS: u64 = 100_000_000;
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
    timer: OwnedFd,
    buffer: Vec<u8>,
    request: Vec<u8>,
    senders: Vec<Sender>,
    /// Connections that wait for a message. The lowest is taken, so that few
    /// connections are used when few are needed.
    idle: BTreeSet<usize>,
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
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        poll.registry()
            .register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let publishers = shared.plan.publishers;
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
            timer,
            buffer: vec![0; BUFFER_BYTES],
            request: Vec::new(),
            senders: (0..publishers).map(|_| Sender::default()).collect(),
            idle: BTreeSet::new(),
            failures: 0,
        })
    }

    fn run(mut self) -> io::Result<Published> {
        let mut events = Events::with_capacity(256);
        loop {
            let now_ns = self.shared.now_ns();
            self.time_out(now_ns);
            self.open_closed(now_ns);
            self.send_due();
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
                    Token(index) => self.on_event(index, event),
                }
            }
        }
    }

    /// Wakes the poll when the next message is due: a poll's own time is in
    /// whole milliseconds, which would make every message late.
    fn set_timer(&self) -> io::Result<()> {
        let now_ns = self.shared.now_ns();
        let wait_ns = match self.schedule.next_due_ns() {
            Some(due_ns) if !self.idle.is_empty() => due_ns.saturating_sub(now_ns).max(1),
            _ => return Ok(()),
        };
        let wait = Timespec {
            tv_sec: (wait_ns / 1_000_000_000) as i64,
            tv_nsec: (wait_ns % 1_000_000_000) as i64,
        };
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: wait,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Sends what is due, as long as a connection is free.
    fn send_due(&mut self) {
        if self.shared.stop.load(Relaxed) {
            return;
        }
        while let Some(&index) = self.idle.first() {
            let now_ns = self.shared.now_ns();
            let open = self.open_messages(now_ns);
            let Some(due_ns) = self.schedule.take(now_ns, open) else {
                return;
            };
            self.idle.remove(&index);
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
        let sender = &mut self.senders[index];
        sender.response = Some(Response::new());
        sender.sending = Some(Sending {
            message,
            room,
            place,
            sent_ns: now_ns,
            measured,
        });
        if let Err(error) = sender.write(&self.request) {
            self.cut(index, &error.to_string());
        }
    }

    fn on_event(&mut self, index: usize, event: &Event) {
        if event.is_writable()
            && let Err(error) = self.on_writable(index)
        {
            return self.cut(index, &format!("can't connect: {error}"));
        }
        if let Err(why) = self.read(index, event.is_read_closed()) {
            self.cut(index, &why);
        }
    }

    fn on_writable(&mut self, index: usize) -> io::Result<()> {
        let sender = &mut self.senders[index];
        let Some(socket) = &sender.socket else {
            return Ok(());
        };
        if sender.connected {
            return sender.write(&[]);
        }
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        if socket.peer_addr().is_ok() {
            sender.connected = true;
            self.idle.insert(index);
        }
        Ok(())
    }

    /// Reads what is there, and the end behind it if the server has `ended`: no
    /// event tells of that again.
    fn read(&mut self, index: usize, ended: bool) -> Result<(), String> {
        loop {
            let sender = &mut self.senders[index];
            let Some(socket) = sender.socket.as_mut().filter(|_| sender.connected) else {
                return Ok(());
            };
            match socket.read(&mut self.buffer) {
                Ok(0) if sender.take_end() => {
                    self.on_answer(index);
                    return Ok(());
                }
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(read) => {
                    let whole = sender.take(&self.buffer[..read])?;
                    if whole {
                        self.on_answer(index);
                    }
                    if read < self.buffer.len() && !ended {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn on_answer(&mut self, index: usize) {
        let now_ns = self.shared.now_ns();
        let sender = &mut self.senders[index];
        let Some(sending) = sender.sending.take() else {
            return;
        };
        let status = sender.status;
        self.failures = 0;
        if sender.keep_alive {
            self.idle.insert(index);
        } else {
            sender.close(now_ns);
        }
        if (200..300).contains(&status) {
            self.shared.counters.accepted.fetch_add(1, Relaxed);
            if sending.measured {
                self.done.accepted += 1;
                self.done.last_answer_ns = now_ns;
                self.done.answer.record_ns(now_ns - sending.sent_ns);
            }
            return;
        }
        self.done.refused += 1;
        self.done.sent.not_accepted(sending.room, sending.place);
        self.shared.messages().outstanding.withdraw(sending.message);
        let failure = format!("the server answered {status}");
        self.done.first_failure.get_or_insert(failure);
    }

    /// A connection is no more; whether its message was taken nobody knows.
    fn cut(&mut self, index: usize, why: &str) {
        if self.senders[index].is_idle() {
            // Servers may close a connection that nobody uses.
            self.idle.remove(&index);
            self.senders[index].close(self.shared.now_ns());
            return;
        }
        self.failures += 1;
        if self.schedule.has_no_end() && self.failures > MOST_FAILURES * self.senders.len() {
            self.schedule.end(self.shared.now_ns());
        }
        self.idle.remove(&index);
        let sender = &mut self.senders[index];
        sender.close(self.shared.now_ns() + RETURN_AFTER_NS);
        let sending = sender.sending.take();
        if let Some(sending) = sending {
            self.done.unanswered += 1;
            self.done.sent.not_accepted(sending.room, sending.place);
        }
        self.done.first_failure.get_or_insert(why.to_owned());
    }

    fn time_out(&mut self, now_ns: u64) {
        let timeout_ns = self.shared.plan.timeout.as_nanos() as u64;
        for index in 0..self.senders.len() {
            let sending = self.senders[index].sending;
            if sending.is_some_and(|sending| now_ns - sending.sent_ns.min(now_ns) > timeout_ns) {
                let why = format!("no answer within {:?}", self.shared.plan.timeout);
                self.cut(index, &why);
            }
        }
    }

    fn open_closed(&mut self, now_ns: u64) {
        for index in 0..self.senders.len() {
            let sender = &self.senders[index];
            if sender.socket.is_none()
                && sender.return_at_ns <= now_ns
                && let Err(error) = self.open(index)
            {
                self.cut(index, &format!("can't connect: {error}"));
            }
        }
    }

    fn open(&mut self, index: usize) -> io::Result<()> {
        let plan = &self.shared.plan;
        let mut socket = connect(self.shared.place.address, plan.source(index), false)?;
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket, Token(index), interests)?;
        let sender = &mut self.senders[index];
        sender.socket = Some(socket);
        sender.connected = false;
        Ok(())
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
            || self.senders.iter().any(|sender| sender.sending.is_some());
        let patience_ns = self.shared.plan.drain.as_nanos() as u64;
        !waits || now_ns.saturating_sub(ended_ns) > patience_ns
    }

    fn finish(mut self) -> Published {
        for sender in &self.senders {
            if let Some(sending) = sender.sending {
                self.done.unanswered += 1;
                self.done.sent.not_accepted(sending.room, sending.place);
            }
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
