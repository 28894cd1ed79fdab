//! A reader that is catching up: it is served from history, as fast as its socket
//! and its replay budget allow. The transitions to this state and from it are in
//! `transitions`.

use std::io;
use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};

use super::counters::Delivered;
use super::live::LiveReader;
use super::socket::{Socket, Written, split_partial};
use crate::chat::{Delivery, LiveFrom, Membership, Progress, StreamFormat, Subscription};
use crate::http::MAX_WRITE_BYTES;
use crate::protocol::encode_ping;
use crate::sse;

/// A reader that does not have everything yet.
#[derive(Debug)]
pub(super) struct CatchingUp<S> {
    pub(super) socket: S,
    /// Its cursor is the last event of which the socket took at least a part.
    pub(super) subscription: Subscription,
    pending: PendingWrite,
    /// The stream ends once the reader has everything.
    is_ending: bool,
    /// It is in the worker's write queue.
    pub(super) is_queued: bool,
    /// Until when nothing is ready for it.
    pub(super) paused_until: Option<Instant>,
    /// When the socket last took something, or the wait for it began.
    pub(super) last_progress: Instant,
    /// When the socket last took something; at first, the start of the stream.
    pub(super) last_write: Instant,
}

/// What the socket has to take before anything else.
#[derive(Debug)]
enum PendingWrite {
    None,
    /// The start of a stream. It leaves together with what follows.
    Head(Bytes),
    /// The rest of an event.
    Rest(Bytes),
    /// The end of a stream.
    Bye(Bytes),
}

/// The outcome of a reader's turn to write.
#[derive(Debug)]
pub(super) enum CatchUpStep {
    /// There is more to write.
    More,
    /// The socket is full.
    Blocked,
    /// Nothing is ready until then.
    Paused(Instant),
    /// The reader has everything, and is live from here.
    Live(LiveFrom),
    /// The stream ended in order.
    Finished,
    /// The connection is gone.
    Failed(io::Error),
}

/// How much of what was ready the socket took.
#[derive(Debug)]
enum ReadyWrite {
    All,
    Partial,
    Blocked,
    Failed(io::Error),
}

impl<S: Socket> CatchingUp<S> {
    /// A new stream, of which `head` is not written yet.
    pub(super) fn new(socket: S, head: Bytes, subscription: Subscription, now: Instant) -> Self {
        Self {
            socket,
            subscription,
            pending: match head.is_empty() {
                true => PendingWrite::None,
                false => PendingWrite::Head(head),
            },
            is_ending: false,
            is_queued: false,
            paused_until: None,
            last_progress: now,
            last_write: now,
        }
    }

    /// A reader that was live, and has yet to take the `rest` of one event.
    pub(super) fn from_live(
        reader: LiveReader<S>,
        membership: Membership,
        format: StreamFormat,
        rest: Bytes,
        last_write: Instant,
        now: Instant,
    ) -> Self {
        let (cursor, since, knows_stale) = (reader.cursor, reader.since, reader.knows_stale());
        Self {
            socket: reader.socket,
            subscription: Subscription::resume(membership, format, cursor, since, knows_stale),
            pending: PendingWrite::rest(rest),
            is_ending: false,
            is_queued: false,
            paused_until: None,
            last_progress: now,
            last_write,
        }
    }

    /// Ends the stream once the reader has everything; its replay budget no longer
    /// delays that.
    pub(super) fn end(&mut self) {
        self.is_ending = true;
        self.subscription.unlimit_replay();
    }

    /// Ends its pause. The pause does not count as a stall: nothing was written.
    pub(super) fn end_pause(&mut self, now: Instant) {
        self.paused_until = None;
        self.last_progress = now;
    }

    /// Writes a ping while the reader is paused, unless another write is pending.
    pub(super) fn ping(&mut self, now: Instant, delivered: &mut Delivered) -> CatchUpStep {
        if !matches!(self.pending, PendingWrite::None) {
            return CatchUpStep::Blocked;
        }
        let ping = self.socket.framing().frame(&encode_ping());
        self.pending = PendingWrite::Rest(ping);
        self.send_pending(now, delivered)
    }

    /// One write; `bye` makes the event that ends a stream.
    pub(super) fn step(
        &mut self,
        now: Instant,
        delivered: &mut Delivered,
        bye: impl FnOnce() -> sse::Encoded,
    ) -> CatchUpStep {
        match self.socket.flush() {
            Written::All => {}
            Written::Partial(0) => return CatchUpStep::Blocked,
            Written::Partial(_) => {
                self.made_progress(now);
                return CatchUpStep::Blocked;
            }
            Written::Failed(error) => return CatchUpStep::Failed(error),
        }
        if let PendingWrite::Rest(_) | PendingWrite::Bye(_) = self.pending {
            return self.send_pending(now, delivered);
        }
        let progress = self.subscription.catch_up(now);
        match (self.send_ready(now, delivered), progress) {
            (ReadyWrite::All, Progress::More) | (ReadyWrite::Partial, _) => CatchUpStep::More,
            (ReadyWrite::All, Progress::Live(_)) if self.is_ending => self.end_with(&bye()),
            // It gets no more from here.
            (ReadyWrite::All, Progress::Paused(_))
                if self.is_ending && self.subscription.has_failed() =>
            {
                self.end_with(&bye())
            }
            (ReadyWrite::All, Progress::Paused(until)) => CatchUpStep::Paused(until),
            (ReadyWrite::All, Progress::Live(live)) => CatchUpStep::Live(live),
            (ReadyWrite::All, Progress::Closed(close)) => self.end_with(&close.encode()),
            (ReadyWrite::Blocked, _) => CatchUpStep::Blocked,
            (ReadyWrite::Failed(error), _) => CatchUpStep::Failed(error),
        }
    }

    /// Writes the last event next.
    fn end_with(&mut self, event: &sse::Encoded) -> CatchUpStep {
        self.pending = PendingWrite::Bye(self.socket.framing().frame_last(event));
        CatchUpStep::More
    }

    fn send_pending(&mut self, now: Instant, delivered: &mut Delivered) -> CatchUpStep {
        let (PendingWrite::Rest(rest) | PendingWrite::Bye(rest)) = &mut self.pending else {
            return CatchUpStep::More;
        };
        match self.socket.send_one(rest) {
            Written::All => {
                delivered.add(0, rest.len());
                self.made_progress(now);
                match std::mem::replace(&mut self.pending, PendingWrite::None) {
                    PendingWrite::Bye(_) => CatchUpStep::Finished,
                    _ => CatchUpStep::More,
                }
            }
            Written::Partial(0) => CatchUpStep::Blocked,
            Written::Partial(written) => {
                delivered.add(0, written);
                rest.advance(written);
                self.made_progress(now);
                CatchUpStep::More
            }
            Written::Failed(error) => CatchUpStep::Failed(error),
        }
    }

    /// Writes the head of the stream, if it is pending, and what the subscription
    /// has ready, as far as it fits into one write.
    fn send_ready(&mut self, now: Instant, delivered: &mut Delivered) -> ReadyWrite {
        let head = match std::mem::replace(&mut self.pending, PendingWrite::None) {
            PendingWrite::Head(head) => Some(head),
            _ => None,
        };
        let heads = usize::from(head.is_some());
        let framing = self.socket.framing();
        let form = self.subscription.format().form;
        let event = |delivery: &Delivery| framing.frame(&delivery.event(form));
        let events: Vec<Bytes> = head
            .into_iter()
            .chain(self.subscription.ready().map(event))
            .collect();
        if events.is_empty() {
            return ReadyWrite::All;
        }
        let fitting = &events[..fitting(&events)];
        let bytes = fitting.iter().map(Bytes::len).sum();
        let written = match self.socket.send(fitting.iter(), || join(fitting)) {
            Written::All if fitting.len() == events.len() => {
                self.made_progress(now);
                delivered.add(self.advance(usize::MAX), bytes);
                return ReadyWrite::All;
            }
            Written::All => bytes,
            Written::Partial(written) => written,
            Written::Failed(error) => return ReadyWrite::Failed(error),
        };
        let (whole, rest) = split_partial(&events, written);
        let taken = whole + usize::from(rest.is_some());
        delivered.add(self.advance(taken.saturating_sub(heads)), written);
        self.subscription.rewind();
        self.pending = match events.into_iter().next() {
            Some(head) if taken < heads => PendingWrite::Head(head),
            _ => PendingWrite::rest(rest.unwrap_or_default()),
        };
        if written == 0 {
            return ReadyWrite::Blocked;
        }
        self.made_progress(now);
        ReadyWrite::Partial
    }

    /// Moves the cursor over at most `most` of the ready deliveries. Returns how
    /// many of them are messages.
    fn advance(&mut self, most: usize) -> usize {
        let taken = std::iter::from_fn(|| self.subscription.pop_ready());
        taken
            .take(most)
            .filter(|delivery| matches!(delivery, Delivery::Entry(_)))
            .count()
    }

    fn made_progress(&mut self, now: Instant) {
        self.last_progress = now;
        self.last_write = now;
    }
}

impl PendingWrite {
    /// The rest of an event; empty if the event was written whole.
    fn rest(rest: Bytes) -> Self {
        match rest.is_empty() {
            true => Self::None,
            false => Self::Rest(rest),
        }
    }
}

/// How many of the events fit into one write: at least one.
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
