//! All rooms, and what they may cost: what the hub's one lock protects.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::event_id::{Epoch, EventId};
use super::forgotten::Forgotten;
use super::history::HistoryLimits;
use super::message::{Draft, Frame, SentAs};
use super::name::{RoomName, UserName};
use super::room::Room;
use super::room_key::RoomKey;
use super::totals::Totals;

/// What bounds the rooms' memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most messages of history a room.
    pub history: usize,
    /// Most bytes of history a room.
    pub history_bytes: usize,
    /// Most bytes of history over all rooms.
    pub history_budget: usize,
    /// Most rooms at one time.
    pub max_rooms: usize,
    /// One of these places is kept for this room: who names none finds it,
    /// whoever has made all others.
    pub default_room: RoomName,
    /// Most members over all rooms.
    pub max_members: usize,
    /// How long a room without readers and new messages is kept.
    pub room_idle: Duration,
}

/// What became of a draft.
#[derive(Debug, Clone)]
pub enum Published {
    /// It was said now.
    Said(Frame),
    /// The same request was published before under its client id: this is the
    /// first message.
    Repeated(Frame),
}

/// Why a draft is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPublished {
    /// Its room would be one too many.
    Rooms(TooManyRooms),
    /// History holds another request under its client id.
    ClientIdReused,
}

impl From<TooManyRooms> for NotPublished {
    fn from(error: TooManyRooms) -> Self {
        Self::Rooms(error)
    }
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rooms(error) => error.fmt(f),
            Self::ClientIdReused => f.write_str(
                "this client_id stands for another message of the room; send this one with a new \
                 client_id",
            ),
        }
    }
}

impl std::error::Error for NotPublished {}

/// There are as many rooms as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyRooms;

impl fmt::Display for TooManyRooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the server has as many rooms as it may have; use one of them, or come back later",
        )
    }
}

impl std::error::Error for TooManyRooms {}

/// Why a stream can't begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    /// One of its rooms would be one too many.
    Rooms(TooManyRooms),
    /// It would be one member too many.
    Members,
}

impl From<TooManyRooms> for TooMany {
    fn from(error: TooManyRooms) -> Self {
        Self::Rooms(error)
    }
}

#[derive(Debug)]
pub(super) struct Rooms {
    epoch: Epoch,
    limits: Limits,
    by_name: HashMap<RoomName, Room>,
    /// The seq of the newest message of all.
    seq: u64,
    /// The key of the newest room.
    key: RoomKey,
    forgotten: Forgotten,
    /// The sum of what all histories hold.
    bytes: usize,
    /// Messages since the start, and bytes of their texts.
    said: (u64, u64),
    /// Rooms whose presence may need a flush.
    unsettled: HashSet<RoomName>,
    /// The sum of the members of all rooms.
    members: usize,
}

impl Rooms {
    pub(super) fn new(epoch: Epoch, limits: Limits) -> Self {
        Self {
            epoch,
            by_name: HashMap::new(),
            seq: 0,
            key: RoomKey::default(),
            forgotten: Forgotten::with_capacity(limits.max_rooms),
            bytes: 0,
            said: (0, 0),
            unsettled: HashSet::new(),
            members: 0,
            limits,
        }
    }

    /// The seq of the newest message of all.
    pub(super) fn newest(&self) -> u64 {
        self.seq
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn id(&self, seq: u64) -> EventId {
        EventId {
            epoch: self.epoch,
            seq,
        }
    }

    pub(super) fn get(&self, name: &RoomName) -> Option<&Room> {
        self.by_name.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.by_name.get_mut(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Room> {
        self.by_name.values()
    }

    /// Of its totals, those that need the lock.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals {
            rooms: self.by_name.len(),
            history_bytes: self.bytes,
            messages: self.said.0,
            message_bytes: self.said.1,
            ..Totals::default()
        };
        for room in self.all() {
            totals.members += room.presence.count();
            totals.history_messages += room.history.len();
        }
        totals
    }

    /// Publishes `draft`, unless it is a retry of what history holds. The
    /// wakers of the readers to notify are added to `asleep`.
    pub(super) fn publish(
        &mut self,
        name: &RoomName,
        draft: &Draft,
        sent_as: Option<SentAs>,
        asleep: &mut Vec<Waker>,
    ) -> Result<Published, NotPublished> {
        let now = Instant::now();
        let id = self.id(self.seq + 1);
        let room = self.get_or_make(name, now)?;
        if let Some(sent_as) = &sent_as
            && let Some((first, request)) = room.history.sent_as(&sent_as.client_id)
        {
            return match request == sent_as.request {
                true => Ok(Published::Repeated(first.clone())),
                false => Err(NotPublished::ClientIdReused),
            };
        }
        let bytes_before = room.history.bytes();
        let text_bytes = draft.text.as_str().len() as u64;
        let frame = room.say(id, draft, sent_as, now, asleep);
        let bytes = room.history.bytes();
        self.bytes = self.bytes - bytes_before + bytes;
        self.seq = id.seq;
        self.said = (self.said.0 + 1, self.said.1 + text_bytes);
        self.keep_budget();
        Ok(Published::Said(frame))
    }

    /// A stream enters all of its rooms, or none.
    pub(super) fn enter(
        &mut self,
        names: &[RoomName],
        member: Option<&UserName>,
    ) -> Result<(), TooMany> {
        // Counted first: a stream that is refused must not have made a room.
        let new = names
            .iter()
            .filter(|&name| !self.by_name.contains_key(name));
        self.make_sure_of_rooms(new)?;
        self.make_sure_of_places(names, member)?;
        let now = Instant::now();
        for name in names {
            let room = self.get_or_make(name, now)?;
            let members = room.presence.count();
            room.enter(member);
            let came = room.presence.count() - members;
            self.members += came;
            self.settle_later(name);
        }
        Ok(())
    }

    fn make_sure_of_rooms<'a>(
        &self,
        new: impl Iterator<Item = &'a RoomName>,
    ) -> Result<(), TooManyRooms> {
        let default = &self.limits.default_room;
        let kept = usize::from(!self.by_name.contains_key(default));
        let others = new.filter(|&name| name != default).count();
        match self.by_name.len() + kept + others > self.limits.max_rooms {
            true => Err(TooManyRooms),
            false => Ok(()),
        }
    }

    /// Who is a member already comes in with any number of streams.
    fn make_sure_of_places(
        &self,
        names: &[RoomName],
        member: Option<&UserName>,
    ) -> Result<(), TooMany> {
        let Some(member) = member else {
            return Ok(());
        };
        let is_in = |room: &Room| room.presence.has(member);
        let new = names
            .iter()
            .filter(|&name| !self.by_name.get(name).is_some_and(is_in));
        match self.members + new.count() > self.limits.max_members {
            true => Err(TooMany::Members),
            false => Ok(()),
        }
    }

    /// A stream leaves its rooms.
    pub(super) fn leave<'a>(
        &mut self,
        names: impl Iterator<Item = &'a RoomName>,
        member: Option<&UserName>,
    ) {
        let now = Instant::now();
        for name in names {
            if let Some(room) = self.by_name.get_mut(name) {
                room.leave(member, now);
                self.settle_later(name);
            }
        }
    }

    /// Tells the readers who came and who left. Puts into `asleep` whom to wake
    /// for it.
    pub(super) fn flush_presence(&mut self, now: Instant, asleep: &mut Vec<Waker>) {
        for name in std::mem::take(&mut self.unsettled) {
            if let Some(room) = self.by_name.get_mut(&name) {
                let members = room.presence.count();
                room.flush_presence(now, asleep);
                self.members -= members - room.presence.count();
            }
            self.settle_later(&name);
        }
    }

    /// Forgets rooms that are idle, but for where they ended.
    pub(super) fn forget_idle(&mut self, now: Instant) {
        let idle = self.limits.room_idle;
        for (name, room) in self.by_name.extract_if(|_, room| room.is_idle(now, idle)) {
            self.bytes -= room.history.bytes();
            if let Some(ended) = room.ended() {
                // If this pushes out another, even a reader that has the newest
                // message of all must be told, for that room's numbers start
                // anew: by a seq that no message has.
                self.seq += u64::from(self.forgotten.is_full());
                self.forgotten.insert(name, ended, self.seq);
            }
        }
        if self.by_name.len() < self.by_name.capacity() / 4 {
            self.by_name.shrink_to_fit();
        }
    }

    fn get_or_make(&mut self, name: &RoomName, now: Instant) -> Result<&mut Room, TooManyRooms> {
        if !self.by_name.contains_key(name) {
            self.make_sure_of_rooms(std::iter::once(name))?;
            let limits = HistoryLimits {
                count: self.limits.history,
                bytes: self.limits.history_bytes,
            };
            self.key.0 += 1;
            let ended = self.forgotten.take(name);
            let room = Room::new(self.key, name.clone(), limits, ended, now);
            self.by_name.insert(name.clone(), room);
        }
        Ok(self
            .by_name
            .get_mut(name)
            .expect("it is there or was made just now"))
    }

    /// Evicts until all histories together are within the budget, from the
    /// rooms that hold most, so that a loud room does not silence the quiet ones.
    /// It makes some room ahead, so that the look at all rooms is rare.
    fn keep_budget(&mut self) {
        let budget = self.limits.history_budget;
        if self.bytes <= budget {
            return;
        }
        let excess = self.bytes - (budget - budget / 64);
        let mut rooms: Vec<&mut Room> = self.by_name.values_mut().collect();
        rooms.sort_unstable_by_key(|room| Reverse(room.history.bytes()));
        let level = level(rooms.iter().map(|room| room.history.bytes()), excess);
        for room in rooms {
            let held = room.history.bytes();
            while room.history.bytes() > level {
                room.history.evict_oldest();
            }
            self.bytes = self.bytes - held + room.history.bytes();
        }
    }

    fn settle_later(&mut self, name: &RoomName) {
        let room = self.by_name.get(name);
        if room.is_some_and(|room| room.presence.is_unsettled()) {
            self.unsettled.insert(name.clone());
        }
    }
}

/// The level down to which the largest of `sizes` have to be cut, so that
/// `excess` goes in all. The sizes come largest first.
fn level(sizes: impl Iterator<Item = usize>, excess: usize) -> usize {
    let mut sizes = sizes.chain([0]).peekable();
    let (mut cut, mut gone) = (0, 0);
    while let (Some(size), Some(&next)) = (sizes.next(), sizes.peek()) {
        cut += 1;
        if gone + (size - next) * cut >= excess {
            return size - (excess - gone).div_ceil(cut);
        }
        gone += (size - next) * cut;
    }
    0
}

#[cfg(test)]
impl Rooms {
    /// The members of all rooms, counted anew, and as it is kept.
    pub(super) fn members(&self) -> (usize, usize) {
        (
            self.all().map(|room| room.presence.count()).sum(),
            self.members,
        )
    }

    /// What the histories hold, added up anew, and as it is kept.
    pub(super) fn bytes(&self) -> (usize, usize) {
        (
            self.all().map(|room| room.history.bytes()).sum(),
            self.bytes,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_takes_from_the_largest_what_is_too_much() {
        for (sizes, excess, expected) in [
            (&[10][..], 3, 7),
            (&[10, 4], 3, 7),
            (&[10, 4], 8, 3),
            (&[5, 5, 5, 1], 6, 3),
            (&[5, 5], 10, 0),
            (&[], 1, 0),
        ] {
            assert_eq!(
                level(sizes.iter().copied(), excess),
                expected,
                "{sizes:?} less {excess}"
            );
        }
    }
}
