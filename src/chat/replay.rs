//! Reads from history for one stream: the entries that it has not got yet, in
//! the order of ids across its rooms, with a gap where entries were lost.
//!
//! A gap has the id of its last lost entry. So ids strictly increase over gaps
//! too, and one cursor is enough: a reader that got the gap resumes after it, any
//! other reader gets it again.

use std::collections::{VecDeque, vec_deque};
use std::iter::Peekable;

use super::delivery::{Delivery, Gap, GapReason};
use super::entry::Entry;
use super::place::Place;
use super::room::Room;
use super::rooms::Rooms;
use crate::protocol::{Cursor, RoomName};

/// The approximate size of a batch in bytes. Events of it that the socket does
/// not take are read again.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// One stream's position in one room.
#[derive(Debug)]
pub(super) struct RoomCursor {
    pub(super) room: RoomName,
    /// Entries up to this seq are not delivered: they are before the backlog, or
    /// covered by a gap at the start of the stream.
    pub(super) skip_through: u64,
    /// The place that the stream has reached, where known.
    pub(super) next: Option<Place>,
    /// The reason of the next gap.
    pub(super) gap_reason: GapReason,
    /// The version of the members that the reader has, if any.
    pub(super) members_version: Option<u64>,
}

impl RoomCursor {
    /// Moves the cursor past a delivery of this room.
    pub(super) fn advance(&mut self, delivery: &Delivery) {
        let next = match delivery {
            Delivery::Entry(entry) => {
                debug_assert!(
                    self.next.is_none_or(|next| next == entry.place()),
                    "no missing entries without a gap"
                );
                entry.place_after()
            }
            Delivery::Gap(_, place) => *place,
            Delivery::Members(snapshot) => {
                self.members_version = Some(snapshot.version);
                return;
            }
            Delivery::Expiring(_) => return,
        };
        self.next = Some(next);
        self.gap_reason = GapReason::Lagged;
    }
}

/// Consecutive deliveries from history.
#[derive(Debug)]
pub(super) struct Batch {
    /// Each with the index of its room cursor.
    pub(super) deliveries: VecDeque<(usize, Delivery)>,
    /// History has no more after these.
    pub(super) is_last: bool,
}

/// The deliveries that follow `cursor` in history, about `max_bytes` of them.
pub(super) fn read_batch(
    rooms: &Rooms,
    room_cursors: &[RoomCursor],
    cursor: u64,
    max_bytes: usize,
) -> Batch {
    let mut replays: Vec<RoomReplay<'_>> = room_cursors
        .iter()
        .enumerate()
        .filter_map(|(index, room_cursor)| RoomReplay::new(rooms, index, room_cursor, cursor))
        .collect();
    let mut batch = Batch {
        deliveries: VecDeque::new(),
        is_last: false,
    };
    let mut bytes = 0;
    while bytes < max_bytes {
        let next = replays
            .iter_mut()
            .filter_map(|replay| Some((replay.position()?, replay)))
            .min_by_key(|(seq, _)| *seq);
        let Some((_, replay)) = next else {
            batch.is_last = true;
            return batch;
        };
        let delivery = replay.take(&room_cursors[replay.index], rooms);
        bytes += delivery.bytes();
        batch.deliveries.push_back((replay.index, delivery));
    }
    batch
}

/// The deliveries of one room: at most one gap, then held entries.
struct RoomReplay<'a> {
    /// Of its room cursor.
    index: usize,
    room: &'a Room,
    /// The seq of the last lost entry.
    gap: Option<u64>,
    entries: Peekable<vec_deque::Iter<'a, Entry>>,
}

impl<'a> RoomReplay<'a> {
    fn new(rooms: &'a Rooms, index: usize, room_cursor: &RoomCursor, cursor: u64) -> Option<Self> {
        let room = rooms.get(&room_cursor.room)?;
        let after = cursor.max(room_cursor.skip_through);
        let lost = room.history.evicted_through();
        Some(Self {
            index,
            room,
            gap: (lost > after).then_some(lost),
            entries: room.history.since(after).peekable(),
        })
    }

    /// The seq of the next delivery.
    fn position(&mut self) -> Option<u64> {
        self.gap
            .or_else(|| self.entries.peek().map(|entry| entry.seq()))
    }

    /// Takes the delivery at `position`. A gap comes first, so `room_cursor` is
    /// still unchanged when it counts what was lost.
    fn take(&mut self, room_cursor: &RoomCursor, rooms: &Rooms) -> Delivery {
        if let Some(seq) = self.gap.take() {
            let next = self.room.history.first_place();
            let lost = |reached: Place| next.counted.checked_sub(reached.counted);
            let gap = Gap {
                room: room_cursor.room.clone(),
                reason: room_cursor.gap_reason,
                lost: room_cursor.next.and_then(lost),
                next: next.number,
                cursor: Cursor::Id(rooms.id(seq)),
            };
            return Delivery::Gap(gap, next);
        }
        let entry = self.entries.next();
        Delivery::Entry(entry.expect("a position is a gap or an entry").clone())
    }
}
