//! Members at other nodes. A name is a member while it has a stream or a grace period here,
//! or is at another node. It joins with the first of these and leaves with the last. A name
//! that leaves another node has no grace period here: it has had its own there.

use std::ops::Bound;

use tokio::time::Instant;

use super::{GRACE, Presence};
use crate::chat::change_number::ChangeNumber;
use crate::chat::node_name::NodeName;
use crate::protocol::UserName;

impl Presence {
    /// The room is shared with other nodes from now on.
    pub(in crate::chat) fn share(&mut self) {
        self.others.get_or_insert_default();
    }

    /// A name is at another node from now on. Returns whether that is news.
    pub(in crate::chat) fn join_at(&mut self, node: &NodeName, name: &UserName) -> bool {
        // The set of members has the same name: its text is held once.
        let known = self.members.get_key_value(name);
        let name = known.map_or(name, |(name, _)| name).clone();
        let is_new = self
            .others
            .as_mut()
            .is_some_and(|others| others.insert(node, &name));
        if !is_new {
            return false;
        }
        self.take_rename(&name);
        match self.members.get_mut(&name) {
            Some(entry) => entry.nodes += 1,
            None => {
                self.add(&name, 0, 1);
                self.count_only_there(true);
            }
        }
        true
    }

    /// A name is no longer at another node. Returns whether it was.
    pub(in crate::chat) fn leave_at(&mut self, node: &str, name: &UserName) -> bool {
        let others = self.others.as_mut();
        if !others.is_some_and(|others| others.remove(node, name)) {
            return false;
        }
        let Some(entry) = self.members.get_mut(name) else {
            debug_assert!(false, "{name:?} is at {node} but is no member");
            return true;
        };
        entry.nodes -= 1;
        if entry.nodes == 0 && !entry.is_here() {
            self.count_only_there(false);
            let new = self.take_rename(name).filter(|new| self.has(new));
            self.remove(name.clone(), new);
        }
        true
    }

    /// At most `limit` of the names at another node leave it. Returns how many.
    pub(in crate::chat) fn leave_all_at(&mut self, node: &str, limit: usize) -> usize {
        let others = self.others.as_ref();
        let names = others.map_or_else(Vec::new, |others| others.names_at(node, limit));
        for name in &names {
            self.leave_at(node, name);
        }
        names.len()
    }

    /// A name that had no stream and no grace period here has one from now on.
    pub(super) fn begin_here(&mut self, name: &UserName, was_there: bool) {
        if let Some(others) = &mut self.others {
            others.note_change(name, true);
            others.only_there -= usize::from(was_there);
        }
    }

    /// The last stream of a name has ended, and its grace period. `now` is the name that
    /// its client has taken.
    pub(super) fn end_here(&mut self, name: UserName, now: Option<UserName>) {
        if let Some(others) = &mut self.others {
            others.note_change(&name, false);
        }
        match self.members.get_mut(&name) {
            Some(entry) if entry.nodes > 0 => {
                entry.left_at = None;
                entry.guard = None;
                self.end_typing(&name);
                self.count_only_there(true);
            }
            _ => self.remove(name, now),
        }
    }

    fn count_only_there(&mut self, is_more: bool) {
        if let Some(others) = &mut self.others {
            match is_more {
                true => others.only_there += 1,
                false => others.only_there -= 1,
            }
        }
    }

    /// How long a rename is remembered. At another node the old name still has a grace
    /// period, of which that node does not know that the client has taken another name.
    pub(super) fn rename_end_of(&self, old: &UserName, now: Instant) -> Instant {
        let entry = self.members.get(old);
        match entry.is_some_and(|entry| entry.is_here()) {
            true => now + GRACE,
            false => now + 2 * GRACE,
        }
    }

    /// Whether this name has a stream or a grace period here.
    pub(in crate::chat) fn is_here(&self, name: &UserName) -> bool {
        let entry = self.members.get(name);
        entry.is_some_and(|entry| entry.is_here())
    }

    /// The number of members that have a stream or a grace period here.
    pub(in crate::chat) fn count_here(&self) -> usize {
        let others = self.others.as_ref();
        self.count() - others.map_or(0, |others| others.only_there)
    }

    /// Visits at most `limit` members in the order of their names: those after `after`, or
    /// the first ones. Each with whether it has a stream or a grace period here.
    pub(in crate::chat) fn members_after(
        &self,
        after: Option<&UserName>,
        limit: usize,
    ) -> impl Iterator<Item = (&UserName, bool)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let members = self.members.range::<UserName, _>((from, Bound::Unbounded));
        let members = members.map(|(name, entry)| (name, entry.is_here()));
        members.take(limit)
    }

    /// The names that have become members here or are none any more, each with whether it
    /// joins, since the last call. Empty if the room is not shared.
    pub(in crate::chat) fn take_changes_here(&mut self) -> Vec<(UserName, bool)> {
        let others = self.others.as_mut();
        others.map_or_else(Vec::new, |others| others.take_changes())
    }

    /// Whether a change with this number is news. It is known from now on.
    pub(in crate::chat) fn begin_change(&mut self, number: ChangeNumber) -> bool {
        let Some(others) = &mut self.others else {
            return false;
        };
        others.newest = others.newest.max(number);
        number > others.as_of
    }

    /// Whether a snapshot with this number has all changes that are known. Those up to it
    /// are known from now on.
    pub(in crate::chat) fn begin_snapshot(&mut self, as_of: ChangeNumber) -> bool {
        let Some(others) = &mut self.others else {
            return false;
        };
        let is_newest = others.newest <= as_of;
        if is_newest {
            others.as_of = others.as_of.max(as_of);
        }
        is_newest
    }

    /// At most `limit` names at other nodes, in order: those after `after`, or the first
    /// ones.
    pub(in crate::chat) fn names_at_nodes(
        &self,
        after: Option<&(NodeName, UserName)>,
        limit: usize,
    ) -> Vec<(NodeName, UserName)> {
        let others = self.others.as_ref();
        others.map_or_else(Vec::new, |others| others.pairs_after(after, limit))
    }

    /// The number of names at all other nodes: one at two of them counts twice.
    pub(in crate::chat) fn count_at_nodes(&self) -> usize {
        self.others.as_ref().map_or(0, |others| others.pairs())
    }

    /// The other nodes with members of the room.
    pub(in crate::chat) fn nodes(&self) -> impl Iterator<Item = &NodeName> {
        self.others.iter().flat_map(|others| others.nodes())
    }

    /// Whether another node has members of the room.
    pub(in crate::chat) fn has_node(&self, node: &str) -> bool {
        let others = self.others.as_ref();
        others.is_some_and(|others| others.has_node(node))
    }
}
