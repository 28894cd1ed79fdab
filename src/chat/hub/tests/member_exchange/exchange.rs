//! The list that the hubs share, and the members of which it knows.

use std::collections::{BTreeMap, BTreeSet};

use super::node::Node;

/// A room and a name.
pub(super) type RoomMember = (String, String);

/// A change of members that all nodes read.
#[derive(Debug, Clone)]
pub(super) enum ExchangeItem {
    Changed {
        node: String,
        room: String,
        name: String,
        joins: bool,
    },
    Left {
        node: String,
    },
}

#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// All changes: the first has the number 1.
    pub(super) items: Vec<ExchangeItem>,
    /// The nodes with a lease, and their members.
    nodes: BTreeMap<String, BTreeSet<RoomMember>>,
    /// Nodes that have died and still have a lease.
    pub(super) dead: Vec<String>,
    /// Nodes that ever had a lease.
    leases: usize,
}

impl Exchange {
    /// A lease for a new node. Returns its name.
    pub(super) fn begin_lease(&mut self) -> String {
        self.leases += 1;
        let node = format!("node {}", self.leases);
        self.nodes.insert(node.clone(), BTreeSet::new());
        node
    }

    pub(super) fn has_lease(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    pub(super) fn end_lease(&mut self, node: &str) {
        if self.nodes.remove(node).is_some() {
            let node = node.to_owned();
            self.items.push(ExchangeItem::Left { node });
        }
    }

    /// Loses all changes, members and leases.
    pub(super) fn lose(&mut self) {
        self.items.clear();
        self.nodes.clear();
        self.dead.clear();
    }

    pub(super) fn end_dead_leases(&mut self) {
        for node in std::mem::take(&mut self.dead) {
            self.end_lease(&node);
        }
    }

    /// A name joins or leaves a room at a node. Returns whether the node has a lease.
    pub(super) fn change(&mut self, node: &str, member: RoomMember, joins: bool) -> bool {
        let Some(members) = self.nodes.get_mut(node) else {
            return false;
        };
        let is_news = match joins {
            true => members.insert(member.clone()),
            false => members.remove(&member),
        };
        if is_news {
            let (node, (room, name)) = (node.to_owned(), member);
            self.items.push(ExchangeItem::Changed {
                node,
                room,
                name,
                joins,
            });
        }
        true
    }

    /// Each node with the names of a room's members there.
    pub(super) fn members_of(&self, room: &str) -> BTreeMap<String, BTreeSet<String>> {
        let names = |members: &BTreeSet<RoomMember>| {
            let members = members.iter().filter(|(of, _)| of == room);
            members.map(|(_, name)| name.clone()).collect()
        };
        let nodes = self.nodes.iter();
        nodes
            .map(|(node, members)| (node.clone(), names(members)))
            .collect()
    }

    /// The members at all nodes. Each node that lives must have sent its own.
    pub(super) fn members(&self, nodes: &[Node]) -> BTreeSet<RoomMember> {
        let lives: BTreeSet<&str> = nodes.iter().map(Node::name).collect();
        let leases: BTreeSet<&str> = self.nodes.keys().map(String::as_str).collect();
        assert_eq!(lives, leases, "the nodes with a lease");
        for node in nodes {
            assert_eq!(
                self.nodes[node.name()],
                node.members_here(),
                "{}",
                node.name()
            );
        }
        self.nodes.values().flatten().cloned().collect()
    }
}
