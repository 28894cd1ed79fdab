//! What other nodes do not know yet of the members here: names that join and leave, until
//! a task takes them. A join and a leave of one name that were not taken cancel out, so
//! there are never more than names that were taken as members and names that are some:
//! twice the limit on members.
//!
//! A node that begins anew lists all its members. The listing goes on in the order of rooms
//! and names, a part at each call. What changes behind it waits here; what changes before
//! it is listed as it is then.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::protocol::{RoomName, UserName};

/// A name joins or leaves a room at this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberChange {
    pub(crate) room: RoomName,
    pub(crate) name: UserName,
    pub(crate) joins: bool,
}

/// Changes that were taken, oldest first.
#[derive(Debug, Default)]
#[cfg_attr(
    not(any(test, feature = "redis")),
    expect(dead_code, reason = "a shared history reads it")
)]
pub(crate) struct TakenChanges {
    pub(crate) changes: Vec<MemberChange>,
    /// Whether there is more to take.
    pub(crate) has_more: bool,
}

/// How far the members of this node are listed, in the order of rooms and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListedThrough {
    Nothing,
    /// This member.
    Member(RoomName, UserName),
    /// All members of this room.
    Room(RoomName),
    Everything,
}

#[derive(Debug)]
pub(super) struct MemberOutbox {
    /// By the order in which they came.
    queue: BTreeMap<u64, MemberChange>,
    /// The place in the queue of each name in a room.
    places: HashMap<(RoomName, UserName), u64>,
    next: u64,
    pub(super) listed: ListedThrough,
    wake: Arc<Notify>,
}

impl MemberOutbox {
    /// All members are to be listed. `wake` is notified when there is something to take.
    pub(super) fn new(wake: Arc<Notify>) -> Self {
        let mut outbox = Self {
            queue: BTreeMap::new(),
            places: HashMap::new(),
            next: 0,
            listed: ListedThrough::Everything,
            wake,
        };
        outbox.begin_listing();
        outbox
    }

    /// Lists all members once more, instead of what waits.
    pub(super) fn begin_listing(&mut self) {
        self.queue = BTreeMap::new();
        self.places = HashMap::new();
        self.listed = ListedThrough::Nothing;
        self.wake.notify_one();
    }

    /// A name joins or leaves a room here.
    pub(super) fn push(&mut self, room: &RoomName, name: UserName, joins: bool) {
        if !self.listed.has(room, &name) {
            return;
        }
        let key = (room.clone(), name);
        if let Some(place) = self.places.remove(&key) {
            let earlier = self.queue.remove(&place);
            debug_assert!(
                earlier.is_some_and(|earlier| earlier.joins != joins),
                "joins and leaves of a name alternate"
            );
            return;
        }
        let (room, name) = key.clone();
        self.places.insert(key, self.next);
        self.queue
            .insert(self.next, MemberChange { room, name, joins });
        self.next += 1;
        self.wake.notify_one();
    }

    /// Takes the oldest changes, until `changes` are `most`.
    pub(super) fn take(&mut self, changes: &mut Vec<MemberChange>, most: usize) {
        while changes.len() < most {
            let Some((_, change)) = self.queue.pop_first() else {
                break;
            };
            self.places
                .remove(&(change.room.clone(), change.name.clone()));
            changes.push(change);
        }
        if self.queue.is_empty() {
            // After a time without the other nodes it may be large.
            self.places.shrink_to_fit();
        }
    }

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.listed == ListedThrough::Everything
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        assert_eq!(self.queue.len(), self.places.len());
        self.queue.len()
    }
}

impl ListedThrough {
    /// Whether the listing is beyond a name.
    fn has(&self, room: &RoomName, name: &UserName) -> bool {
        match self {
            Self::Nothing => false,
            Self::Member(last, member) => (room, name) <= (last, member),
            Self::Room(last) => room <= last,
            Self::Everything => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> MemberOutbox {
        let mut outbox = MemberOutbox::new(Arc::default());
        outbox.listed = ListedThrough::Everything;
        outbox
    }

    fn push(outbox: &mut MemberOutbox, room: &str, name: &str, joins: bool) {
        let room = RoomName::parse(room).unwrap();
        outbox.push(&room, UserName::parse(name).unwrap(), joins);
    }

    fn take(outbox: &mut MemberOutbox, most: usize) -> Vec<String> {
        let mut changes = Vec::new();
        outbox.take(&mut changes, most);
        let text = |MemberChange { room, name, joins }: MemberChange| {
            let sign = if joins { '+' } else { '-' };
            format!("{}{sign}{}", room.as_str(), name.as_str())
        };
        changes.into_iter().map(text).collect()
    }

    #[test]
    fn changes_are_taken_in_order_and_no_more_than_wanted() {
        let mut outbox = outbox();
        push(&mut outbox, "b", "Ann", true);
        push(&mut outbox, "a", "Ann", true);
        push(&mut outbox, "a", "Bob", true);
        assert_eq!(take(&mut outbox, 2), ["b+Ann", "a+Ann"]);
        push(&mut outbox, "b", "Ann", false);
        assert_eq!(take(&mut outbox, 9), ["a+Bob", "b-Ann"]);
        assert!(outbox.is_empty() && outbox.queued() == 0);
    }

    #[test]
    fn a_join_and_a_leave_that_were_not_taken_cancel_out() {
        let mut outbox = outbox();
        push(&mut outbox, "a", "Ann", true);
        push(&mut outbox, "a", "Bob", true);
        push(&mut outbox, "a", "Ann", false);
        assert_eq!(take(&mut outbox, 9), ["a+Bob"]);
        push(&mut outbox, "a", "Bob", false);
        push(&mut outbox, "a", "Bob", true);
        assert_eq!(take(&mut outbox, 9), [""; 0]);
    }

    #[test]
    fn a_change_before_the_listing_is_not_queued() {
        let mut outbox = outbox();
        push(&mut outbox, "b", "Bob", true);
        outbox.begin_listing();
        assert!(!outbox.is_empty());
        let (b, bob) = (
            RoomName::parse("b").unwrap(),
            UserName::parse("Bob").unwrap(),
        );
        outbox.listed = ListedThrough::Member(b.clone(), bob);
        for (room, name) in [
            ("a", "Zoe"),
            ("b", "Ann"),
            ("b", "Bob"),
            ("b", "Cy"),
            ("c", "Al"),
        ] {
            push(&mut outbox, room, name, false);
        }
        assert_eq!(take(&mut outbox, 9), ["a-Zoe", "b-Ann", "b-Bob"]);
        outbox.listed = ListedThrough::Room(b);
        push(&mut outbox, "b", "Cy", false);
        push(&mut outbox, "c", "Al", false);
        assert_eq!(take(&mut outbox, 9), ["b-Cy"]);
    }
}
