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
    name: Option<UserName>,
}

impl Membership {
    /// For rooms that were entered just now.
    pub(super) fn new(hub: Arc<Hub>, rooms: &[RoomName], name: Option<UserName>) -> Self {
        let mut rooms: Arc<[RoomName]> = rooms.into();
        Arc::make_mut(&mut rooms).sort_unstable();
        Self { hub, rooms, name }
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
        self.hub.leave(self.rooms.iter(), self.name.as_ref());
    }
}
