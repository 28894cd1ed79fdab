//! One worker: a thread that waits for its sockets, the channel and its mailbox,
//! and calls [`Readers`] for each of them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll, Token};

use super::clock::tick_interval;
use super::counters::{FanoutCounters, WorkerCounters};
use super::mailbox::{Mailbox, NewReader, Transport};
use super::readers::Readers;
use crate::http::App;

/// The token of the worker's waker. Readers are numbered from 0.
const WAKER: Token = Token(usize::MAX);
/// Bounds of the other work between two deliveries: a storm of connects or of
/// returning readers must not delay live readers.
const MAX_NEW_READERS: usize = 64;
const MAX_STEPS: usize = 64;
const MAX_ENDS: usize = 64;
const MAX_POLL_EVENTS: usize = 1024;

/// Starts a worker's thread.
pub(super) fn start(
    app: Arc<App>,
    counters: &FanoutCounters,
    number: usize,
) -> io::Result<Arc<Mailbox>> {
    let mut poll = Poll::new()?;
    let counters = WorkerCounters::new(counters, number);
    let mailbox = Arc::new(Mailbox::new(poll.registry(), WAKER, counters)?);
    let shared = Arc::clone(&mailbox);
    thread::Builder::new()
        .name(format!("fanout-{number}"))
        .spawn(move || {
            while !shared.is_stopped() {
                run_until_panic(|| Worker::new(Arc::clone(&app), &shared, &mut poll).run());
                // Those of a turn that panicked.
                shared.waker.wake_bodies();
            }
            shared.clear();
        })?;
    Ok(mailbox)
}

/// A panic drops this worker's readers, which reconnect, and no others.
fn run_until_panic(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("a fan-out worker panicked; its streams are cut");
    }
}

struct Worker<'a> {
    app: Arc<App>,
    mailbox: &'a Arc<Mailbox>,
    poll: &'a mut Poll,
    readers: Readers<Transport>,
    next_tick: Instant,
}

impl<'a> Worker<'a> {
    fn new(app: Arc<App>, mailbox: &'a Arc<Mailbox>, poll: &'a mut Poll) -> Self {
        let now = Instant::now();
        Self {
            readers: Readers::new(Arc::clone(&app), Arc::clone(&mailbox.counters), now),
            app,
            mailbox,
            poll,
            next_tick: now,
        }
    }

    fn run(mut self) {
        let waker = Waker::from(Arc::clone(&self.mailbox.waker));
        let mut cx = Context::from_waker(&waker);
        let mut events = Events::with_capacity(MAX_POLL_EVENTS);
        let mut wait = Some(Duration::ZERO);
        while !self.mailbox.is_stopped() {
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a fan-out worker can't poll its sockets");
                // They are those of the last turn.
                events.clear();
                thread::sleep(Duration::from_millis(100));
            }
            let woken = Instant::now();
            self.handle_sockets(&events);
            self.handle_pipes();
            wait = self.turn(&mut cx);
            self.mailbox.waker.wake_bodies();
            self.readers.flush_counters();
            self.mailbox.counters.add_busy(woken.elapsed());
        }
    }

    /// Does a bounded part of the work. Returns how long the poll may wait;
    /// `None` for any time.
    fn turn(&mut self, cx: &mut Context<'_>) -> Option<Duration> {
        let now = Instant::now();
        let mut busy = self.add_new_readers(now);
        busy |= self.readers.deliver(cx, now).is_ready();
        let next_end = self.end_streams(now);
        if now >= self.next_tick {
            self.readers.tick(now);
            self.next_tick = now + tick_interval(&self.app.config);
        }
        self.readers.end_pauses(now);
        let next_expiration = self.readers.expire(now, SystemTime::now());
        // Last, since everything above may queue readers.
        busy |= self.readers.catch_up(MAX_STEPS, now);
        match busy {
            true => Some(Duration::ZERO),
            // After catching up, which makes pauses.
            false => {
                let first_pause = self.readers.table.first_pause();
                let others = [next_end, first_pause, next_expiration];
                self.time_until(others.into_iter().flatten())
            }
        }
    }

    /// Handles what the poll found.
    fn handle_sockets(&mut self, events: &Events) {
        for event in events {
            let Token(token) = event.token();
            if event.token() == WAKER {
                continue;
            }
            if event.is_writable() {
                self.readers.writable(token);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.readers.readable(token);
            }
        }
    }

    /// Handles the pipes that became ready.
    fn handle_pipes(&mut self) {
        for token in self.mailbox.waker.take_ready() {
            self.readers.writable(token);
            self.readers.readable(token);
        }
    }

    /// Adds new readers from the mailbox. Returns whether there are more.
    fn add_new_readers(&mut self, now: Instant) -> bool {
        let (readers, more) = self.mailbox.collect(MAX_NEW_READERS);
        for reader in readers {
            self.add(reader, now);
        }
        more
    }

    fn add(&mut self, reader: NewReader, now: Instant) {
        let NewReader {
            mut transport,
            handoff,
            permit,
        } = reader;
        let token = self.readers.next_token();
        match transport.register(self.poll.registry(), token) {
            Ok(()) => self.readers.add(transport, handoff, permit, now),
            Err(error) => tracing::warn!(%error, "a socket can't be registered; it is closed"),
        }
    }

    /// While the server drains, ends the streams that are due. Returns when the
    /// next one is.
    fn end_streams(&mut self, now: Instant) -> Option<Instant> {
        if self.app.draining.has_begun() {
            self.readers.drain(now);
        }
        self.readers.end_due(MAX_ENDS, now)
    }

    /// The time until the next tick, or until the first of `others`.
    fn time_until(&self, others: impl Iterator<Item = Instant>) -> Option<Duration> {
        let tick = (!self.readers.is_empty()).then_some(self.next_tick);
        let next = tick.into_iter().chain(others).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::tests::replaying::paced;
    use super::super::tests::{connected, handoff, handoff_of, publish};
    use super::*;
    use crate::chat::{ReplayBucket, ReplayBudget};
    use crate::config::Config;
    use mio::net::TcpStream;

    #[test]
    fn a_worker_does_not_wait_before_it_has_ended_the_streams_that_are_due() {
        let app = Arc::new(App::new(Config::default()).unwrap());
        let mut poll = Poll::new().unwrap();
        let counters = WorkerCounters::new(&FanoutCounters::default(), 0);
        let mailbox = Arc::new(Mailbox::new(poll.registry(), WAKER, counters).unwrap());
        let mut worker = Worker::new(Arc::clone(&app), &mailbox, &mut poll);
        let (_client, socket) = connected();
        mailbox.post(NewReader {
            transport: Transport::Tcp(TcpStream::from_std(socket)),
            handoff: handoff(&app),
            permit: mailbox.permit(None),
        });
        let mut cx = Context::from_waker(Waker::noop());
        while worker.turn(&mut cx) == Some(Duration::ZERO) {}
        assert_eq!(app.hub.readers(), 1);
        app.draining.begin(Duration::ZERO);
        while worker.turn(&mut cx) == Some(Duration::ZERO) {}
        assert_eq!(app.hub.readers(), 0);
    }

    #[test]
    fn a_worker_waits_no_longer_than_the_pause_that_a_reader_has_just_begun() {
        let app = Arc::new(App::new(Config::default()).unwrap());
        let long = "x".repeat(1000);
        (0..200).for_each(|_| publish(&app, "a", &long));
        let mut poll = Poll::new().unwrap();
        let counters = WorkerCounters::new(&FanoutCounters::default(), 0);
        let mailbox = Arc::new(Mailbox::new(poll.registry(), WAKER, counters).unwrap());
        let mut worker = Worker::new(Arc::clone(&app), &mailbox, &mut poll);
        let (_client, socket) = connected();
        let rate = NonZeroUsize::new(1024).unwrap();
        let bucket = Arc::new(ReplayBucket::new(rate, 0, Instant::now()));
        mailbox.post(NewReader {
            transport: Transport::Tcp(TcpStream::from_std(socket)),
            handoff: handoff_of(&app, paced(&app, &ReplayBudget::new([bucket]))),
            permit: mailbox.permit(None),
        });
        let hour = Duration::from_secs(3600);
        worker.next_tick = Instant::now() + hour;
        let mut cx = Context::from_waker(Waker::noop());
        let wait = loop {
            match worker.turn(&mut cx) {
                Some(Duration::ZERO) => {}
                wait => break wait,
            }
        };
        assert_eq!(app.hub.totals().replays_waiting, 1);
        assert!(wait.is_some_and(|wait| wait < hour / 2), "{wait:?}");
    }
}
