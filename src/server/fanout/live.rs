//! A reader that has everything, and what is written to it. The state, and its
//! two transitions, are explained in the parent module.

use std::io;

use bytes::Bytes;

use super::socket::{Socket, Written, broken_off};
use super::stamp::Stamp;
use super::write_budget::Delivered;

/// A reader that has everything.
#[derive(Debug)]
pub(super) struct Live<S> {
    pub(super) socket: S,
    /// What the worker calls it.
    pub(super) token: usize,
    /// A seq: of its rooms' messages it needs none up to here, and has none
    /// after. A message of which the socket took a part counts.
    pub(super) cursor: u64,
    /// The position in the channel of the first event that is for it: what
    /// stands before is in what history gave, or was never for it.
    pub(super) since: u64,
    /// When the reader was given something last.
    pub(super) quiet_since: Stamp,
}

/// One event of a turn.
#[derive(Debug)]
pub(super) struct Event {
    /// Its position in the channel.
    pub(super) position: u64,
    /// As they are written, framed.
    pub(super) bytes: Bytes,
    /// Of a message.
    pub(super) seq: Option<u64>,
}

/// Events that leave in one write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined<'a> {
    events: &'a [Event],
    bytes: &'a [u8],
    /// How many of the events are messages.
    messages: usize,
}

/// How a write to a parked reader went.
#[derive(Debug)]
pub(super) enum Wrote {
    /// There was nothing for it.
    Nothing,
    All,
    /// The rest of the event in which it broke off; empty between two events.
    Part(Bytes),
    Gone(io::Error),
}

impl<S: Socket> Live<S> {
    /// Writes what of `joined` is for this reader.
    pub(super) fn write(&mut self, joined: Joined<'_>, now: Stamp, told: &mut Delivered) -> Wrote {
        let Joined {
            events,
            bytes,
            messages,
        } = joined.since(self.since);
        if events.is_empty() {
            return Wrote::Nothing;
        }
        let framed = events.iter().map(|event| &event.bytes);
        let written = match self.socket.send(framed, || bytes) {
            Written::All => {
                self.quiet_since = now;
                self.advance(events);
                told.add(messages, bytes.len());
                return Wrote::All;
            }
            Written::Part(0) => return Wrote::Part(Bytes::new()),
            Written::Part(written) => written,
            Written::Gone(error) => return Wrote::Gone(error),
        };
        self.quiet_since = now;
        let (whole, rest) = broken_off(events.iter().map(|event| &event.bytes), written);
        // The event in which it broke off counts: its rest goes first.
        let taken = &events[..whole + usize::from(rest.is_some())];
        self.advance(taken);
        told.add(count_messages(taken), written);
        Wrote::Part(rest.unwrap_or_default())
    }

    fn advance(&mut self, events: &[Event]) {
        if let Some(seq) = events.iter().rev().find_map(|event| event.seq) {
            debug_assert!(seq > self.cursor, "ids strictly increase");
            self.cursor = seq;
        }
    }
}

impl<'a> Joined<'a> {
    /// Of one event, which is not copied.
    pub(super) fn of_one(event: &'a Event) -> Self {
        Self {
            events: std::slice::from_ref(event),
            bytes: &event.bytes,
            messages: usize::from(event.seq.is_some()),
        }
    }

    /// Of all `events`, joined in `buffer`.
    pub(super) fn of(events: &'a [Event], buffer: &'a mut Vec<u8>) -> Self {
        if let [event] = events {
            return Self::of_one(event);
        }
        buffer.clear();
        events
            .iter()
            .for_each(|event| buffer.extend_from_slice(&event.bytes));
        Self {
            events,
            bytes: buffer,
            messages: count_messages(events),
        }
    }

    /// Those from a position on.
    fn since(self, position: u64) -> Self {
        let skip = self
            .events
            .partition_point(|event| event.position < position);
        let (before, events) = self.events.split_at(skip);
        let skipped: usize = before.iter().map(|event| event.bytes.len()).sum();
        Self {
            events,
            bytes: &self.bytes[skipped..],
            messages: self.messages - count_messages(before),
        }
    }
}

fn count_messages(events: &[Event]) -> usize {
    events.iter().filter(|event| event.seq.is_some()).count()
}
