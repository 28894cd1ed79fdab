//! One worker: a thread that waits for its sockets, the channel and its mailbox,
//! and lets [`Readers`] do the rest.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::mailbox::{Arrival, Mailbox};
use super::readers::{Readers, tick};
use super::transport::Transport;
use crate::http::App;

/// What the poll calls the bell. Readers are numbered from 0.
const BELL: Token = Token(usize::MAX);
/// How much of other work is done between two looks at what was said: a storm
/// of connects or of returning readers holds up nobody who is live.
const ARRIVALS_AT_ONCE: usize = 64;
const STEPS_AT_ONCE: usize = 64;
const ENDS_AT_ONCE: usize = 64;
const EVENTS_AT_ONCE: usize = 1024;

/// Starts a worker's thread.
pub(super) fn start(app: Arc<App>, number: usize) -> io::Result<Arc<Mailbox>> {
    let mut poll = Poll::new()?;
    let mailbox = Arc::new(Mailbox::new(poll.registry(), BELL)?);
    let shared = Arc::clone(&mailbox);
    thread::Builder::new()
        .name(format!("fanout-{number}"))
        .spawn(move || {
            until(
                || shared.is_stopped(),
                || {
                    Worker::new(Arc::clone(&app), &shared, &mut poll).run();
                },
            );
            shared.empty();
        })?;
    Ok(mailbox)
}

/// A bug drops one worker's readers, who come back, and no others.
fn until(is_stopped: impl Fn() -> bool, mut work: impl FnMut()) {
    while !is_stopped() {
        if catch_unwind(AssertUnwindSafe(&mut work)).is_err() {
            tracing::error!("a worker panicked; its readers have to come back");
        }
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
            readers: Readers::new(Arc::clone(&app), Arc::clone(&mailbox.counts), now),
            app,
            mailbox,
            poll,
            next_tick: now,
        }
    }

    fn run(mut self) {
        let waker = Waker::from(Arc::clone(self.mailbox));
        let mut cx = Context::from_waker(&waker);
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut wait = Some(Duration::ZERO);
        while !self.mailbox.is_stopped() {
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a worker can't wait for its sockets");
                // What is in them was worked off in the last turn.
                events.clear();
                thread::sleep(Duration::from_millis(100));
            }
            let woken = Instant::now();
            self.serve(&events);
            self.serve_pipes();
            wait = self.turn(&mut cx);
            self.readers.count_told();
            self.mailbox.counts.was_busy(woken.elapsed());
        }
    }

    /// All that there is to do, or the first of it. How long there is nothing
    /// to do after that but what the poll finds.
    fn turn(&mut self, cx: &mut Context<'_>) -> Option<Duration> {
        let now = Instant::now();
        let mut busy = self.welcome(now);
        busy |= self.readers.deliver(cx, now).is_ready();
        let next_end = self.end(now);
        if now >= self.next_tick {
            self.readers.tick(now);
            self.next_tick = now + tick(&self.app.config);
        }
        self.readers.end_pauses(now);
        // Last, since all that comes before lets readers fall behind.
        busy |= self.readers.catch_up(STEPS_AT_ONCE, now);
        match busy {
            true => Some(Duration::ZERO),
            // Asked only now, since catching up makes pauses.
            false => self.pause(next_end.into_iter().chain(self.readers.first_pause())),
        }
    }

    /// What the poll found.
    fn serve(&mut self, events: &Events) {
        for event in events {
            let Token(token) = event.token();
            if event.token() == BELL {
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

    /// What the pipes rang for.
    fn serve_pipes(&mut self) {
        for token in self.mailbox.rung() {
            self.readers.writable(token);
            self.readers.readable(token);
        }
    }

    /// Takes those who have come. Whether there are more.
    fn welcome(&mut self, now: Instant) -> bool {
        let (arrivals, more) = self.mailbox.collect(ARRIVALS_AT_ONCE);
        for Arrival {
            mut transport,
            handoff,
            permit,
        } in arrivals
        {
            let token = self.readers.next_token();
            match transport.register(self.poll.registry(), token) {
                Ok(()) => self.readers.add(transport, handoff, permit, now),
                Err(error) => tracing::warn!(%error, "a reader can't be waited for"),
            }
        }
        more
    }

    fn end(&mut self, now: Instant) -> Option<Instant> {
        if self.app.draining.has_begun() {
            self.readers.drain(now);
        }
        self.readers.end_due(ENDS_AT_ONCE, now)
    }

    /// The time until the next tick, or until the first of `others`.
    fn pause(&self, others: impl Iterator<Item = Instant>) -> Option<Duration> {
        let tick = (!self.readers.is_empty()).then_some(self.next_tick);
        let next = tick.into_iter().chain(others).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::tests::replaying::paced;
    use super::super::tests::{connected, handoff, handoff_of, say};
    use super::*;
    use crate::chat::{ReplayBucket, ReplayBudget};
    use crate::config::Config;
    use mio::net::TcpStream;

    #[test]
    fn no_worker_sleeps_before_it_has_said_the_byes_that_are_due() {
        let app = Arc::new(App::new(Config::default()).unwrap());
        let mut poll = Poll::new().unwrap();
        let mailbox = Arc::new(Mailbox::new(poll.registry(), BELL).unwrap());
        let mut worker = Worker::new(Arc::clone(&app), &mailbox, &mut poll);
        let (_client, socket) = connected();
        mailbox.post(Arrival {
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
    fn a_worker_sleeps_no_longer_than_the_pause_that_a_reader_has_just_begun() {
        let app = Arc::new(App::new(Config::default()).unwrap());
        let long = "x".repeat(1000);
        (0..200).for_each(|_| say(&app, "a", &long));
        let mut poll = Poll::new().unwrap();
        let mailbox = Arc::new(Mailbox::new(poll.registry(), BELL).unwrap());
        let mut worker = Worker::new(Arc::clone(&app), &mailbox, &mut poll);
        let (_client, socket) = connected();
        let rate = NonZeroUsize::new(1024).unwrap();
        let bucket = Arc::new(ReplayBucket::new(rate, 0, Instant::now()));
        mailbox.post(Arrival {
            transport: Transport::Tcp(TcpStream::from_std(socket)),
            handoff: handoff_of(&app, paced(&app, &ReplayBudget::new([bucket]))),
            permit: mailbox.permit(None),
        });
        let hour = Duration::from_secs(3600);
        worker.next_tick = Instant::now() + hour;
        let mut cx = Context::from_waker(Waker::noop());
        let sleep = loop {
            match worker.turn(&mut cx) {
                Some(Duration::ZERO) => {}
                sleep => break sleep,
            }
        };
        assert_eq!(app.hub.totals().replays_waiting, 1);
        assert!(sleep.is_some_and(|sleep| sleep < hour / 2), "{sleep:?}");
    }
}
