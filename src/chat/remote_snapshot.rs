//! The members of a room at all other nodes, as they were at one time. They replace what
//! is known of them, a part at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::node_name::NodeName;
use super::room_key::RoomKey;
use crate::protocol::{RoomName, UserName};

/// Most names at other nodes that one call changes.
pub(super) const MAX_REMOTE_CHANGES: usize = 128;

/// The members of a room at other nodes as of one change.
#[derive(Debug)]
pub(crate) struct RemoteSnapshot {
    pub(super) room: RoomName,
    /// The number of the newest change that it has.
    pub(super) as_of: u64,
    nodes: BTreeMap<NodeName, BTreeSet<UserName>>,
    pub(super) stage: SnapshotStage,
}

/// How far a snapshot has replaced what was known: first names join, so that a name that
/// has moved from one node to another stays a member, then names leave.
#[derive(Debug)]
pub(super) enum SnapshotStage {
    New,
    /// The names that are left to join the room.
    Joins(RoomKey, std::vec::IntoIter<(NodeName, UserName)>),
    /// The last known name that was compared.
    Leaves(RoomKey, Option<(NodeName, UserName)>),
}

/// Where a snapshot is after a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotProgress {
    /// Another part is left.
    More,
    /// It has replaced what was known.
    Done,
    /// Later changes are known: another snapshot has to be read.
    Outdated,
    /// There is no such room, or no longer.
    NoRoom,
}

impl RemoteSnapshot {
    /// The members of `room` at each of the other nodes, without this one. `as_of` is the
    /// number of the newest change that they have.
    #[cfg_attr(
        not(any(test, feature = "redis")),
        expect(dead_code, reason = "a shared history calls it")
    )]
    pub(crate) fn new<'a>(
        room: RoomName,
        as_of: u64,
        nodes: impl IntoIterator<Item = (&'a str, Vec<UserName>)>,
    ) -> Self {
        let nodes = nodes.into_iter();
        let nodes = nodes.map(|(node, names)| (NodeName::new(node), names.into_iter().collect()));
        Self {
            room,
            as_of,
            nodes: nodes.collect(),
            stage: SnapshotStage::New,
        }
    }

    pub(super) fn pairs(&self) -> Vec<(NodeName, UserName)> {
        let nodes = self.nodes.iter();
        let pairs = nodes.flat_map(|(node, names)| {
            let names = names.iter();
            names.map(|name| (node.clone(), name.clone()))
        });
        pairs.collect()
    }

    pub(super) fn has(&self, node: &NodeName, name: &UserName) -> bool {
        let names = self.nodes.get(node);
        names.is_some_and(|names| names.contains(name))
    }
}
