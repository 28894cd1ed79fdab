//! What other nodes are to know of the members here: see `member_outbox`.

use std::ops::Bound;
use std::sync::Arc;

use tokio::sync::Notify;

use super::Rooms;
use super::member_sharing::MemberSharing;
use crate::chat::member_outbox::{ListedThrough, MemberChange, TakenChanges};
use crate::chat::room::Room;
use crate::protocol::{RoomName, UserName};

/// Most members and rooms that a call visits in order to list the members here.
const MAX_VISITS: usize = 1024;

impl Rooms {
    /// Other nodes share the rooms from now on.
    pub(in crate::chat) fn share_members(&mut self) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let mut sharing = MemberSharing::new(Arc::clone(&wake));
        sharing.read_all_again();
        self.sharing = Some(Box::new(sharing));
        self.by_name
            .values_mut()
            .for_each(|room| room.presence.share());
        wake
    }

    /// Takes names that join and leave rooms here, at most `most`.
    pub(in crate::chat) fn take_member_changes(&mut self, most: usize) -> TakenChanges {
        let mut changes = self.list_members(most);
        let Some(sharing) = &mut self.sharing else {
            return TakenChanges::default();
        };
        sharing.outbox.take(&mut changes, most);
        TakenChanges {
            changes,
            has_more: !sharing.outbox.is_empty(),
        }
    }

    /// All members here are to be listed once more.
    pub(in crate::chat) fn list_all_members(&mut self) {
        if let Some(sharing) = &mut self.sharing {
            sharing.outbox.begin_listing();
        }
    }

    /// Takes rooms of which a snapshot is to be read, at most `most`.
    pub(in crate::chat) fn take_unread_rooms(&mut self, most: usize) -> Vec<RoomName> {
        let sharing = self.sharing.as_mut();
        sharing.map_or_else(Vec::new, |sharing| sharing.take_unread(&self.names, most))
    }

    /// A snapshot of all rooms is to be read once more.
    pub(in crate::chat) fn read_all_rooms(&mut self) {
        if let Some(sharing) = &mut self.sharing {
            sharing.read_all_again();
        }
    }

    /// Lists the next members here, at most `most`.
    fn list_members(&mut self, most: usize) -> Vec<MemberChange> {
        let mut listed = Vec::new();
        let mut visits = MAX_VISITS;
        while visits > 0 && listed.len() < most {
            let Some((room, after)) = self.next_to_list() else {
                break;
            };
            let limit = visits.min(most - listed.len());
            let mut visited = 0;
            let mut last = None;
            for (name, is_here) in room.presence.members_after(after.as_ref(), limit) {
                visited += 1;
                last = Some(name);
                if is_here {
                    listed.push(MemberChange {
                        room: room.name.clone(),
                        name: name.clone(),
                        joins: true,
                    });
                }
            }
            let through = match last {
                Some(last) if visited == limit => {
                    ListedThrough::Member(room.name.clone(), last.clone())
                }
                _ => ListedThrough::Room(room.name.clone()),
            };
            visits = visits.saturating_sub(visited + 1);
            self.set_listed(through);
        }
        listed
    }

    /// The room in which the listing goes on, and the member behind which. `None` if all
    /// are listed.
    fn next_to_list(&mut self) -> Option<(&Room, Option<UserName>)> {
        let listed = &self.sharing.as_ref()?.outbox.listed;
        let (from, after) = match listed {
            ListedThrough::Everything => return None,
            ListedThrough::Nothing => (Bound::Unbounded, None),
            ListedThrough::Member(room, name) => (Bound::Included(room), Some((room, name))),
            ListedThrough::Room(room) => (Bound::Excluded(room), None),
        };
        let mut names = self.names.range::<RoomName, _>((from, Bound::Unbounded));
        let Some(name) = names.next().cloned() else {
            self.set_listed(ListedThrough::Everything);
            return None;
        };
        let after = after.filter(|(room, _)| **room == name);
        let after = after.map(|(_, name)| name.clone());
        Some((self.get(&name)?, after))
    }

    fn set_listed(&mut self, through: ListedThrough) {
        if let Some(sharing) = &mut self.sharing {
            sharing.outbox.listed = through;
        }
    }

    /// Queues what has changed of the members of a room here.
    pub(super) fn queue_member_changes(&mut self, room: &RoomName) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        let Some(room) = self.by_name.get_mut(room) else {
            return;
        };
        for (name, joins) in room.presence.take_changes_here() {
            sharing.outbox.push(&room.name, name, joins);
        }
    }

    /// A room is created.
    pub(super) fn share_room(&mut self, name: &RoomName) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        if let Some(room) = self.by_name.get_mut(name) {
            room.presence.share();
            sharing.add_unread(name);
        }
    }
}
