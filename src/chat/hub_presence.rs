//! Members that several nodes share: what the hub learns from other nodes, and what it
//! has for them. A task of the server carries both, in one order: it makes all these calls.
//! No call does I/O; each holds the lock for a bounded time.

use std::sync::Arc;

use tokio::sync::Notify;

use super::hub::Hub;
use super::member_outbox::TakenChanges;
use super::remote_snapshot::{MAX_REMOTE_CHANGES, RemoteSnapshot, SnapshotProgress};
use crate::protocol::{RoomName, UserName};

#[cfg_attr(
    not(any(test, feature = "redis")),
    expect(dead_code, reason = "a shared history calls it")
)]
impl Hub {
    /// Shares the members of all rooms with other nodes from now on: members at other nodes
    /// count, and those here are queued for them. Called before there are readers. The
    /// result is notified when there is something to take: by
    /// [`Self::take_member_changes`] or [`Self::take_unread_rooms`].
    pub(crate) fn share_members(&self) -> Arc<Notify> {
        self.lock().share_members()
    }

    /// Takes names that have joined or left rooms here, at most `most`, oldest first. A name
    /// joins with its first stream, and leaves when its grace period is over or its client
    /// has taken another name.
    pub(crate) fn take_member_changes(&self, most: usize) -> TakenChanges {
        self.lock().take_member_changes(most)
    }

    /// This node begins anew, under another name: forgets the changes that were not taken,
    /// and lists all members as changes to take.
    pub(crate) fn list_all_members(&self) {
        self.lock().list_all_members();
    }

    /// Takes rooms of which a [`RemoteSnapshot`] is to be read, at most `most`: new ones,
    /// and after [`Self::read_all_rooms`] all others.
    pub(crate) fn take_unread_rooms(&self, most: usize) -> Vec<RoomName> {
        self.lock().take_unread_rooms(most)
    }

    /// Changes of other nodes were missed, or their numbers begin anew: a snapshot of each
    /// room is to be read. Until then members stay as they are known.
    pub(crate) fn read_all_rooms(&self) {
        self.lock().read_all_rooms();
    }

    /// Names join or leave `room` at another node, in this order, each with whether it
    /// joins. `number` is that of the change: they increase until
    /// [`Self::read_all_rooms`]. Nothing happens if there is
    /// no such room here, or if a snapshot had the change.
    pub(crate) fn remote_changed(
        &self,
        number: u64,
        node: &str,
        room: &RoomName,
        names: &[(UserName, bool)],
    ) {
        for part in names.chunks(MAX_REMOTE_CHANGES) {
            self.lock().remote_changed(number, node, room, part);
        }
    }

    /// All members at another node leave, by the change with this number: a part of them.
    /// Returns whether it has to be called again. Members that are also elsewhere stay.
    #[must_use]
    pub(crate) fn remote_left(&self, number: u64, node: &str) -> bool {
        self.lock().remote_left(number, node)
    }

    /// A part of `snapshot` replaces what is known of members of its room at other nodes.
    /// To be called again while that is [`SnapshotProgress::More`], without other calls
    /// in between that change members at other nodes.
    #[must_use]
    pub(crate) fn set_remote(&self, snapshot: &mut RemoteSnapshot) -> SnapshotProgress {
        self.lock().set_remote(snapshot)
    }

    /// How many names at other nodes were more than the hub remembers, since the start:
    /// counts are too low by as many at most, until a snapshot is read.
    #[cfg(test)]
    pub(crate) fn dropped_remote_names(&self) -> u64 {
        self.lock().dropped_remote_names()
    }
}
