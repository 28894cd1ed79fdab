//! The part of a room's presence that exists only if several nodes share it: which names
//! are at which other node, and what these do not know of the names here yet. What that
//! means for the members is in `remote`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::chat::change_number::ChangeNumber;
use crate::chat::node_name::NodeName;
use crate::protocol::UserName;

#[derive(Debug, Default)]
pub(super) struct OtherNodes {
    /// No node is without names.
    nodes: BTreeMap<NodeName, BTreeSet<UserName>>,
    /// All names at all nodes: a name at two of them counts twice.
    pairs: usize,
    /// Members that have no stream or grace period here.
    pub(super) only_there: usize,
    /// Names that have become members here, or are none any more, each with whether it
    /// joins: since they were last taken.
    changes: Vec<(UserName, bool)>,
    /// The number of the newest change from another node, and that as of which the last
    /// snapshot was. Changes up to the second one are known.
    pub(super) newest: ChangeNumber,
    pub(super) as_of: ChangeNumber,
}

impl OtherNodes {
    /// A name is at a node from now on. Returns whether that is news.
    pub(super) fn insert(&mut self, node: &NodeName, name: &UserName) -> bool {
        let names = match self.nodes.get_mut(node) {
            Some(names) => names,
            None => self.nodes.entry(node.clone()).or_default(),
        };
        let is_new = names.insert(name.clone());
        self.pairs += usize::from(is_new);
        is_new
    }

    /// A name is no longer at a node. Returns whether it was.
    pub(super) fn remove(&mut self, node: &str, name: &UserName) -> bool {
        let Some(names) = self.nodes.get_mut(node) else {
            return false;
        };
        let was_there = names.remove(name);
        if names.is_empty() {
            self.nodes.remove(node);
        }
        self.pairs -= usize::from(was_there);
        was_there
    }

    pub(super) fn pairs(&self) -> usize {
        self.pairs
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeName> {
        self.nodes.keys()
    }

    pub(super) fn has_node(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    /// At most `limit` names at a node.
    pub(super) fn names_at(&self, node: &str, limit: usize) -> Vec<UserName> {
        let names = self.nodes.get(node).into_iter().flatten();
        names.take(limit).cloned().collect()
    }

    /// At most `limit` names at nodes, in order: those after `after`, or the first ones.
    pub(super) fn pairs_after(
        &self,
        after: Option<&(NodeName, UserName)>,
        limit: usize,
    ) -> Vec<(NodeName, UserName)> {
        let from = after.map_or(Bound::Unbounded, |(node, _)| Bound::Included(node));
        let nodes = self.nodes.range::<NodeName, _>((from, Bound::Unbounded));
        let pairs = nodes.flat_map(|(node, names)| {
            let after = after.filter(|(first, _)| first == node);
            let from = after.map_or(Bound::Unbounded, |(_, name)| Bound::Excluded(name));
            let names = names.range::<UserName, _>((from, Bound::Unbounded));
            names.map(|name| (node.clone(), name.clone()))
        });
        pairs.take(limit).collect()
    }

    pub(super) fn note_change(&mut self, name: &UserName, joins: bool) {
        self.changes.push((name.clone(), joins));
    }

    pub(super) fn take_changes(&mut self) -> Vec<(UserName, bool)> {
        std::mem::take(&mut self.changes)
    }
}
