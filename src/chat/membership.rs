//! A reader's membership of its rooms. A room with a membership is kept, and the
//! reader's name is a member of it.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::hub::Hub;
use super::reader_profile::{MemberGuard, ReaderProfile, StreamAccess};
use crate::protocol::RoomName;

/// A reader's membership of its rooms. Dropping it leaves them.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(super) hub: Arc<Hub>,
    /// Ordered by name, whatever order was requested.
    rooms: Arc<[RoomName]>,
    profile: ReaderProfile,
}

impl Membership {
    /// The caller has entered the rooms.
    pub(super) fn new(hub: Arc<Hub>, rooms: &[RoomName], profile: ReaderProfile) -> Self {
        let mut rooms: Arc<[RoomName]> = rooms.into();
        Arc::make_mut(&mut rooms).sort_unstable();
        Self {
            hub,
            rooms,
            profile,
        }
    }

    /// Keeps `guard` for as long as the name is a member. Without a name the
    /// guard is dropped at once.
    pub(super) fn set_member_guard(&mut self, guard: MemberGuard) {
        self.profile.set_guard(guard);
    }

    /// When the reader's token expires, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> Option<u64> {
        let expires_at = self.access()?.expires_at;
        expires_at.map(NonZeroU64::get)
    }

    /// Until when the reader may read, if that is limited.
    pub(super) fn access(&self) -> Option<&StreamAccess> {
        self.profile.access()
    }

    pub(super) fn set_access(&mut self, access: StreamAccess) {
        self.profile.set_access(access);
    }

    /// Its rooms, ordered by name.
    pub(crate) fn rooms(&self) -> &Arc<[RoomName]> {
        &self.rooms
    }

    /// Replaces its list of rooms by an equal one, so that many readers share
    /// one list.
    pub(crate) fn share_rooms(&mut self, rooms: &Arc<[RoomName]>) {
        debug_assert_eq!(self.rooms, *rooms, "the same rooms");
        self.rooms = Arc::clone(rooms);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.leave(self.rooms.iter(), &self.profile);
    }
}
