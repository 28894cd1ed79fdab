//! A reader that has everything, and what is written to it. The state, and its
//! two seams, are explained in the parent module.

use std::io;
use std::time::Instant;

use bytes::Bytes;

use super::socket::{Socket, Written, broken_off, write};

/// A reader that has everything.
#[derive(Debug)]
pub(super) struct Parked<S> {
    pub(super) socket: S,
    /// What the worker calls it.
    pub(super) token: usize,
    /// A seq: of its rooms' messages it needs none up to here, and has none
    /// after. A message of which the socket took a part counts.
    pub(super) cursor: u64,
    /// The position in the outlet of the first event that is for it: what
    /// stands before is in what history gave, or was never for it.
    pub(super) since: u64,
    /// When the reader was given something last.
    pub(super) quiet_since: Instant,
}

/// One event of a turn.
#[derive(Debug)]
pub(super) struct Event {
    /// Its position in the outlet.
    pub(super) position: u64,
    pub(super) chunk: Bytes,
    /// Of a message.
    pub(super) seq: Option<u64>,
}

/// Events that leave in one write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined<'a> {
    events: &'a [Event],
    bytes: &'a [u8],
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

impl<S: Socket> Parked<S> {
    /// Writes what of `joined` is for this reader.
    pub(super) fn write(&mut self, joined: Joined<'_>, now: Instant) -> Wrote {
        let Joined { events, bytes } = joined.since(self.since);
        if events.is_empty() {
            return Wrote::Nothing;
        }
        let (whole, rest) = match write(&mut self.socket, bytes) {
            Written::All => {
                self.quiet_since = now;
                self.advance(events);
                return Wrote::All;
            }
            Written::Part(0) => return Wrote::Part(Bytes::new()),
            Written::Part(written) => broken_off(events.iter().map(|event| &event.chunk), written),
            Written::Gone(error) => return Wrote::Gone(error),
        };
        self.quiet_since = now;
        // The event in which it broke off counts: its rest goes first.
        self.advance(&events[..whole + usize::from(rest.is_some())]);
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
            bytes: &event.chunk,
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
            .for_each(|event| buffer.extend_from_slice(&event.chunk));
        let bytes = buffer;
        Self { events, bytes }
    }

    /// Those from a position on.
    fn since(self, position: u64) -> Self {
        let skip = self
            .events
            .partition_point(|event| event.position < position);
        let (before, events) = self.events.split_at(skip);
        let skipped: usize = before.iter().map(|event| event.chunk.len()).sum();
        let bytes = &self.bytes[skipped..];
        Self { events, bytes }
    }
}
