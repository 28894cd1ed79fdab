//! Where a stream starts: the reader's options applied to the state of the rooms.
//! Implements the table of cursors in docs/protocol.md. A stream whose reader may have
//! entries that are lost with the end of a generation starts anew, as that of a returning
//! one.

use std::collections::VecDeque;

use super::delivery::{Delivery, Gap, GapReason, HelloRoom};
use super::generations::{CursorPlace, EndedGeneration};
use super::history::History;
use super::place::Place;
use super::replay::RoomCursor;
use super::rooms::Rooms;
use super::subscribe_options::SubscribeOptions;
use crate::protocol::{Backlog, Cursor, EventId, RoomName};

/// Where a stream is when a generation ends.
pub(super) struct ReachedPlace<'a> {
    pub(super) room_cursors: &'a [RoomCursor],
    /// The reader's own cursor: the last id that it got.
    pub(super) own: Cursor,
    /// Gaps at the start of the stream are still to be delivered.
    pub(super) has_gaps: bool,
    /// The position in the channel as of which this is so.
    pub(super) position: u64,
}

/// Where a stream starts.
pub(super) struct StreamStart {
    pub(super) room_cursors: Vec<RoomCursor>,
    /// The reader's own cursor: that of `hello`, if the stream begins.
    pub(super) hello: Cursor,
    /// The seq after which replay starts.
    pub(super) cursor: u64,
    /// Gaps without a place among the entries of this history. They are delivered
    /// first.
    pub(super) gaps: VecDeque<Delivery>,
}

impl StreamStart {
    pub(super) fn of(rooms: &Rooms, options: &SubscribeOptions) -> Self {
        match options.cursor {
            None => Self::new_reader(rooms, options),
            Some(cursor) => Self::at(rooms, options.rooms.as_slice(), cursor),
        }
    }

    /// The stream of a reader that has this cursor.
    fn at(rooms: &Rooms, names: &[RoomName], cursor: Cursor) -> Self {
        let Cursor::Id(id) = cursor else {
            return Self::unknown_cursor(rooms, names);
        };
        let (restart, own) = (GapReason::Restart, cursor);
        match rooms.generations().place(id) {
            CursorPlace::At(seq) if seq <= rooms.newest() => Self::returning(rooms, names, id),
            // Of another server, which is ahead: the stream waits.
            CursorPlace::At(_) if rooms.log.is_shared() => Self::returning(rooms, names, id),
            CursorPlace::At(_) => Self::unknown_cursor(rooms, names),
            CursorPlace::Beyond { end, next } => {
                let end = EventId {
                    epoch: next,
                    seq: end,
                };
                Self::after_gaps(rooms, names, restart, own, Some(end))
            }
            CursorPlace::Foreign => Self::after_gaps(rooms, names, restart, own, None),
        }
    }

    /// Where a stream goes on after the end of the generation `ended`, which was present
    /// when it had reached `place`.
    ///
    /// If its reader may have entries that are lost, that is where a returning reader
    /// would start. Otherwise it goes on without a gap.
    pub(super) fn after_end(
        rooms: &Rooms,
        ended: EndedGeneration,
        place: &ReachedPlace<'_>,
    ) -> Self {
        let names: Vec<_> = place
            .room_cursors
            .iter()
            .map(|own| own.room.clone())
            .collect();
        let mut in_rooms = names.iter().filter_map(|name| rooms.get(name));
        let has_lost = in_rooms.any(|room| room.has_lost_since(place.position));
        let is_in_order = !has_lost && !place.has_gaps;
        if let Cursor::Id(own) = place.own {
            match rooms.generations().place(own) {
                CursorPlace::At(_) => return Self::within(rooms, ended, place, own),
                CursorPlace::Beyond { .. } if is_in_order => {
                    return Self::within(rooms, ended, place, own);
                }
                CursorPlace::Beyond { .. } | CursorPlace::Foreign => {}
            }
        }
        Self::at(rooms, &names, place.own)
    }

    /// The reader has none of the lost entries of its rooms, and its `own` cursor may be
    /// beyond the end. It goes on from there: seqs after the end are those of other
    /// entries from now on.
    fn within(
        rooms: &Rooms,
        EndedGeneration { end, .. }: EndedGeneration,
        place: &ReachedPlace<'_>,
        own: EventId,
    ) -> Self {
        let room_cursor = |before: &RoomCursor| {
            let history = &rooms.get(&before.room)?.history;
            let is_beyond = own.seq.max(before.skip_through) > end;
            Some(RoomCursor {
                room: before.room.clone(),
                skip_through: before.skip_through.min(end),
                next: match is_beyond {
                    true => history.place_after(end),
                    false => before.next,
                },
                ..*before
            })
        };
        let own = match own.seq > end {
            true => rooms.cursor_after(end),
            false => own,
        };
        Self {
            room_cursors: place.room_cursors.iter().filter_map(room_cursor).collect(),
            hello: Cursor::Id(own),
            cursor: own.seq,
            gaps: VecDeque::new(),
        }
    }

    fn new_reader(rooms: &Rooms, options: &SubscribeOptions) -> Self {
        let room_cursors = room_cursors(rooms, options.rooms.as_slice(), |history| {
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

    fn returning(rooms: &Rooms, names: &[RoomName], id: EventId) -> Self {
        let has_one_room = names.len() == 1;
        let room_cursors = room_cursors(rooms, names, |history| {
            // A reader of several rooms may have been disconnected between the
            // messages of one room and the gap of another. Then it also lost
            // messages before its cursor, and a count from the cursor is too low.
            let can_count = has_one_room || id.seq >= history.evicted_through();
            // What is between is not known yet.
            let can_count = can_count && id.seq <= rooms.newest();
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

    fn unknown_cursor(rooms: &Rooms, names: &[RoomName]) -> Self {
        let (reason, own) = (GapReason::Unknown, Cursor::Unknown);
        Self::after_gaps(rooms, names, reason, own, None)
    }

    /// The cursor is at no entry of this history: a gap for each room, then all of
    /// history, or what follows `end`.
    ///
    /// The ids of the gaps are the reader's `own` cursor except in the last one, so
    /// that a reader that is disconnected before it gets all of them again.
    fn after_gaps(
        rooms: &Rooms,
        names: &[RoomName],
        reason: GapReason,
        own: Cursor,
        end: Option<EventId>,
    ) -> Self {
        let after = end.map_or(0, |end| end.seq);
        let room_cursors = room_cursors(rooms, names, |history| {
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
    names: &[RoomName],
    from: impl Fn(&History) -> RoomStart,
) -> Vec<RoomCursor> {
    let room_cursor = |name: &RoomName| {
        let room = rooms.get(name)?;
        let RoomStart { skip_through, next } = from(&room.history);
        let next = next.filter(|_| !room.is_unloaded);
        Some(RoomCursor {
            room: name.clone(),
            skip_through,
            next,
            gap_reason: GapReason::Evicted,
            members_version: None,
        })
    };
    names.iter().filter_map(room_cursor).collect()
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
