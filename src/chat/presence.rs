//! The members of a room. A name is a member from the start of its first stream
//! until a grace period after the end of its last one, so that a page reload is
//! not a leave. A name that a client has changed needs no grace period: `renames`.
//! Members at other nodes are in `remote`.
//!
//! All operations run under the hub's lock. They cost O(log members), or one list
//! of at most 200 members. `pending` decides the form and the rate of presence
//! events, `encoding` writes them, `rooms/housekeeping` decides when they are sent.

mod encoding;
mod other_nodes;
mod pending;
mod remote;
mod renames;
mod set_typing;
mod typing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use self::other_nodes::OtherNodes;
use self::pending::PendingChanges;
pub(super) use self::pending::PresenceBudget;
use self::renames::Renames;
use self::typing::Typing;
use super::member::{LeftMember, Since};
use super::reader_profile::MemberGuard;
use crate::protocol::UserName;
use crate::sse;

/// How long a name stays a member after its last stream has ended.
const GRACE: Duration = Duration::from_secs(5);

/// The members of a room at one moment, as a `presence` event.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) event: sse::Encoded,
    /// The version of the room's members. A reader with this version and all
    /// later changes needs no other snapshot.
    pub(super) version: u64,
}

#[derive(Debug, Default)]
pub(super) struct Presence {
    members: BTreeMap<UserName, MemberEntry>,
    /// The members in the order of the list.
    order: BTreeSet<(Timestamp, UserName)>,
    /// Members without a stream, by the end of their last stream.
    leaving: BTreeSet<(Instant, UserName)>,
    pending: PendingChanges,
    /// Names that clients have changed while they had a stream. Boxed, since few
    /// rooms have any.
    renames: Option<Box<Renames>>,
    /// Members that type. Boxed, since few rooms have any.
    typing: Option<Box<Typing>>,
    /// The members at other nodes. `None` if no other node shares the room.
    others: Option<Box<OtherNodes>>,
    /// The number of joins and leaves, and of changes of `typing`.
    version: u64,
    /// The first event of new streams, until the next change.
    snapshot: Option<sse::Encoded>,
    /// The response of the members endpoint, until the next change.
    json: Option<Bytes>,
}

#[derive(Debug)]
struct MemberEntry {
    since: Timestamp,
    streams: u32,
    /// The other nodes at which it is a member.
    nodes: u32,
    /// The end of the last stream, during the grace period: then it is in `leaving`.
    left_at: Option<Instant>,
    /// The guard of the last stream; only during the grace period.
    guard: Option<MemberGuard>,
}

impl MemberEntry {
    /// Whether it has a stream or a grace period here. Otherwise it is at another node.
    fn is_here(&self) -> bool {
        self.streams > 0 || self.left_at.is_some()
    }
}

impl Presence {
    /// A stream of this name begins.
    pub(super) fn join(&mut self, name: &UserName) {
        // Its next end is no longer that of the client that changed its name.
        self.take_rename(name);
        if let Some(entry) = self.members.get_mut(name) {
            let was_here = entry.is_here();
            entry.streams += 1;
            entry.guard = None;
            if let Some(at) = entry.left_at.take() {
                self.leaving.remove(&(at, name.clone()));
            }
            if !was_here {
                self.begin_here(name, true);
            }
            return;
        }
        self.add(name, 1, 0);
        self.begin_here(name, false);
    }

    /// Adds a member. If several nodes share the room, one that has left since the last
    /// event is back: it may have moved from one node to another.
    fn add(&mut self, name: &UserName, streams: u32, nodes: u32) {
        let back = match self.others {
            Some(_) => self.pending.take_back(name),
            None => None,
        };
        let since = back.unwrap_or_else(|| {
            self.pending.add_joined(name);
            Timestamp::now()
        });
        let entry = MemberEntry {
            since,
            streams,
            nodes,
            left_at: None,
            guard: None,
        };
        self.members.insert(name.clone(), entry);
        self.order.insert((since, name.clone()));
        self.changed();
    }

    /// A stream of this name ends. After the last one, the name and `guard` are
    /// kept for the grace period, unless the client has taken another name.
    pub(super) fn leave(&mut self, name: &UserName, guard: Option<&MemberGuard>, now: Instant) {
        let Some(entry) = self.members.get_mut(name) else {
            debug_assert!(false, "{name:?} leaves but is no member");
            return;
        };
        entry.streams -= 1;
        if entry.streams == 0 {
            entry.left_at = Some(now);
            entry.guard = guard.cloned();
            self.leaving.insert((now, name.clone()));
            self.end_renamed(name, now);
        }
    }

    /// The client of a new stream under `new` had the name `old` until now. If `old`
    /// has no stream, it leaves at once; otherwise with its last stream, if that
    /// ends soon. A member that stays is not affected.
    pub(super) fn rename(&mut self, old: &UserName, new: &UserName, now: Instant) {
        let Some(entry) = self.members.get(old) else {
            return;
        };
        match entry.left_at {
            Some(at) => self.remove_renamed(old, at, new.clone()),
            None => {
                let end = self.rename_end_of(old, now);
                let renames = self.renames.get_or_insert_default();
                renames.remember(old, new, end);
            }
        }
    }

    /// A name whose last stream has just ended leaves at once if its client has taken
    /// another name.
    fn end_renamed(&mut self, old: &UserName, now: Instant) {
        self.remove_expired_renames(now);
        if let Some(new) = self.take_rename(old).filter(|new| self.has(new)) {
            self.remove_renamed(old, now, new);
        }
    }

    fn remove_renamed(&mut self, old: &UserName, left_at: Instant, new: UserName) {
        self.leaving.remove(&(left_at, old.clone()));
        self.end_here(old.clone(), Some(new));
    }

    /// The name that a client has taken in place of `old` just now.
    fn take_rename(&mut self, old: &UserName) -> Option<UserName> {
        let renames = self.renames.as_mut()?;
        let new = renames.take(old);
        if renames.is_empty() {
            self.renames = None;
        }
        new
    }

    /// Forgets the renames that have ended.
    fn remove_expired_renames(&mut self, now: Instant) {
        if let Some(renames) = &mut self.renames {
            renames.remove_expired(now);
            if renames.is_empty() {
                self.renames = None;
            }
        }
    }

    /// The client of `old` has taken the name `new`, after others before it.
    fn follow_renames(&mut self, old: &UserName, new: &UserName) {
        if let Some(renames) = &mut self.renames {
            renames.follow(old, new);
        }
    }

    /// When the next rename is forgotten.
    fn rename_end(&self) -> Option<Instant> {
        self.renames.as_ref()?.end()
    }

    /// Removes a member that is not in `leaving`. `now` is the name that its client
    /// has taken.
    fn remove(&mut self, name: UserName, now: Option<UserName>) {
        let Some(MemberEntry { since, .. }) = self.members.remove(&name) else {
            debug_assert!(false, "{name:?} leaves but is no member");
            return;
        };
        self.order.remove(&(since, name.clone()));
        if let Some(new) = &now {
            self.follow_renames(&name, new);
        }
        self.end_typing(&name);
        let since = Since(since);
        self.pending.add_left(LeftMember { name, since, now });
        self.changed();
    }

    /// At most `limit` members whose grace period is over leave, earliest end first.
    /// Returns how many.
    pub(super) fn remove_expired(&mut self, now: Instant, limit: usize) -> usize {
        self.remove_expired_renames(now);
        self.remove_expired_typing(now);
        for ended in 0..limit {
            if self.grace_end().is_none_or(|end| end > now) {
                return ended;
            }
            let Some((_, name)) = self.leaving.pop_first() else {
                return ended;
            };
            self.end_here(name, None);
        }
        limit
    }

    fn changed(&mut self) {
        self.list_changed();
        self.json = None;
    }

    /// The first event of new streams has changed.
    fn list_changed(&mut self) {
        self.version += 1;
        self.snapshot = None;
    }

    /// Whether this name is a member.
    pub(super) fn has(&self, name: &UserName) -> bool {
        self.members.contains_key(name)
    }

    /// The number of changes: [`Snapshot::version`].
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The number of members.
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    /// When a grace period ends, a rename is forgotten, a member types no longer or
    /// an event can be sent, whichever is first.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let ends = self.grace_end().into_iter().chain(self.rename_end());
        let ends = ends.chain(self.typing_end());
        ends.chain(self.event_due(now)).min()
    }

    /// When the next event can be sent, if there is anything to announce.
    fn event_due(&self, now: Instant) -> Option<Instant> {
        let has_news = self.pending.has_news() || self.has_typing_news();
        has_news.then(|| self.pending.free_at(now))
    }

    /// When the next grace period ends.
    pub(super) fn grace_end(&self) -> Option<Instant> {
        self.leaving.first().map(|(at, _)| *at + GRACE)
    }

    /// Whether a flush would return an event now.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.event_due(now).is_some_and(|due| due <= now)
    }
}

#[cfg(test)]
mod tests;
