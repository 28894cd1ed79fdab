//! A reader's place in its rooms: while there is one, the rooms are kept and
//! its name is a member of them. Dropping it leaves them.

use std::any::Any;
use std::sync::Arc;

use super::hub::Hub;
use crate::protocol::{RoomName, UserName};

/// A reader's place in its rooms. Dropping it leaves them.
#[derive(Debug)]
pub struct Membership {
    pub(super) hub: Arc<Hub>,
    /// In the order of their names, whatever order was asked for.
    rooms: Arc<[RoomName]>,
    attendance: Attendance,
}

/// What a stream is in its rooms beside a reader of their messages.
#[derive(Debug)]
pub(super) struct Attendance {
    /// Boxed, so that a reader without a name is small.
    named: Option<Box<Named>>,
    /// Whether it gets presence events.
    pub(super) presence: bool,
}

/// The name under which a stream is a member, and what lives as long as it stays.
#[derive(Debug)]
struct Named {
    name: UserName,
    guard: Option<StayGuard>,
}

impl Attendance {
    pub(super) fn new(name: Option<UserName>, presence: bool) -> Self {
        let named = name.map(|name| Box::new(Named { name, guard: None }));
        Self { named, presence }
    }

    /// The name under which it is a member.
    pub(super) fn name(&self) -> Option<&UserName> {
        self.named.as_ref().map(|named| &named.name)
    }

    /// What lives as long as the name stays.
    pub(super) fn guard(&self) -> Option<&StayGuard> {
        self.named.as_ref()?.guard.as_ref()
    }
}

/// Something that lives as long as a name is a member of a stream's rooms
/// because of that stream: until the last of them has let the name go, a grace
/// after the stream's end, or until another stream under this name takes over.
/// It is dropped under the hub's lock.
#[derive(Debug, Clone)]
pub struct StayGuard {
    // Boxed, so that each reader has one pointer and not two.
    _held: Arc<Box<dyn Any + Send + Sync>>,
}

impl StayGuard {
    /// Holds `held` until it is dropped with all its clones.
    pub fn holding(held: impl Any + Send + Sync) -> Self {
        Self {
            _held: Arc::new(Box::new(held)),
        }
    }
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

    /// Keeps `guard` for as long as the name stays in the rooms. Without a name
    /// the guard is dropped at once.
    pub(super) fn guard(&mut self, guard: StayGuard) {
        if let Some(named) = &mut self.attendance.named {
            named.guard = Some(guard);
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
