//! Live readers who are told the same, and what a turn brings them.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::live::{Event, Joined, Live, Wrote};
use super::more_places;
use super::socket::{Framing, Socket};
use super::stamp::Stamp;
use super::write_budget::{Delivered, WriteBudget};
use crate::chat::RoomKey;
use crate::http::MAX_WRITE_BYTES;
use crate::protocol::RoomName;
use crate::sse;

/// Readers that are written the same bytes: the rooms, in the order of their
/// names, whether presence is told, and the framing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Audience {
    pub(super) rooms: Arc<[RoomName]>,
    pub(super) presence: bool,
    pub(super) framing: Framing,
}

/// A reader that left its group because of a write.
#[derive(Debug)]
pub(super) enum Left<S> {
    /// The socket took a part: the reader goes on from its cursor, after the
    /// rest of an event.
    CatchingUp { reader: Live<S>, rest: Bytes },
    /// There is nobody any more.
    Gone { reader: Live<S>, error: io::Error },
}

/// Readers that are told the same.
#[derive(Debug)]
pub(super) struct Group<S> {
    pub(super) audience: Audience,
    /// Of its rooms, in their order.
    pub(super) keys: Vec<RoomKey>,
    pub(super) readers: Vec<Live<S>>,
    /// What this turn brings.
    events: Vec<Event>,
    /// How many bytes that is: at most 64 KiB, or one event.
    bytes: usize,
}

impl<S: Socket> Group<S> {
    /// One that nobody is in.
    pub(super) fn new(audience: Audience, keys: Vec<RoomKey>) -> Self {
        Self {
            audience,
            keys,
            readers: Vec::new(),
            events: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a reader, and says where it is.
    pub(super) fn add(&mut self, reader: Live<S>) -> usize {
        let index = self.readers.len();
        if index == self.readers.capacity() {
            self.readers.reserve_exact(more_places(index));
        }
        self.readers.push(reader);
        index
    }

    /// Whether an event is for its readers.
    pub(super) fn takes(&self, is_presence: bool) -> bool {
        !is_presence || self.audience.presence
    }

    /// Whether an event of so many bytes goes into this turn's write.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.events.is_empty() || self.bytes + bytes <= MAX_WRITE_BYTES
    }

    /// Takes down an event for this turn.
    pub(super) fn note(&mut self, event: Event) {
        self.bytes += event.bytes.len();
        self.events.push(event);
    }

    /// How many events this turn brings.
    pub(super) fn noted(&self) -> usize {
        self.events.len()
    }

    /// What this turn brings, to all readers, in one write each.
    pub(super) fn write(
        &mut self,
        now: Stamp,
        buffer: &mut Vec<u8>,
        pace: &mut WriteBudget,
        left: &mut Vec<Left<S>>,
    ) {
        // Not kept: a group may be a single reader.
        let events = std::mem::take(&mut self.events);
        self.bytes = 0;
        let joined = Joined::of(&events, buffer);
        self.write_to_each(pace, left, |reader, told| reader.write(joined, now, told));
    }

    /// A ping to those for whom it is time.
    pub(super) fn ping(
        &mut self,
        now: Stamp,
        is_due: impl Fn(&Live<S>) -> bool,
        pace: &mut WriteBudget,
        left: &mut Vec<Left<S>>,
    ) {
        let ping = Event {
            position: u64::MAX,
            bytes: self.audience.framing.frame(&sse::Encoded::ping()),
            seq: None,
        };
        self.write_to_each(pace, left, |reader, told| {
            if !is_due(reader) {
                return Wrote::Nothing;
            }
            match reader.write(Joined::of_one(&ping), now, told) {
                // It stands in no history: a reader that went on without it
                // would be taken for one that takes what it is given.
                Wrote::Part(rest) if rest.is_empty() => Wrote::Part(ping.bytes.clone()),
                wrote => wrote,
            }
        });
    }

    fn write_to_each(
        &mut self,
        pace: &mut WriteBudget,
        left: &mut Vec<Left<S>>,
        mut write: impl FnMut(&mut Live<S>, &mut Delivered) -> Wrote,
    ) {
        let mut index = 0;
        while let Some(reader) = self.readers.get_mut(index) {
            let wrote = write(reader, &mut pace.told);
            if !matches!(wrote, Wrote::Nothing) {
                pace.wrote();
            }
            match wrote {
                Wrote::All | Wrote::Nothing => index += 1,
                Wrote::Part(rest) => {
                    let reader = self.readers.swap_remove(index);
                    left.push(Left::CatchingUp { reader, rest });
                }
                Wrote::Gone(error) => {
                    let reader = self.readers.swap_remove(index);
                    left.push(Left::Gone { reader, error });
                }
            }
        }
        self.shrink();
    }

    /// Takes out one reader. Returns it, and whoever stands in its place now.
    pub(super) fn remove(&mut self, index: usize) -> (Live<S>, Option<usize>) {
        let reader = self.readers.swap_remove(index);
        let moved = self.readers.get(index).map(|moved| moved.token);
        self.shrink();
        (reader, moved)
    }

    fn shrink(&mut self) {
        if self.readers.len() < self.readers.capacity() / 4 {
            self.readers.shrink_to_fit();
        }
    }
}
