//! Where a stream starts: the reader's options applied to the state of the rooms.
//! Implements the table of cursors in docs/protocol.md.

use std::collections::VecDeque;

use super::delivery::{Delivery, Gap, GapReason, HelloRoom};
use super::generations::CursorPlace;
use super::history::History;
use super::place::Place;
use super::replay::RoomCursor;
use super::rooms::Rooms;
use super::subscribe_options::SubscribeOptions;
use crate::protocol::{Backlog, Cursor, EventId, RoomName};

/// Where a stream starts.
pub(super) struct StreamStart {
    pub(super) room_cursors: Vec<RoomCursor>,
    /// The cursor of `hello`.
    pub(super) hello: Cursor,
    /// The seq after which replay starts.
    pub(super) cursor: u64,
    /// Gaps without a place among the entries of this history. They are delivered
    /// first.
    pub(super) gaps: VecDeque<Delivery>,
}

impl StreamStart {
    pub(super) fn of(rooms: &Rooms, options: &SubscribeOptions) -> Self {
        let id = match options.cursor {
            None => return Self::new_reader(rooms, options),
            Some(Cursor::Id(id)) => id,
            Some(Cursor::Unknown) => return Self::unknown_cursor(rooms, options),
        };
        let (restart, own) = (GapReason::Restart, Cursor::Id(id));
        match rooms.generations().place(id) {
            CursorPlace::At(seq) if seq <= rooms.newest() => Self::returning(rooms, options, id),
            CursorPlace::At(_) => Self::unknown_cursor(rooms, options),
            CursorPlace::Beyond { end, next } => {
                let end = EventId {
                    epoch: next,
                    seq: end,
                };
                Self::after_gaps(rooms, options, restart, own, Some(end))
            }
            CursorPlace::Foreign => Self::after_gaps(rooms, options, restart, own, None),
        }
    }

    fn new_reader(rooms: &Rooms, options: &SubscribeOptions) -> Self {
        let room_cursors = room_cursors(rooms, options, |history| {
            let first = match options.backlog {
                Backlog::All => history.oldest(),
                Backlog::Last(count) => history.first_of_last(count),
            };
            RoomStart::after(history, first.map_or(rooms.newest(), |seq| seq - 1))
        });
        let cursor = lowest(&room_cursors);
        Self {
            room_cursors,
            hello: Cursor::Id(rooms.id(cursor)),
            cursor,
            gaps: VecDeque::new(),
        }
    }

    fn returning(rooms: &Rooms, options: &SubscribeOptions, id: EventId) -> Self {
        let has_one_room = options.rooms.len() == 1;
        let room_cursors = room_cursors(rooms, options, |history| {
            // A reader of several rooms may have been disconnected between the
            // messages of one room and the gap of another. Then it also lost
            // messages before its cursor, and a count from the cursor is too low.
            let can_count = has_one_room || id.seq >= history.evicted_through();
            let next = history
                .place_after(id.seq)
                .filter(|&next| can_count || next == Place::FIRST);
            RoomStart {
                skip_through: 0,
                next,
            }
        });
        Self {
            room_cursors,
            hello: Cursor::Id(id),
            cursor: id.seq,
            gaps: VecDeque::new(),
        }
    }

    fn unknown_cursor(rooms: &Rooms, options: &SubscribeOptions) -> Self {
        let (reason, own) = (GapReason::Unknown, Cursor::Unknown);
        Self::after_gaps(rooms, options, reason, own, None)
    }

    /// The cursor is at no entry of this history: a gap for each room, then all of
    /// history, or what follows `end`.
    ///
    /// The ids of the gaps are the reader's `own` cursor except in the last one, so
    /// that a reader that is disconnected before it gets all of them again.
    fn after_gaps(
        rooms: &Rooms,
        options: &SubscribeOptions,
        reason: GapReason,
        own: Cursor,
        end: Option<EventId>,
    ) -> Self {
        let after = end.map_or(0, |end| end.seq);
        let room_cursors = room_cursors(rooms, options, |history| {
            RoomStart::after(history, history.evicted_through().max(after))
        });
        let end = end.unwrap_or_else(|| rooms.id(lowest(&room_cursors)));
        let last = room_cursors.len() - 1;
        let gap = |(index, room_cursor): (usize, &RoomCursor)| {
            let next = room_cursor.next.unwrap_or(Place::FIRST);
            let gap = Gap {
                room: room_cursor.room.clone(),
                reason,
                lost: None,
                next: next.number,
                cursor: match index == last {
                    true => Cursor::Id(end),
                    false => own,
                },
            };
            Delivery::Gap(gap, next)
        };
        let gaps = room_cursors.iter().enumerate().map(gap).collect();
        Self {
            room_cursors,
            hello: own,
            cursor: end.seq,
            gaps,
        }
    }
}

/// Where one room of a stream starts.
struct RoomStart {
    skip_through: u64,
    next: Option<Place>,
}

impl RoomStart {
    fn after(history: &History, seq: u64) -> Self {
        Self {
            skip_through: seq,
            next: history.place_after(seq),
        }
    }
}

fn room_cursors(
    rooms: &Rooms,
    options: &SubscribeOptions,
    from: impl Fn(&History) -> RoomStart,
) -> Vec<RoomCursor> {
    let room_cursor = |name: &RoomName| {
        let RoomStart { skip_through, next } = from(&rooms.get(name)?.history);
        Some(RoomCursor {
            room: name.clone(),
            skip_through,
            next,
            gap_reason: GapReason::Evicted,
            members_version: None,
        })
    };
    options
        .rooms
        .as_slice()
        .iter()
        .filter_map(room_cursor)
        .collect()
}

fn lowest(room_cursors: &[RoomCursor]) -> u64 {
    room_cursors
        .iter()
        .map(|room_cursor| room_cursor.skip_through)
        .min()
        .unwrap_or(0)
}

/// The room's entry in `hello`.
pub(super) fn hello_room(rooms: &Rooms, name: &RoomName) -> Option<HelloRoom> {
    let room = rooms.get(name)?;
    Some(HelloRoom {
        room: name.clone(),
        members: room.presence.count() as u64,
        oldest: rooms.oldest_item(room),
        newest: rooms.newest_item(room),
        next: room.history.next_place().number,
    })
}
