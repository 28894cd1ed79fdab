//! Where a stream goes on from: what a reader asks for, held against what the
//! rooms are. The table of cursors in docs/protocol.md is this file.

use std::collections::VecDeque;
use std::fmt;

use super::delivery::{Delivery, Gap, GapReason, HelloRoom};
use super::history::History;
use super::replay::RoomCursor;
use super::rooms::Rooms;
use crate::protocol::{Backlog, Cursor, EventId, RoomName, UserName};

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct SubscribeOptions {
    /// Its rooms.
    pub rooms: RoomList,
    /// Where it was, if it was here before.
    pub cursor: Option<Cursor>,
    /// What it gets of the past if it was not.
    pub backlog: Backlog,
    /// The name under which it is a member of its rooms.
    pub name: Option<UserName>,
    /// Whether it is told who comes and leaves.
    pub presence: bool,
}

/// The rooms of one stream: 1 to 100, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomList(Vec<RoomName>);

/// There is no room in the list, or more than 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidRoomList;

impl RoomList {
    /// Most rooms of one stream.
    pub const MAX: usize = 100;

    /// Takes the rooms in their order, repeated ones once.
    ///
    /// # Errors
    ///
    /// [`InvalidRoomList`] for none, and for more than [`RoomList::MAX`].
    pub fn new(rooms: impl IntoIterator<Item = RoomName>) -> Result<Self, InvalidRoomList> {
        let mut list = Vec::new();
        for room in rooms {
            if !list.contains(&room) {
                list.push(room);
            }
            if list.len() > Self::MAX {
                return Err(InvalidRoomList);
            }
        }
        match list.is_empty() {
            true => Err(InvalidRoomList),
            false => Ok(Self(list)),
        }
    }

    /// How many there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn as_slice(&self) -> &[RoomName] {
        &self.0
    }
}

impl From<RoomName> for RoomList {
    fn from(room: RoomName) -> Self {
        Self(vec![room])
    }
}

impl fmt::Display for InvalidRoomList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a stream has 1 to {} rooms, as in /events?room=lobby",
            RoomList::MAX
        )
    }
}

impl std::error::Error for InvalidRoomList {}

/// Where a stream goes on from.
pub(super) struct StreamStart {
    pub(super) room_cursors: Vec<RoomCursor>,
    pub(super) hello: Cursor,
    pub(super) cursor: u64,
    /// Gaps that have no place in this epoch's order, so they come first.
    pub(super) gaps: VecDeque<Delivery>,
}

impl StreamStart {
    pub(super) fn of(rooms: &Rooms, options: &SubscribeOptions) -> Self {
        match options.cursor {
            None => Self::new_reader(rooms, options),
            Some(Cursor::Id(id)) if id.epoch != rooms.epoch() => {
                Self::stranger(rooms, options, GapReason::Restart, Cursor::Id(id))
            }
            Some(Cursor::Id(id)) if id.seq <= rooms.newest() => Self::returning(rooms, options, id),
            Some(_) => Self::stranger(rooms, options, GapReason::Unknown, Cursor::Unknown),
        }
    }

    fn new_reader(rooms: &Rooms, options: &SubscribeOptions) -> Self {
        let room_cursors = room_cursors(rooms, options, |history| {
            let first = match options.backlog {
                Backlog::All => history.oldest(),
                Backlog::Last(most) => history.last(most).next(),
            };
            RoomStart::after(
                history,
                first.map_or(rooms.newest(), |frame| frame.seq() - 1),
            )
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
        let alone = options.rooms.as_slice().len() == 1;
        let room_cursors = room_cursors(rooms, options, |history| {
            // A reader of several rooms may have been cut off between messages
            // of one and the gap of another, whose messages it then lost before
            // its cursor too. A count from the cursor would be too low.
            let counts = alone || id.seq >= history.evicted_through();
            let next = history
                .number_after(id.seq)
                .filter(|&next| counts || next == 1);
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

    /// The reader was somewhere else: a gap for each room, then all there is.
    ///
    /// The stream's cursor stays foreign until the last of the gaps, so that a
    /// reader cut off before it is told of all of them again.
    fn stranger(
        rooms: &Rooms,
        options: &SubscribeOptions,
        reason: GapReason,
        foreign: Cursor,
    ) -> Self {
        let room_cursors = room_cursors(rooms, options, |history| {
            RoomStart::after(history, history.evicted_through())
        });
        let cursor = lowest(&room_cursors);
        let last = room_cursors.len() - 1;
        let gap = |(index, room_cursor): (usize, &RoomCursor)| {
            Delivery::Gap(Gap {
                room: room_cursor.room.clone(),
                reason,
                lost: None,
                next: room_cursor.next.unwrap_or(1),
                cursor: if index == last {
                    Cursor::Id(rooms.id(cursor))
                } else {
                    foreign
                },
            })
        };
        let gaps = room_cursors.iter().enumerate().map(gap).collect();
        Self {
            room_cursors,
            hello: foreign,
            cursor,
            gaps,
        }
    }
}

/// Where one room of a stream goes on from.
struct RoomStart {
    skip_through: u64,
    next: Option<u64>,
}

impl RoomStart {
    fn after(history: &History, seq: u64) -> Self {
        Self {
            skip_through: seq,
            next: history.number_after(seq),
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
            hole: GapReason::Evicted,
            members: None,
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

/// A room as hello tells of it.
pub(super) fn hello_room(rooms: &Rooms, name: &RoomName) -> Option<HelloRoom> {
    let room = rooms.get(name)?;
    Some(HelloRoom {
        room: name.clone(),
        members: room.presence.count() as u64,
        oldest: room.history.oldest().map(|frame| rooms.id(frame.seq())),
        newest: room.history.newest().map(|frame| rooms.id(frame.seq())),
        next: room.history.next_number(),
    })
}
