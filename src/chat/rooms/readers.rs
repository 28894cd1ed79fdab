//! Readers enter and leave rooms. The limits on rooms and members are checked
//! before anything changes.

use tokio::time::Instant;

use super::Rooms;
use crate::chat::errors::{RoomLimitReached, SubscribeError};
use crate::chat::reader_profile::ReaderProfile;
use crate::chat::room::Room;
use crate::protocol::{RoomName, UserName};

impl Rooms {
    /// Adds a reader to all of the rooms, or to none. `was` is its earlier name.
    pub(in crate::chat) fn enter(
        &mut self,
        names: &[RoomName],
        profile: &ReaderProfile,
        was: Option<&UserName>,
    ) -> Result<(), SubscribeError> {
        // Before the loop: a refused stream must not create a room.
        self.check_rooms(names)?;
        if self.log.is_shared() && names.iter().any(|name| !self.by_name.contains_key(name)) {
            // It was loaded for this stream, and is not here any more.
            return Err(RoomLimitReached.into());
        }
        self.check_members(names, profile.name())?;
        let now = Instant::now();
        for name in names {
            self.ensure(name, now)?;
            let room = self.by_name.get_mut(name).expect("the room exists");
            let before = room.presence.count_here();
            room.enter(profile, was, now);
            self.members = self.members - before + room.presence.count_here();
            self.queue_member_changes(name);
            self.schedule(name, now);
        }
        Ok(())
    }

    /// A name that is already a member of a room here needs no new place there. Members at
    /// other nodes take none.
    fn check_members(
        &self,
        names: &[RoomName],
        member: Option<&UserName>,
    ) -> Result<(), SubscribeError> {
        let Some(member) = member else {
            return Ok(());
        };
        let is_in = |name: &RoomName| {
            self.get(name)
                .is_some_and(|room| room.presence.is_here(member))
        };
        let new = names.iter().filter(|&name| !is_in(name));
        match self.members + new.count() > self.limits.max_members {
            true => Err(SubscribeError::MemberLimit),
            false => Ok(()),
        }
    }

    /// Removes a reader from its rooms. A room that is then empty and never had
    /// a message is forgotten at once, so that it does not use up the room limit. Those
    /// with members at other nodes are returned, to be freed without the lock.
    pub(in crate::chat) fn leave<'a>(
        &mut self,
        names: impl Iterator<Item = &'a RoomName>,
        profile: &ReaderProfile,
    ) -> Vec<Room> {
        let now = Instant::now();
        let mut forgotten = Vec::new();
        for name in names {
            let Some(room) = self.by_name.get_mut(name) else {
                continue;
            };
            let before = room.presence.count_here();
            room.leave(profile, now);
            self.members = self.members - before + room.presence.count_here();
            self.queue_member_changes(name);
            let room = self.by_name.get(name).expect("it is there");
            match !room.has_messages && room.is_idle(now, self.limits.room_idle) {
                // Its history is empty, so freeing that under the lock is cheap.
                true => {
                    let room = self.forget(name);
                    forgotten.extend(room.filter(|room| room.presence.count_at_nodes() > 0));
                }
                false => self.schedule(name, now),
            }
        }
        forgotten
    }
}
