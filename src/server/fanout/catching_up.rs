//! A reader that is behind: served from history at the pace of its socket, and
//! of its budget for replay. The state, and its two transitions, are explained in the
//! parent module.

use std::io;
use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};

use super::live::Live;
use super::socket::{Socket, Written, broken_off};
use super::write_budget::Delivered;
use crate::chat::{Delivery, LiveFrom, Membership, Progress, Subscription};
use crate::http::MAX_WRITE_BYTES;
use crate::sse;

/// A reader that does not have everything yet.
#[derive(Debug)]
pub(super) struct CatchingUp<S> {
    pub(super) socket: S,
    /// Its cursor is the last event of which the socket took at least a part.
    pub(super) subscription: Subscription,
    /// What the socket has to take before all else.
    first: First,
    /// It is to end once it has everything.
    is_ending: bool,
    /// It may write, and waits for its turn.
    pub(super) queued: bool,
    /// The budget of its replay is spent: it waits until then.
    pub(super) paused: Option<Instant>,
    /// When the socket took something last; at first, since when it is behind.
    pub(super) progress: Instant,
    /// When the reader was given something last.
    pub(super) quiet_since: Instant,
}

/// What a socket has to take before all else.
#[derive(Debug)]
enum First {
    Nothing,
    /// What a stream begins with. It leaves together with what follows.
    Opening(Bytes),
    /// What is left of an event.
    Rest(Bytes),
    /// What a stream ends with.
    Bye(Bytes),
}

/// What became of a reader's turn to write.
#[derive(Debug)]
pub(super) enum Step {
    /// There is more to write.
    Again,
    /// The socket is full.
    Wait,
    /// The budget of its replay is spent until then.
    Pause(Instant),
    /// It has everything, and is live from here.
    Live(LiveFrom),
    /// The stream ended, as it should.
    Ended,
    /// There is nobody any more.
    Gone(io::Error),
}

/// What a socket took of what was ready.
#[derive(Debug)]
enum Sent {
    All,
    Part,
    /// It is full.
    Nothing,
    /// There is nobody any more.
    Gone(io::Error),
}

impl<S: Socket> CatchingUp<S> {
    /// A stream that begins.
    pub(super) fn new(socket: S, first: Bytes, subscription: Subscription, now: Instant) -> Self {
        Self {
            socket,
            subscription,
            first: match first.is_empty() {
                true => First::Nothing,
                false => First::Opening(first),
            },
            is_ending: false,
            queued: false,
            paused: None,
            progress: now,
            quiet_since: now,
        }
    }

    /// A reader that was parked, and has yet to take the `rest` of one event. It
    /// was given something last at `quiet_since`.
    pub(super) fn after(
        reader: Live<S>,
        membership: Membership,
        presence: bool,
        rest: Bytes,
        quiet_since: Instant,
        now: Instant,
    ) -> Self {
        Self {
            socket: reader.socket,
            subscription: Subscription::resume(membership, presence, reader.cursor),
            first: First::after(rest),
            is_ending: false,
            queued: false,
            paused: None,
            progress: now,
            quiet_since,
        }
    }

    /// From now on it ends once it has everything, for which it waits no more.
    pub(super) fn end(&mut self) {
        self.is_ending = true;
        self.subscription.end_pacing();
    }

    /// Its pause is over. It took nothing meanwhile because it was given nothing.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.paused = None;
        self.progress = now;
    }

    /// A ping while it is paused, unless its socket has something to take first.
    pub(super) fn ping(&mut self, now: Instant, told: &mut Delivered) -> Step {
        if !matches!(self.first, First::Nothing) {
            return Step::Wait;
        }
        let ping = self.socket.framing().frame(&sse::Encoded::ping());
        self.first = First::Rest(ping);
        self.send_first(now, told)
    }

    /// One write; `bye` makes the event that a stream ends with.
    pub(super) fn step(
        &mut self,
        now: Instant,
        told: &mut Delivered,
        bye: impl FnOnce() -> sse::Encoded,
    ) -> Step {
        if let First::Rest(_) | First::Bye(_) = self.first {
            return self.send_first(now, told);
        }
        let progress = self.subscription.catch_up(now);
        match (self.send_ready(now, told), progress) {
            (Sent::All, Progress::More) | (Sent::Part, _) => Step::Again,
            (Sent::All, Progress::Paused(until)) => Step::Pause(until),
            (Sent::All, Progress::Live(_)) if self.is_ending => {
                self.first = First::Bye(self.socket.framing().frame_last(&bye()));
                Step::Again
            }
            (Sent::All, Progress::Live(live)) => Step::Live(live),
            (Sent::Nothing, _) => Step::Wait,
            (Sent::Gone(error), _) => Step::Gone(error),
        }
    }

    fn send_first(&mut self, now: Instant, told: &mut Delivered) -> Step {
        let (First::Rest(rest) | First::Bye(rest)) = &mut self.first else {
            return Step::Again;
        };
        match self.socket.send_one(rest) {
            Written::All => {
                told.add(0, rest.len());
                self.took(now);
                match std::mem::replace(&mut self.first, First::Nothing) {
                    First::Bye(_) => Step::Ended,
                    _ => Step::Again,
                }
            }
            Written::Part(0) => Step::Wait,
            Written::Part(written) => {
                told.add(0, written);
                rest.advance(written);
                self.took(now);
                Step::Again
            }
            Written::Gone(error) => Step::Gone(error),
        }
    }

    /// Sends what opens the stream, if it is not open yet, and what the
    /// subscription has ready: in one write, as much as goes into one.
    fn send_ready(&mut self, now: Instant, told: &mut Delivered) -> Sent {
        let opening = match std::mem::replace(&mut self.first, First::Nothing) {
            First::Opening(opening) => Some(opening),
            _ => None,
        };
        let before = usize::from(opening.is_some());
        let framing = self.socket.framing();
        let event = |delivery: &Delivery| framing.frame(&delivery.event());
        let events: Vec<Bytes> = opening
            .into_iter()
            .chain(self.subscription.ready().map(event))
            .collect();
        if events.is_empty() {
            return Sent::All;
        }
        let fitting = &events[..fitting(&events)];
        let bytes = fitting.iter().map(Bytes::len).sum();
        let written = match self.socket.send(fitting.iter(), || join(fitting)) {
            Written::All if fitting.len() == events.len() => {
                self.took(now);
                told.add(self.hand_out(usize::MAX), bytes);
                return Sent::All;
            }
            Written::All => bytes,
            Written::Part(written) => written,
            Written::Gone(error) => return Sent::Gone(error),
        };
        let (whole, rest) = broken_off(&events, written);
        let taken = whole + usize::from(rest.is_some());
        told.add(self.hand_out(taken.saturating_sub(before)), written);
        self.subscription.rewind();
        self.first = match events.into_iter().next() {
            Some(opening) if taken < before => First::Opening(opening),
            _ => First::after(rest.unwrap_or_default()),
        };
        if written == 0 {
            return Sent::Nothing;
        }
        self.took(now);
        Sent::Part
    }

    /// Tells the reader at most so much of what is ready. How many messages that was.
    fn hand_out(&mut self, most: usize) -> usize {
        let handed = std::iter::from_fn(|| self.subscription.hand_out());
        handed
            .take(most)
            .filter(|delivery| matches!(delivery, Delivery::Update(_)))
            .count()
    }

    fn took(&mut self, now: Instant) {
        self.progress = now;
        self.quiet_since = now;
    }
}

impl First {
    /// The rest of an event; empty if it took the event whole.
    fn after(rest: Bytes) -> Self {
        match rest.is_empty() {
            true => Self::Nothing,
            false => Self::Rest(rest),
        }
    }
}

/// How many of the events go into one write: at least one.
fn fitting(events: &[Bytes]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Bytes| {
        bytes += event.len();
        bytes <= MAX_WRITE_BYTES
    };
    events.iter().take_while(fits).count().max(1)
}

fn join(events: &[Bytes]) -> Bytes {
    if let [event] = events {
        return event.clone();
    }
    let mut joined = BytesMut::with_capacity(events.iter().map(Bytes::len).sum());
    events
        .iter()
        .for_each(|event| joined.extend_from_slice(event));
    joined.freeze()
}
