//! What the rooms share with other nodes of their members, apart from the members: indexes,
//! and what is still to be done. A hub that shares nothing has none of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::chat::change_number::ChangeNumber;
use crate::chat::member_outbox::MemberOutbox;
use crate::chat::node_name::NodeName;
use crate::protocol::RoomName;

#[derive(Debug)]
pub(super) struct MemberSharing {
    pub(super) outbox: MemberOutbox,
    /// For each other node the rooms with members there.
    node_rooms: BTreeMap<NodeName, BTreeSet<RoomName>>,
    /// Names at other nodes, in all rooms: one at two nodes counts twice.
    pub(super) pairs: usize,
    /// Names at other nodes that were more than the hub remembers, since the start.
    pub(super) dropped: u64,
    /// The era of the changes that come now.
    era: u64,
    /// The number of the newest change with which all members of a node left.
    newest_left: ChangeNumber,
    unread: UnreadRooms,
    wake: Arc<Notify>,
}

/// Rooms of which no snapshot was read, or none since changes were missed.
#[derive(Debug, Default)]
struct UnreadRooms {
    new: BTreeSet<RoomName>,
    /// All rooms after this one are to be read again.
    again_after: Option<AfterRoom>,
}

/// A place in the order of rooms.
#[derive(Debug, Clone)]
enum AfterRoom {
    Start,
    Room(RoomName),
}

impl MemberSharing {
    pub(super) fn new(wake: Arc<Notify>) -> Self {
        Self {
            outbox: MemberOutbox::new(Arc::clone(&wake)),
            node_rooms: BTreeMap::new(),
            pairs: 0,
            dropped: 0,
            era: 0,
            newest_left: ChangeNumber::default(),
            unread: UnreadRooms::default(),
            wake,
        }
    }

    /// The name of a node. Its text is held once.
    pub(super) fn node(&self, node: &str) -> NodeName {
        let known = self.node_rooms.get_key_value(node);
        known.map_or_else(|| NodeName::new(node), |(name, _)| name.clone())
    }

    /// A node has members of a room, or has none any more.
    pub(super) fn index(&mut self, node: &NodeName, room: &RoomName, has_members: bool) {
        if has_members {
            let rooms = self.node_rooms.entry(node.clone()).or_default();
            rooms.insert(room.clone());
        } else if let Some(rooms) = self.node_rooms.get_mut(node) {
            rooms.remove(room);
            if rooms.is_empty() {
                self.node_rooms.remove(node);
            }
        }
    }

    /// A room with members at this node.
    pub(super) fn room_at(&self, node: &str) -> Option<RoomName> {
        self.node_rooms.get(node)?.first().cloned()
    }

    /// A room of which no snapshot was read.
    pub(super) fn add_unread(&mut self, room: &RoomName) {
        self.unread.new.insert(room.clone());
        self.wake.notify_one();
    }

    pub(super) fn remove_unread(&mut self, room: &RoomName) {
        self.unread.new.remove(room);
    }

    /// The number of a change that comes now, or of a snapshot.
    pub(super) fn number(&self, number: u64) -> ChangeNumber {
        let era = self.era;
        ChangeNumber { era, number }
    }

    /// All members of a node leave by this change.
    pub(super) fn note_left(&mut self, number: ChangeNumber) {
        self.newest_left = self.newest_left.max(number);
    }

    /// Whether a snapshot knows of all nodes that have left.
    pub(super) fn is_after_leaves(&self, as_of: ChangeNumber) -> bool {
        self.newest_left <= as_of
    }

    /// All rooms are to be read again, and another era of changes begins.
    pub(super) fn read_all_again(&mut self) {
        self.era += 1;
        self.unread.again_after = Some(AfterRoom::Start);
        self.wake.notify_one();
    }

    /// Takes at most `most` rooms that are to be read; `names` are all rooms.
    pub(super) fn take_unread(&mut self, names: &BTreeSet<RoomName>, most: usize) -> Vec<RoomName> {
        let mut taken = Vec::new();
        while taken.len() < most {
            match self.unread.new.pop_first() {
                Some(room) => taken.push(room),
                None => break,
            }
        }
        let left = most - taken.len();
        if left > 0
            && let Some(after) = &self.unread.again_after
        {
            let from = match after {
                AfterRoom::Start => Bound::Unbounded,
                AfterRoom::Room(room) => Bound::Excluded(room),
            };
            let rooms = names.range::<RoomName, _>((from, Bound::Unbounded));
            let rooms: Vec<RoomName> = rooms.take(left).cloned().collect();
            self.unread.again_after = match rooms.last() {
                Some(last) if rooms.len() == left => Some(AfterRoom::Room(last.clone())),
                _ => None,
            };
            taken.extend(rooms);
        }
        taken
    }

    #[cfg(test)]
    pub(super) fn node_rooms(&self) -> &BTreeMap<NodeName, BTreeSet<RoomName>> {
        &self.node_rooms
    }
}
