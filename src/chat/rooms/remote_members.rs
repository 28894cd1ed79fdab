//! Members at other nodes. Each operation does a bounded part of its work; the caller goes
//! on with the next part. Rooms that this hub does not have are ignored: a snapshot is read
//! when they are created.

use tokio::time::Instant;

use super::Rooms;
use crate::chat::node_name::NodeName;
use crate::chat::remote_snapshot::{
    MAX_REMOTE_CHANGES, RemoteSnapshot, SnapshotProgress, SnapshotStage,
};
use crate::chat::room::Room;
use crate::chat::room_key::RoomKey;
use crate::protocol::{RoomName, UserName};

/// The hub remembers as many names at other nodes as this many nodes of its own size have.
/// They do not count against the limit on members: that is of each node. Names beyond are
/// dropped, and the counts of their rooms are too low until the next snapshot.
pub(super) const REMEMBERED_NODES: usize = 8;

impl Rooms {
    /// Names join and leave a room at another node, by the change with this number. At most
    /// [`MAX_REMOTE_CHANGES`].
    pub(in crate::chat) fn remote_changed(
        &mut self,
        number: u64,
        node: &str,
        room: &RoomName,
        names: &[(UserName, bool)],
    ) {
        let Some(sharing) = &self.sharing else {
            return;
        };
        let (node, number) = (sharing.node(node), sharing.number(number));
        let Some(shared) = self.by_name.get_mut(room) else {
            return;
        };
        if !shared.presence.begin_change(number) {
            return;
        }
        for (name, joins) in names {
            match joins {
                true => self.join_remote(room, &node, name),
                false => self.leave_remote(room, &node, name),
            }
        }
        self.schedule(room, Instant::now());
    }

    /// All members at another node leave, by the change with this number: at most
    /// [`MAX_REMOTE_CHANGES`] of them. Returns whether more are left.
    pub(in crate::chat) fn remote_left(&mut self, number: u64, node: &str) -> bool {
        let now = Instant::now();
        let mut most = MAX_REMOTE_CHANGES;
        if let Some(sharing) = &mut self.sharing {
            sharing.note_left(sharing.number(number));
        }
        while most > 0 {
            let sharing = self.sharing.as_ref();
            let Some(name) = sharing.and_then(|sharing| sharing.room_at(node)) else {
                return false;
            };
            let left = self.with_room(&name, |room| room.presence.leave_all_at(node, most));
            debug_assert!(
                left.is_some_and(|left| left > 0),
                "{node} has members there"
            );
            self.index_node(&name, &NodeName::new(node));
            self.schedule(&name, now);
            most -= left.unwrap_or(most).clamp(1, most);
        }
        let sharing = self.sharing.as_ref();
        sharing.is_some_and(|sharing| sharing.room_at(node).is_some())
    }

    /// A part of `snapshot` replaces what is known of its room at other nodes.
    pub(in crate::chat) fn set_remote(
        &mut self,
        snapshot: &mut RemoteSnapshot,
    ) -> SnapshotProgress {
        let Some(sharing) = &self.sharing else {
            return SnapshotProgress::NoRoom;
        };
        let as_of = sharing.number(snapshot.as_of);
        let is_after_leaves = sharing.is_after_leaves(as_of);
        let Some(room) = self.by_name.get_mut(&snapshot.room) else {
            return SnapshotProgress::NoRoom;
        };
        if !is_after_leaves || !room.presence.begin_snapshot(as_of) {
            return SnapshotProgress::Outdated;
        }
        let key = room.key;
        if let SnapshotStage::New = snapshot.stage {
            snapshot.stage = SnapshotStage::Joins(key, snapshot.pairs().into_iter());
        }
        let progress = self.set_remote_part(snapshot, key);
        self.schedule(&snapshot.room, Instant::now());
        progress
    }

    fn set_remote_part(&mut self, snapshot: &mut RemoteSnapshot, key: RoomKey) -> SnapshotProgress {
        let room = snapshot.room.clone();
        match &mut snapshot.stage {
            // The room was forgotten and created again.
            SnapshotStage::Joins(begun, _) | SnapshotStage::Leaves(begun, _) if *begun != key => {
                return SnapshotProgress::NoRoom;
            }
            SnapshotStage::New => {}
            SnapshotStage::Joins(_, pairs) => {
                for (node, name) in pairs.take(MAX_REMOTE_CHANGES) {
                    self.join_remote(&room, &node, &name);
                }
                if pairs.len() == 0 {
                    snapshot.stage = SnapshotStage::Leaves(key, None);
                }
            }
            SnapshotStage::Leaves(_, after) => {
                let known = self.by_name.get(&room);
                let known = known.map_or_else(Vec::new, |room| {
                    let presence = &room.presence;
                    presence.names_at_nodes(after.as_ref(), MAX_REMOTE_CHANGES)
                });
                let is_last = known.len() < MAX_REMOTE_CHANGES;
                *after = known.last().cloned();
                for (node, name) in &known {
                    if !snapshot.has(node, name) {
                        self.leave_remote(&room, node, name);
                    }
                }
                if is_last {
                    return SnapshotProgress::Done;
                }
            }
        }
        SnapshotProgress::More
    }

    fn join_remote(&mut self, room: &RoomName, node: &NodeName, name: &UserName) {
        let most = self.limits.max_members.saturating_mul(REMEMBERED_NODES);
        if let Some(sharing) = &mut self.sharing
            && sharing.pairs >= most
        {
            sharing.dropped += 1;
            return;
        }
        let is_first = |room: &mut Room| {
            let was_there = room.presence.has_node(node.as_str());
            room.presence.join_at(node, name) && !was_there
        };
        if self.with_room(room, is_first) == Some(true) {
            self.index_node(room, node);
        }
    }

    fn leave_remote(&mut self, room: &RoomName, node: &NodeName, name: &UserName) {
        let is_last = |room: &mut Room| {
            let was_there = room.presence.leave_at(node.as_str(), name);
            was_there && !room.presence.has_node(node.as_str())
        };
        if self.with_room(room, is_last) == Some(true) {
            self.index_node(room, node);
        }
    }

    /// Changes names at other nodes in a room, and counts them.
    fn with_room<T>(&mut self, room: &RoomName, change: impl FnOnce(&mut Room) -> T) -> Option<T> {
        let room = self.by_name.get_mut(room)?;
        let before = room.presence.count_at_nodes();
        let result = change(room);
        let after = room.presence.count_at_nodes();
        if let Some(sharing) = &mut self.sharing {
            sharing.pairs = sharing.pairs - before + after;
        }
        Some(result)
    }

    /// Updates the index of nodes by a room.
    fn index_node(&mut self, room: &RoomName, node: &NodeName) {
        let has_members = self
            .get(room)
            .is_some_and(|room| room.presence.has_node(node.as_str()));
        if let Some(sharing) = &mut self.sharing {
            sharing.index(node, room, has_members);
        }
    }

    #[cfg(test)]
    pub(in crate::chat) fn dropped_remote_names(&self) -> u64 {
        self.sharing.as_ref().map_or(0, |sharing| sharing.dropped)
    }

    /// A room is forgotten with its members at other nodes.
    pub(super) fn forget_remote(&mut self, room: &Room) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        sharing.remove_unread(&room.name);
        sharing.pairs -= room.presence.count_at_nodes();
        for node in room.presence.nodes() {
            sharing.index(node, &room.name, false);
        }
    }
}
