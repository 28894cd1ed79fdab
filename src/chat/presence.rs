//! Who is here. A name is a member of a room from its first named stream until
//! a grace after its last one ends, so that a reload of a page is not a leaving.
//!
//! Changes are gathered: [`Presence::flush`] makes one event of all that
//! happened since the last. Who calls it, and when, is the hub's affair.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::name::{RoomName, UserName};
use crate::sse;

/// How many members are listed at most; beyond that only their count is told.
pub const MAX_LISTED_MEMBERS: usize = 200;
/// How long a name stays after its last stream ended.
const GRACE: Duration = Duration::from_secs(5);

/// One member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The name.
    pub name: UserName,
    /// Since when it has been here without a break: RFC 3339, UTC.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
}

/// The members of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Members {
    /// How many there are.
    pub count: usize,
    /// The first 200 of them, by the time they came.
    pub members: Vec<Member>,
}

/// All members at one moment, as a `presence` event.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) event: sse::Encoded,
    /// Of the room's membership: who was told of this one and is told of every
    /// change since needs no other.
    pub(super) version: u64,
}

#[derive(Debug, Default)]
pub(super) struct Presence {
    here: HashMap<UserName, Stay>,
    /// Something changed since the last flush, or will when a grace ends.
    unsettled: bool,
    /// How many members the readers were told of last.
    told: usize,
    /// How often somebody came or went.
    version: u64,
    /// What a stream that begins is told, until somebody comes or goes.
    snapshot: Option<sse::Encoded>,
}

#[derive(Debug)]
struct Stay {
    since: Timestamp,
    streams: usize,
    /// When the last stream ended. Set exactly while `streams` is 0.
    left_at: Option<Instant>,
    told: bool,
}

impl Presence {
    /// A stream under this name begins.
    pub(super) fn join(&mut self, name: &UserName) {
        let stay = self.here.entry(name.clone()).or_insert_with(|| {
            self.version += 1;
            self.snapshot = None;
            Stay {
                since: Timestamp::now(),
                streams: 0,
                left_at: None,
                told: false,
            }
        });
        stay.streams += 1;
        stay.left_at = None;
        self.unsettled |= !stay.told;
    }

    /// A stream under this name ends.
    pub(super) fn leave(&mut self, name: &UserName, now: Instant) {
        let Some(stay) = self.here.get_mut(name) else {
            debug_assert!(false, "{name:?} leaves but never came");
            return;
        };
        stay.streams -= 1;
        if stay.streams == 0 {
            stay.left_at = Some(now);
            self.unsettled = true;
        }
    }

    /// Whether this name is a member.
    pub(super) fn has(&self, name: &UserName) -> bool {
        self.here.contains_key(name)
    }

    /// How many members there are.
    pub(super) fn count(&self) -> usize {
        self.here.len()
    }

    /// The members; of many, those who came first.
    pub(super) fn members(&self) -> Members {
        let mut stays: Vec<(&UserName, &Stay)> = self.here.iter().collect();
        if stays.len() > MAX_LISTED_MEMBERS {
            // Under the hub's lock: what is not listed is neither sorted nor copied.
            stays
                .select_nth_unstable_by_key(MAX_LISTED_MEMBERS, |&(name, stay)| (stay.since, name));
            stays.truncate(MAX_LISTED_MEMBERS);
        }
        let mut members: Vec<Member> = stays
            .into_iter()
            .map(|(name, stay)| member(name, stay))
            .collect();
        sort(&mut members);
        Members {
            count: self.count(),
            members,
        }
    }

    /// What a stream that begins is told. Members that nobody was told of yet
    /// are in it, and come once more as joined: a set does not mind. Encoded
    /// once for all streams that begin before the next change.
    pub(super) fn snapshot(&mut self, room: &RoomName) -> Snapshot {
        let version = self.version;
        if let Some(event) = self.snapshot.clone() {
            return Snapshot { event, version };
        }
        let count = self.count();
        let members = (count <= MAX_LISTED_MEMBERS).then(|| self.members().members);
        if members.is_none() {
            // Somebody has only the count now: a difference would say nothing.
            self.told = count;
        }
        let change = Change {
            room,
            count,
            members,
            joined: None,
            left: None,
        };
        let event = self.snapshot.insert(change.encode()).clone();
        Snapshot { event, version }
    }

    /// Whether a flush is due.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Ends the stays whose grace is over, and makes one event of all changes
    /// since the last flush, if there were any.
    pub(super) fn flush(&mut self, room: &RoomName, now: Instant) -> Option<sse::Encoded> {
        let members = self.count();
        let left = self.end_stays(now);
        if self.count() != members {
            self.version += 1;
            self.snapshot = None;
        }
        let joined = self.tell_stays();
        self.unsettled = self.here.values().any(|stay| stay.left_at.is_some());
        if left.is_empty() && joined.is_empty() {
            return None;
        }
        let count = self.count();
        let told_before = std::mem::replace(&mut self.told, count);
        let change = Change {
            room,
            count: self.count(),
            members: None,
            joined: None,
            left: None,
        };
        Some(
            match (
                told_before > MAX_LISTED_MEMBERS,
                self.count() > MAX_LISTED_MEMBERS,
            ) {
                (_, true) => change,
                // The readers had only a count until now, so a difference says nothing.
                (true, false) => Change {
                    members: Some(self.members().members),
                    ..change
                },
                (false, false) => Change {
                    joined: Some(joined),
                    left: Some(left),
                    ..change
                },
            }
            .encode(),
        )
    }

    /// Takes out those whose grace is over; returns those the readers knew.
    fn end_stays(&mut self, now: Instant) -> Vec<Member> {
        let over = |stay: &Stay| {
            stay.left_at
                .is_some_and(|at| now.duration_since(at) >= GRACE)
        };
        let mut left: Vec<Member> = self
            .here
            .extract_if(|_, stay| over(stay))
            .filter(|(_, stay)| stay.told)
            .map(|(name, stay)| member(&name, &stay))
            .collect();
        sort(&mut left);
        if self.here.len() < self.here.capacity() / 4 {
            self.here.shrink_to_fit();
        }
        left
    }

    /// Marks everybody as told; returns those who were not.
    fn tell_stays(&mut self) -> Vec<Member> {
        let mut joined: Vec<Member> = self
            .here
            .iter_mut()
            .filter(|(_, stay)| !stay.told)
            .map(|(name, stay)| {
                stay.told = true;
                member(name, stay)
            })
            .collect();
        sort(&mut joined);
        joined
    }
}

fn member(name: &UserName, stay: &Stay) -> Member {
    Member {
        name: name.clone(),
        since: stay.since,
    }
}

fn sort(members: &mut [Member]) {
    members.sort_unstable_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
}

/// The `presence` event: the whole list, a difference, or the count alone.
#[derive(Serialize)]
struct Change<'a> {
    room: &'a RoomName,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Member>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<Vec<Member>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Vec<Member>>,
}

impl Change<'_> {
    fn encode(&self) -> sse::Encoded {
        sse::Event::with_capacity(256).event("presence").json(self)
    }
}

fn rfc3339<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

#[cfg(test)]
mod tests;
