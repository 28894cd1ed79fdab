//! Looks into history for one stream: what it has not got yet, in id order
//! across its rooms, a hole announced where it lies.
//!
//! A gap takes the id of the last message lost in it. So ids strictly increase
//! over gaps too, and one cursor is enough: whoever has seen the gap resumes
//! after it, whoever has not is told of it again.

use std::collections::{VecDeque, vec_deque};
use std::iter::Peekable;

use super::delivery::{Delivery, Gap, GapReason};
use super::message::Frame;
use super::room::Room;
use super::rooms::Rooms;
use crate::protocol::{Cursor, RoomName};

/// How many bytes one look takes. What a socket does not take of them is looked
/// for again.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// One room of a stream.
#[derive(Debug)]
pub(super) struct RoomCursor {
    pub(super) room: RoomName,
    /// Messages up to this seq are not for this stream: before its backlog, or
    /// covered by a gap that it was told of at its start.
    pub(super) skip_through: u64,
    /// The number of the next message in this stream, where it is known.
    pub(super) next: Option<u64>,
    /// What a hole would be called that is found now.
    pub(super) hole: GapReason,
    /// The version of the members that the reader was told of, if it was.
    pub(super) members: Option<u64>,
}

/// What one look found.
#[derive(Debug)]
pub(super) struct Found {
    /// With the room_cursors that they are for.
    pub(super) deliveries: VecDeque<(usize, Delivery)>,
    /// There is no more: the stream may go live.
    pub(super) all: bool,
}

/// What history has for these room_cursors after `cursor`, up to about `most` bytes.
pub(super) fn look(rooms: &Rooms, room_cursors: &[RoomCursor], cursor: u64, most: usize) -> Found {
    let mut sources: Vec<Source<'_>> = room_cursors
        .iter()
        .enumerate()
        .filter_map(|(index, room_cursor)| Source::of(rooms, index, room_cursor, cursor))
        .collect();
    let mut found = Found {
        deliveries: VecDeque::new(),
        all: false,
    };
    let mut bytes = 0;
    while bytes < most {
        let next = sources
            .iter_mut()
            .filter_map(|source| Some((source.position()?, source)))
            .min_by_key(|(seq, _)| *seq);
        let Some((_, source)) = next else {
            found.all = true;
            return found;
        };
        let delivery = source.take(&room_cursors[source.room_cursor], rooms);
        bytes += delivery.bytes();
        found.deliveries.push_back((source.room_cursor, delivery));
    }
    found
}

/// What one room has for a stream: a gap, perhaps, then what it holds.
struct Source<'a> {
    room_cursor: usize,
    room: &'a Room,
    gap: Option<u64>,
    frames: Peekable<vec_deque::Iter<'a, Frame>>,
}

impl<'a> Source<'a> {
    fn of(rooms: &'a Rooms, index: usize, room_cursor: &RoomCursor, cursor: u64) -> Option<Self> {
        let room = rooms.get(&room_cursor.room)?;
        let after = cursor.max(room_cursor.skip_through);
        let lost = room.history.evicted_through();
        Some(Self {
            room_cursor: index,
            room,
            gap: (lost > after).then_some(lost),
            frames: room.history.since(after).peekable(),
        })
    }

    fn position(&mut self) -> Option<u64> {
        self.gap
            .or_else(|| self.frames.peek().map(|frame| frame.seq()))
    }

    /// Takes what stands at this source's position. A gap comes first, so
    /// `room_cursor` is then as it was when the look began.
    fn take(&mut self, room_cursor: &RoomCursor, rooms: &Rooms) -> Delivery {
        if let Some(seq) = self.gap.take() {
            let next = self.room.history.first_number();
            return Delivery::Gap(Gap {
                room: room_cursor.room.clone(),
                reason: room_cursor.hole,
                lost: room_cursor
                    .next
                    .and_then(|expected| next.checked_sub(expected)),
                next,
                cursor: Cursor::Id(rooms.id(seq)),
            });
        }
        let frame = self.frames.next();
        Delivery::Update(frame.expect("a position is a gap or a frame").clone())
    }
}
