//! A reader's place in its rooms: while there is one, the rooms are kept and
//! its name is a member of them. Dropping it leaves them.

use std::sync::Arc;

use super::hub::Hub;
use super::name::{RoomName, UserName};

/// A reader's place in its rooms. Dropping it leaves them.
#[derive(Debug)]
pub struct Membership {
    pub(super) hub: Arc<Hub>,
    /// In the order of their names, whatever order was asked for.
    rooms: Arc<[RoomName]>,
    attendance: Attendance,
}

/// What a stream is in its rooms beside a reader of their messages.
#[derive(Debug, Clone)]
pub(super) struct Attendance {
    /// The name under which it is a member.
    pub(super) name: Option<UserName>,
    /// Whether it gets presence events.
    pub(super) presence: bool,
}

impl Membership {
    /// For rooms that were entered just now.
    pub(super) fn new(hub: Arc<Hub>, rooms: &[RoomName], attendance: Attendance) -> Self {
        let mut rooms: Arc<[RoomName]> = rooms.into();
        Arc::make_mut(&mut rooms).sort_unstable();
        Self {
            hub,
            rooms,
            attendance,
        }
    }

    /// Its rooms, in the order of their names.
    pub fn rooms(&self) -> &Arc<[RoomName]> {
        &self.rooms
    }

    /// Uses somebody else's list of the same rooms: one is enough for many readers.
    pub fn share_rooms(&mut self, rooms: &Arc<[RoomName]>) {
        debug_assert_eq!(self.rooms, *rooms, "the same rooms");
        self.rooms = Arc::clone(rooms);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.leave(self.rooms.iter(), &self.attendance);
    }
}
