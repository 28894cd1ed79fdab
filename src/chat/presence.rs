//! The members of a room. A name is a member from its first named stream until
//! a grace after its last one ends, so that a page that reloads does not leave.
//!
//! Every operation costs O(log members), or at most one list of 200 members:
//! all of them run under the hub's lock. Which event the readers get, and how
//! often, is decided in `pending`; when to ask for it, by the hub.

mod pending;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use self::pending::{Form, Pending};
use super::feed::MAX_INLINE_BYTES;
use super::membership::StayGuard;
use crate::protocol::{self, MemberList, PresenceEvent, RoomName, UserName};
use crate::sse;

/// How many members are listed at most; beyond that only their count is sent.
pub const MAX_LISTED_MEMBERS: usize = 200;
/// How long a name stays after its last stream ended.
const GRACE: Duration = Duration::from_secs(5);

/// One member of a room.
pub type Member = protocol::Member<UserName, Since>;

/// The time at which a member joined. It is written as RFC 3339 in UTC, with
/// milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since(Timestamp);

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// The members at one moment, as a `presence` event.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) event: sse::Encoded,
    /// Of the room's membership. A reader that has this snapshot and every
    /// change since needs no other.
    pub(super) version: u64,
}

/// What the presence events of a room may cost, in bytes times readers.
#[derive(Debug, Clone, Copy)]
pub(super) struct PresenceBudget {
    /// Streams of the room that get presence events.
    pub(super) readers: usize,
    /// Bytes per second that the room's presence may cost over all readers.
    pub(super) rate: usize,
}

#[derive(Debug, Default)]
pub(super) struct Presence {
    here: BTreeMap<UserName, Stay>,
    /// The members in the order in which they are listed.
    order: BTreeSet<(Timestamp, UserName)>,
    /// Members without a stream, by when the last one ended.
    leaving: BTreeSet<(Instant, UserName)>,
    pending: Pending,
    /// How often a member joined or left.
    version: u64,
    /// The first event of a new stream, until the next change.
    snapshot: Option<sse::Encoded>,
    /// The JSON of the members, until the next change.
    json: Option<Bytes>,
}

#[derive(Debug)]
struct Stay {
    since: Timestamp,
    streams: usize,
    /// When the last stream ended. Set exactly while `streams` is 0, and then
    /// in `leaving`.
    left_at: Option<Instant>,
    /// Of the last stream; only while `streams` is 0.
    guard: Option<StayGuard>,
}

impl Presence {
    /// A stream under this name begins.
    pub(super) fn join(&mut self, name: &UserName) {
        if let Some(stay) = self.here.get_mut(name) {
            stay.streams += 1;
            stay.guard = None;
            if let Some(at) = stay.left_at.take() {
                self.leaving.remove(&(at, name.clone()));
            }
            return;
        }
        let since = Timestamp::now();
        let stay = Stay {
            since,
            streams: 1,
            left_at: None,
            guard: None,
        };
        self.here.insert(name.clone(), stay);
        self.order.insert((since, name.clone()));
        self.pending.joined(name);
        self.changed();
    }

    /// A stream under this name ends. If it was the last one, the name stays for
    /// a grace, and so does `guard`.
    pub(super) fn leave(&mut self, name: &UserName, guard: Option<&StayGuard>, now: Instant) {
        let Some(stay) = self.here.get_mut(name) else {
            debug_assert!(false, "{name:?} leaves but never joined");
            return;
        };
        stay.streams -= 1;
        if stay.streams == 0 {
            stay.left_at = Some(now);
            stay.guard = guard.cloned();
            self.leaving.insert((now, name.clone()));
        }
    }

    /// Ends at most `most` of the stays whose grace is over, the longest over
    /// first. Returns how many it ended.
    pub(super) fn end_stays(&mut self, now: Instant, most: usize) -> usize {
        let before = self.count();
        for _ in 0..most {
            if self.grace_end().is_none_or(|end| end > now) {
                break;
            }
            let Some((_, name)) = self.leaving.pop_first() else {
                break;
            };
            let Some(stay) = self.here.remove(&name) else {
                debug_assert!(false, "{name:?} leaves but is not here");
                continue;
            };
            self.order.remove(&(stay.since, name.clone()));
            let since = Since(stay.since);
            self.pending.left(Member { name, since });
            self.changed();
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
        self.here.contains_key(name)
    }

    /// How often a member joined or left: [`Snapshot::version`].
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// How many members there are.
    pub(super) fn count(&self) -> usize {
        self.here.len()
    }

    /// When there is something to do next: a grace that ends, or an event.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let grace = self.grace_end();
        grace.into_iter().chain(self.pending.due(now)).min()
    }

    /// When the next grace ends.
    pub(super) fn grace_end(&self) -> Option<Instant> {
        self.leaving.first().map(|(at, _)| *at + GRACE)
    }

    /// Whether a flush makes an event now.
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
            self.pending = Pending::default();
            return None;
        }
        let count = self.count();
        let event = match self.pending.form(count) {
            // A large one would be a list when it is written, so it costs as much.
            Form::Difference => match self.difference(room) {
                Some(event) if event.chunk().len() > MAX_INLINE_BYTES => self.list(room),
                event => event,
            },
            Form::List => self.list(room),
            Form::Count => None,
        };
        // A room whose list costs too much goes on with its count alone.
        let event = event.filter(|event| self.pending.affords(event.text_len(), budget));
        let is_count = event.is_none();
        let event = event.unwrap_or_else(|| count_alone(room, count).encode());
        self.pending.sent(event.text_len(), is_count, budget, now);
        Some(event)
    }

    fn difference(&self, room: &RoomName) -> Option<sse::Encoded> {
        let mut joined: Vec<Member> = self
            .pending
            .joined_names()
            .filter_map(|name| {
                let since = Since(self.here.get(name)?.since);
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

    /// All members, unless they are too many for a list.
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

    /// The members; of many, those who joined first.
    fn listed(&self) -> Vec<Member> {
        let first = self.order.iter().take(MAX_LISTED_MEMBERS);
        let member = |(since, name): &(Timestamp, UserName)| Member {
            name: name.clone(),
            since: Since(*since),
        };
        first.map(member).collect()
    }

    /// The first presence event of a new stream. Members that no flush has
    /// announced yet are in it and come once more in `joined`. Encoded once for
    /// all streams that begin before the next change.
    pub(super) fn snapshot(&mut self, room: &RoomName) -> Snapshot {
        self.pending.shown(self.count());
        if self.snapshot.is_none() {
            let list = self.list(room);
            self.snapshot = list.or_else(|| Some(count_alone(room, self.count()).encode()));
        }
        let event = self.snapshot.clone();
        Snapshot {
            event: event.expect("it was made just now"),
            version: self.version,
        }
    }

    /// The members as the JSON of `GET /rooms/{room}/members`: encoded once for
    /// all requests before the next change.
    pub(super) fn json(&mut self, room: &RoomName) -> Bytes {
        if self.json.is_none() {
            self.json = Some(members_json(room, self.count(), self.listed()));
        }
        self.json.clone().expect("it was made just now")
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

/// The `presence` event that voids the readers' lists.
fn count_alone(room: &RoomName, count: usize) -> PresenceEvent<&RoomName, &[Member]> {
    PresenceEvent::count(room, count as u64)
}

#[cfg(test)]
mod tests;
