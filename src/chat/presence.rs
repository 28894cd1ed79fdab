//! The members of a room. A name is a member from the start of its first stream
//! until a grace period after the end of its last one, so that a page reload is
//! not a leave. A name that a client has changed needs no grace period: `renames`.
//!
//! All operations run under the hub's lock. They cost O(log members), or one list
//! of at most 200 members. `pending` decides the form and the rate of presence
//! events, `rooms/housekeeping` when they are sent.

mod pending;
mod renames;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

pub(super) use self::pending::PresenceBudget;
use self::pending::{MAX_LISTED_MEMBERS, PendingChanges, PresenceForm};
use self::renames::Renames;
use super::member::{LeftMember, Member, Since};
use super::reader_profile::MemberGuard;
use super::room_event::MAX_INLINE_BYTES;
use crate::protocol::{MemberList, PresenceEvent, RoomName, UserName};
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
    /// The number of joins and leaves.
    version: u64,
    /// The first event of new streams, until the next change.
    snapshot: Option<sse::Encoded>,
    /// The response of the members endpoint, until the next change.
    json: Option<Bytes>,
}

#[derive(Debug)]
struct MemberEntry {
    since: Timestamp,
    streams: usize,
    /// The end of the last stream. `Some` exactly while `streams` is 0, and then
    /// in `leaving`.
    left_at: Option<Instant>,
    /// The guard of the last stream; only while `streams` is 0.
    guard: Option<MemberGuard>,
}

impl Presence {
    /// A stream of this name begins.
    pub(super) fn join(&mut self, name: &UserName) {
        // Its next end is no longer that of the client that changed its name.
        self.take_rename(name);
        if let Some(entry) = self.members.get_mut(name) {
            entry.streams += 1;
            entry.guard = None;
            if let Some(at) = entry.left_at.take() {
                self.leaving.remove(&(at, name.clone()));
            }
            return;
        }
        let since = Timestamp::now();
        let entry = MemberEntry {
            since,
            streams: 1,
            left_at: None,
            guard: None,
        };
        self.members.insert(name.clone(), entry);
        self.order.insert((since, name.clone()));
        self.pending.add_joined(name);
        self.changed();
    }

    /// The client of a new stream under `new` had the name `old` until now. If `old`
    /// has no stream, it leaves at once; otherwise with its last stream, if that
    /// ends soon. A member that stays is not affected.
    pub(super) fn rename(&mut self, old: &UserName, new: &UserName, now: Instant) {
        let Some(entry) = self.members.get(old) else {
            return;
        };
        match entry.left_at {
            Some(at) => {
                self.leaving.remove(&(at, old.clone()));
                self.remove(old.clone(), Some(new.clone()));
            }
            None => {
                let renames = self.renames.get_or_insert_default();
                renames.remember(old, new, now + GRACE);
            }
        }
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

    /// A stream of this name ends. After the last one, the name and `guard` are
    /// kept for the grace period, unless the client has taken another name.
    pub(super) fn leave(&mut self, name: &UserName, guard: Option<&MemberGuard>, now: Instant) {
        let Some(entry) = self.members.get_mut(name) else {
            debug_assert!(false, "{name:?} leaves but is no member");
            return;
        };
        entry.streams -= 1;
        if entry.streams > 0 {
            return;
        }
        if let Some(renames) = &mut self.renames {
            renames.remove_expired(now);
            if let Some(new) = self.take_rename(name).filter(|new| self.has(new)) {
                self.remove(name.clone(), Some(new));
                return;
            }
        }
        let entry = self.members.get_mut(name).expect("found above");
        entry.left_at = Some(now);
        entry.guard = guard.cloned();
        self.leaving.insert((now, name.clone()));
    }

    /// Removes a member that is not in `leaving`. `now` is the name that its client
    /// has taken.
    fn remove(&mut self, name: UserName, now: Option<UserName>) {
        let Some(MemberEntry { since, .. }) = self.members.remove(&name) else {
            debug_assert!(false, "{name:?} leaves but is no member");
            return;
        };
        self.order.remove(&(since, name.clone()));
        if let (Some(renames), Some(new)) = (&mut self.renames, &now) {
            renames.follow(&name, new);
        }
        let since = Since(since);
        self.pending.add_left(LeftMember { name, since, now });
        self.changed();
    }

    /// Removes at most `limit` members whose grace period is over, earliest end
    /// first. Returns how many it removed.
    pub(super) fn remove_expired(&mut self, now: Instant, limit: usize) -> usize {
        if let Some(renames) = &mut self.renames {
            renames.remove_expired(now);
            if renames.is_empty() {
                self.renames = None;
            }
        }
        let before = self.count();
        for _ in 0..limit {
            if self.grace_end().is_none_or(|end| end > now) {
                break;
            }
            let Some((_, name)) = self.leaving.pop_first() else {
                break;
            };
            self.remove(name, None);
        }
        before - self.count()
    }

    fn changed(&mut self) {
        self.version += 1;
        self.snapshot = None;
        self.json = None;
    }

    /// Whether this name is a member.
    pub(super) fn has(&self, name: &UserName) -> bool {
        self.members.contains_key(name)
    }

    /// The number of joins and leaves: [`Snapshot::version`].
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The number of members.
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    /// When a grace period ends, a rename is forgotten or an event can be sent,
    /// whichever is first.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let renames = self.renames.as_ref().and_then(|renames| renames.end());
        let ends = self.grace_end().into_iter().chain(renames);
        ends.chain(self.pending.due(now)).min()
    }

    /// When the next grace period ends.
    pub(super) fn grace_end(&self) -> Option<Instant> {
        self.leaving.first().map(|(at, _)| *at + GRACE)
    }

    /// Whether a flush would return an event now.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.pending.due(now).is_some_and(|due| due <= now)
    }

    /// One event for all changes since the last flush, if there were any.
    pub(super) fn flush(
        &mut self,
        room: &RoomName,
        budget: PresenceBudget,
        now: Instant,
    ) -> Option<sse::Encoded> {
        if !self.is_ready(now) {
            return None;
        }
        if budget.readers == 0 {
            self.pending = PendingChanges::default();
            return None;
        }
        let count = self.count();
        let members = &self.members;
        self.pending
            .settle_renames(|name| members.contains_key(name));
        let event = match self.pending.form(count) {
            // The channel replaces a large event by a list, which costs as much.
            PresenceForm::Difference => match self.difference(room) {
                Some(event) if event.chunk().len() > MAX_INLINE_BYTES => self.list(room),
                event => event,
            },
            PresenceForm::List => self.list(room),
            PresenceForm::Count => None,
        };
        // If an event with names costs too much, the count alone is sent.
        let event = event.filter(|event| self.pending.permits(event.text_len(), budget));
        let is_count = event.is_none();
        let event = event.unwrap_or_else(|| count_alone(room, count).encode());
        self.pending.reset(event.text_len(), is_count, budget, now);
        Some(event)
    }

    fn difference(&self, room: &RoomName) -> Option<sse::Encoded> {
        let mut joined: Vec<Member> = self
            .pending
            .joined_names()
            .filter_map(|name| {
                let since = Since(self.members.get(name)?.since);
                let name = name.clone();
                Some(Member { name, since })
            })
            .collect();
        joined.sort_unstable_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
        let change = PresenceEvent {
            joined: Some(&joined[..]),
            left: Some(self.pending.left_members()),
            ..count_alone(room, self.count())
        };
        Some(change.encode())
    }

    /// All members, or `None` if they are too many for a list.
    fn list(&self, room: &RoomName) -> Option<sse::Encoded> {
        let count = self.count();
        if count > MAX_LISTED_MEMBERS {
            return None;
        }
        let list = PresenceEvent {
            members: Some(&self.listed()[..]),
            ..count_alone(room, count)
        };
        Some(list.encode())
    }

    /// The first [`MAX_LISTED_MEMBERS`] members, in the order in which they joined.
    fn listed(&self) -> Vec<Member> {
        let first = self.order.iter().take(MAX_LISTED_MEMBERS);
        let member = |(since, name): &(Timestamp, UserName)| Member {
            name: name.clone(),
            since: Since(*since),
        };
        first.map(member).collect()
    }

    /// The first presence event of a new stream. It contains members that no
    /// flush has announced yet; these also follow in `joined`. Encoded once for all
    /// streams that begin before the next change.
    pub(super) fn snapshot(&mut self, room: &RoomName) -> Snapshot {
        self.pending.note_snapshot(self.count());
        if self.snapshot.is_none() {
            let list = self.list(room);
            self.snapshot = list.or_else(|| Some(count_alone(room, self.count()).encode()));
        }
        let event = self.snapshot.clone();
        Snapshot {
            event: event.expect("set above"),
            version: self.version,
        }
    }

    /// The response of `GET /rooms/{room}/members`, encoded once for all requests
    /// before the next change.
    pub(super) fn json(&mut self, room: &RoomName) -> Bytes {
        if self.json.is_none() {
            self.json = Some(members_json(room, self.count(), self.listed()));
        }
        self.json.clone().expect("set above")
    }
}

/// The response to `GET /rooms/{room}/members`.
pub(super) fn members_json(room: &RoomName, count: usize, members: Vec<Member>) -> Bytes {
    let list = MemberList {
        room,
        count: count as u64,
        members,
    };
    let json = serde_json::to_vec(&list).expect("members have a JSON form");
    json.into()
}

/// A `presence` event of lists that are borrowed.
type BorrowedEvent<'a> = PresenceEvent<&'a RoomName, &'a [Member], &'a [LeftMember]>;

/// The `presence` event that voids the readers' lists.
fn count_alone(room: &RoomName, count: usize) -> BorrowedEvent<'_> {
    PresenceEvent::count(room, count as u64)
}

#[cfg(test)]
mod tests;
