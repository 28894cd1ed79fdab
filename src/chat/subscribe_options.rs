//! The options of a stream. Parsing them from a request is in `http`.

use std::fmt;

use crate::protocol::{Backlog, Cursor, RoomName, UserName};

/// The options of a stream.
#[derive(Debug, Clone)]
pub struct SubscribeOptions {
    /// The rooms of the stream.
    pub rooms: RoomList,
    /// The last message that the reader has, from an earlier stream.
    pub cursor: Option<Cursor>,
    /// The messages that a reader without a cursor gets first.
    pub backlog: Backlog,
    /// The name under which the reader is a member of the rooms.
    pub name: Option<UserName>,
    /// The name that the reader had until now. If it leaves the rooms soon, it is
    /// announced as a change of the name.
    pub was: Option<UserName>,
    /// Whether the reader gets presence events.
    pub presence: bool,
    /// How events of programs are written.
    pub form: EventForm,
}

/// How a stream writes events of programs. Messages and changes are JSON in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventForm {
    /// The payload as it was published. It does not name its room, so it is for
    /// streams of one room.
    Raw,
    /// One line of JSON, which names the room.
    Json,
}

/// What a stream writes beside messages and changes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StreamFormat {
    /// Whether it has presence events.
    pub(crate) presence: bool,
    /// How it has events of programs.
    pub(crate) form: EventForm,
}

impl SubscribeOptions {
    pub(super) fn format(&self) -> StreamFormat {
        StreamFormat {
            presence: self.presence,
            form: self.form,
        }
    }

    /// A stream of live entries only: no cursor, no backlog, no name, no presence;
    /// events of programs as they were published.
    pub fn to(rooms: impl Into<RoomList>) -> Self {
        Self {
            rooms: rooms.into(),
            cursor: None,
            backlog: Backlog::Last(0),
            name: None,
            was: None,
            presence: false,
            form: EventForm::Raw,
        }
    }
}

/// The rooms of one stream: 1 to [`RoomList::MAX`], without duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomList(Vec<RoomName>);

/// A list of rooms is empty or has more than [`RoomList::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidRoomList;

impl RoomList {
    /// Most rooms of one stream.
    pub const MAX: usize = 100;

    /// Keeps the order of `rooms` and drops duplicates.
    ///
    /// # Errors
    ///
    /// [`InvalidRoomList`] for no room, and for more than [`RoomList::MAX`].
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

    /// The number of rooms, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a list is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The rooms, in the order in which they were asked for.
    pub fn iter(&self) -> impl Iterator<Item = &RoomName> {
        self.0.iter()
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
