//! Live readers: those that have everything, in groups that are written the same
//! bytes. The transitions to this state and from it are in `transitions`.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::counters::{Delivered, WriteBudget};
use super::events::{CoalescedEvents, EventContent, QueuedEvent, count_messages};
use super::socket::{Framing, Socket, Written, split_partial};
use crate::chat::{Delivery, LiveFrom, RoomKey, Staleness, StreamFormat};
use crate::http::MAX_WRITE_BYTES;
use crate::protocol::{RoomName, encode_ping};

/// A reader that has everything.
#[derive(Debug)]
pub(super) struct LiveReader<S> {
    pub(super) socket: S,
    token: u32,
    /// Whether it was sent `stale`, and not `fresh` since. An event of which the socket took
    /// a part counts.
    knows_stale: bool,
    /// The seq up to which the reader has all messages of its rooms, and beyond
    /// which it has none. A message of which the socket took a part counts.
    pub(super) cursor: u64,
    /// The channel position of the first event for this reader. Earlier events
    /// were in what history gave, or were never for it. Its cursor is of the generation
    /// that was present there.
    pub(super) since: u64,
    /// When the socket last took something.
    pub(super) last_write: Stamp,
}

/// The outcome of a write to a live reader.
#[derive(Debug)]
pub(super) enum LiveWrite {
    /// None of the events was for this reader.
    Skipped,
    All,
    /// The socket is full. The rest of the event in which the write broke off;
    /// empty between two events.
    Partial(Bytes),
    Failed(io::Error),
}

impl<S: Socket> LiveReader<S> {
    /// A reader that is live `from` a position. The socket last took something at
    /// `last_write`.
    pub(super) fn new(
        socket: S,
        token: usize,
        knows_stale: bool,
        from: &LiveFrom,
        last_write: Stamp,
    ) -> Self {
        Self {
            socket,
            token: small(token),
            knows_stale,
            cursor: from.cursor,
            since: from.position,
            last_write,
        }
    }

    /// Its key in the table of readers.
    pub(super) fn token(&self) -> usize {
        self.token as usize
    }

    pub(super) fn knows_stale(&self) -> bool {
        self.knows_stale
    }

    /// Writes the events that are for this reader.
    pub(super) fn write(
        &mut self,
        coalesced: CoalescedEvents<'_>,
        now: Stamp,
        delivered: &mut Delivered,
    ) -> LiveWrite {
        let CoalescedEvents {
            events,
            bytes,
            messages,
        } = coalesced.since(self.since);
        if events.is_empty() {
            return LiveWrite::Skipped;
        }
        let framed = events.iter().map(|event| &event.bytes);
        let written = match self.socket.send(framed, || bytes) {
            Written::All => {
                self.last_write = now;
                self.advance(events);
                delivered.add(messages, bytes.len());
                return LiveWrite::All;
            }
            Written::Partial(0) => return LiveWrite::Partial(Bytes::new()),
            Written::Partial(written) => written,
            Written::Failed(error) => return LiveWrite::Failed(error),
        };
        self.last_write = now;
        let (whole, rest) = split_partial(events.iter().map(|event| &event.bytes), written);
        // The event in which it broke off counts: its rest is written first.
        let taken = &events[..whole + usize::from(rest.is_some())];
        self.advance(taken);
        delivered.add(count_messages(taken), written);
        LiveWrite::Partial(rest.unwrap_or_default())
    }

    /// Writes `stale` or `fresh`, if it is for this reader.
    fn write_staleness(
        &mut self,
        event: &QueuedEvent,
        is_stale: bool,
        now: Stamp,
        delivered: &mut Delivered,
    ) -> LiveWrite {
        let before = delivered.bytes;
        let write = self.write(CoalescedEvents::single(event), now, delivered);
        if delivered.bytes > before {
            self.knows_stale = is_stale;
        }
        write
    }

    fn advance(&mut self, events: &[QueuedEvent]) {
        if let Some(seq) = events.iter().rev().find_map(|event| event.seq) {
            debug_assert!(seq > self.cursor, "ids strictly increase");
            self.cursor = seq;
        }
    }
}

/// What the readers of a group have in common: the rooms, in the order of their
/// names, what they get beside messages, and the framing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Audience {
    pub(super) rooms: Arc<[RoomName]>,
    pub(super) format: StreamFormat,
    pub(super) framing: Framing,
}

impl Audience {
    /// An event as its readers are written it.
    pub(super) fn frame(&self, content: &EventContent) -> Bytes {
        self.framing.frame(content.event(self.format.form))
    }
}

/// A reader that left its group because of a write.
#[derive(Debug)]
pub(super) enum GroupExit<S> {
    /// The socket is full: the reader goes on from its cursor, after the rest of
    /// an event.
    Lagging { reader: LiveReader<S>, rest: Bytes },
    /// The connection is gone.
    Failed {
        reader: LiveReader<S>,
        error: io::Error,
    },
}

/// Live readers that are written the same bytes.
#[derive(Debug)]
pub(super) struct Group<S> {
    pub(super) audience: Audience,
    /// The keys of its rooms, in their order.
    pub(super) keys: Vec<RoomKey>,
    pub(super) readers: Vec<LiveReader<S>>,
    /// The events of this turn.
    events: Vec<QueuedEvent>,
    /// Their bytes: at most 64 KiB, or one event.
    bytes: usize,
}

impl<S: Socket> Group<S> {
    /// A group without readers.
    pub(super) fn new(audience: Audience, keys: Vec<RoomKey>) -> Self {
        Self {
            audience,
            keys,
            readers: Vec::new(),
            events: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a reader, and returns its index.
    pub(super) fn add(&mut self, reader: LiveReader<S>) -> usize {
        let index = self.readers.len();
        if index == self.readers.capacity() {
            self.readers.reserve_exact(growth(index));
        }
        self.readers.push(reader);
        index
    }

    /// Whether its readers get such an event.
    pub(super) fn takes(&self, is_presence: bool) -> bool {
        !is_presence || self.audience.format.presence
    }

    /// Whether an event of this size fits into the write of this turn.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.events.is_empty() || self.bytes + bytes <= MAX_WRITE_BYTES
    }

    /// Queues an event for this turn.
    pub(super) fn queue(&mut self, event: QueuedEvent) {
        self.bytes += event.bytes.len();
        self.events.push(event);
    }

    /// The number of events queued for this turn.
    pub(super) fn queued(&self) -> usize {
        self.events.len()
    }

    /// Writes the queued events to all readers, in one write each. Readers whose
    /// write did not succeed move to `exits`.
    pub(super) fn write(
        &mut self,
        now: Stamp,
        buffer: &mut Vec<u8>,
        budget: &mut WriteBudget,
        exits: &mut Vec<GroupExit<S>>,
    ) {
        // The buffer is freed: a group may be a single reader.
        let events = std::mem::take(&mut self.events);
        self.bytes = 0;
        let coalesced = CoalescedEvents::new(&events, buffer);
        self.write_to_each(budget, exits, |reader, delivered| {
            reader.write(coalesced, now, delivered)
        });
    }

    /// Writes a ping to each reader for which it is due.
    pub(super) fn ping(
        &mut self,
        now: Stamp,
        is_due: impl Fn(&LiveReader<S>) -> bool,
        budget: &mut WriteBudget,
        exits: &mut Vec<GroupExit<S>>,
    ) {
        let ping = QueuedEvent {
            position: u64::MAX,
            bytes: self.audience.framing.frame(&encode_ping()),
            seq: None,
        };
        self.write_to_each(budget, exits, |reader, delivered| {
            if !is_due(reader) {
                return LiveWrite::Skipped;
            }
            match reader.write(CoalescedEvents::single(&ping), now, delivered) {
                // Pings are not in history: the unsent one stays pending, or the
                // stall of this reader would go unnoticed. One that a TLS session has
                // taken whole is not sent again.
                LiveWrite::Partial(rest) if rest.is_empty() && reader.last_write != now => {
                    LiveWrite::Partial(ping.bytes.clone())
                }
                write => write,
            }
        });
    }

    /// Writes `stale` or `fresh`, which is at `position` of the channel, to each reader that
    /// was live there. A reader whose socket does not take it gets it from its subscription.
    pub(super) fn write_staleness(
        &mut self,
        position: u64,
        staleness: &Staleness,
        now: Stamp,
        budget: &mut WriteBudget,
        exits: &mut Vec<GroupExit<S>>,
    ) {
        let delivery = Delivery::from(staleness.clone());
        let event = delivery.event(self.audience.format.form);
        let event = QueuedEvent {
            position,
            bytes: self.audience.framing.frame(&event),
            seq: None,
        };
        self.write_to_each(budget, exits, |reader, delivered| {
            reader.write_staleness(&event, staleness.is_stale(), now, delivered)
        });
    }

    fn write_to_each(
        &mut self,
        budget: &mut WriteBudget,
        exits: &mut Vec<GroupExit<S>>,
        mut write: impl FnMut(&mut LiveReader<S>, &mut Delivered) -> LiveWrite,
    ) {
        let mut index = 0;
        while let Some(reader) = self.readers.get_mut(index) {
            let outcome = write(reader, &mut budget.delivered);
            if !matches!(outcome, LiveWrite::Skipped) {
                budget.count_write();
            }
            match outcome {
                LiveWrite::All | LiveWrite::Skipped => index += 1,
                LiveWrite::Partial(rest) => {
                    let reader = self.readers.swap_remove(index);
                    exits.push(GroupExit::Lagging { reader, rest });
                }
                LiveWrite::Failed(error) => {
                    let reader = self.readers.swap_remove(index);
                    exits.push(GroupExit::Failed { reader, error });
                }
            }
        }
        self.shrink();
    }

    /// A generation has ended at seq `end`, at `position` of the channel. Takes out the
    /// readers whose cursor is beyond the end. All events before `position` are written.
    pub(super) fn take_beyond(&mut self, position: u64, end: u64) -> Vec<LiveReader<S>> {
        let is_beyond =
            |reader: &mut LiveReader<S>| reader.since <= position && reader.cursor > end;
        let beyond = self.readers.extract_if(.., is_beyond).collect();
        for reader in &mut self.readers {
            reader.since = reader.since.max(position + 1);
        }
        self.shrink();
        beyond
    }

    /// Removes a reader. Returns it, and the token of the reader that has its
    /// index now.
    pub(super) fn remove(&mut self, index: usize) -> (LiveReader<S>, Option<usize>) {
        let reader = self.readers.swap_remove(index);
        let moved = self.readers.get(index).map(LiveReader::token);
        self.shrink();
        (reader, moved)
    }

    fn shrink(&mut self) {
        if self.readers.len() < self.readers.capacity() / 4 {
            self.readers.shrink_to_fit();
        }
    }
}

/// A number of readers or of groups in four bytes.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).expect("there are fewer than 2^32 readers")
}

/// Free places to make in a full table of `len` readers. A quarter, not as many
/// again: these tables are most of what a reader costs.
pub(super) fn growth(len: usize) -> usize {
    (len / 4).max(1)
}

/// A moment in eight bytes, as nanoseconds after a [`StampBase`]. An `Instant`
/// has sixteen, and each live reader has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(u64);

/// The start of a worker, from which its stamps count.
#[derive(Debug, Clone, Copy)]
pub(super) struct StampBase(Instant);

impl StampBase {
    pub(super) fn new(start: Instant) -> Self {
        Self(start)
    }

    /// The stamp of a moment after the base.
    pub(super) fn stamp(self, at: Instant) -> Stamp {
        let nanoseconds = at.saturating_duration_since(self.0).as_nanos();
        // Enough for 584 years.
        Stamp(nanoseconds.try_into().unwrap_or(u64::MAX))
    }

    pub(super) fn instant(self, stamp: Stamp) -> Instant {
        self.0 + Duration::from_nanos(stamp.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_its_moment_to_the_nanosecond() {
        let start = Instant::now();
        let base = StampBase::new(start);
        for nanoseconds in [0, 1, 999_999_999, 86_400_000_000_001] {
            let at = start + Duration::from_nanos(nanoseconds);
            assert_eq!(base.instant(base.stamp(at)), at);
        }
        assert_eq!(size_of::<Stamp>(), 8);
    }
}
