//! All rooms, and what they may cost: what the hub's one lock protects.
//!
//! Nothing here looks at all rooms or at all members of one: every operation
//! costs about the logarithm of their number. `upkeep` does what time brings,
//! `by_size` finds the rooms from which history is evicted.

mod by_size;
mod upkeep;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::time::Duration;

use tokio::time::Instant;

use self::by_size::BySize;
pub use self::upkeep::Due;
use self::upkeep::Upkeep;
use super::feed::Channel;
use super::forgotten_rooms::ForgottenRooms;
use super::history::HistoryLimits;
use super::membership::Attendance;
use super::message::{Draft, Frame, SentAs};
use super::room::Room;
use super::room_key::RoomKey;
use super::totals::Totals;
use crate::protocol::{Epoch, EventId, RoomName, UserName};

/// What bounds the rooms' memory.
#[derive(Debug, Clone)]
pub struct HubLimits {
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
    /// Bytes per second that the presence events of one room may cost, each
    /// counted once for each reader that gets it.
    pub presence_rate: usize,
    /// The same for the presence events of all rooms together.
    pub presence_rate_total: usize,
    /// Events that may wait for a worker: a power of two, or the next one.
    pub channel_slots: usize,
    /// Bytes of large messages that may wait for a worker.
    pub channel_large: usize,
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
pub enum PublishError {
    /// Its room would be one too many.
    Rooms(TooManyRooms),
    /// History holds another request under its client id.
    ClientIdReused,
}

impl From<TooManyRooms> for PublishError {
    fn from(error: TooManyRooms) -> Self {
        Self::Rooms(error)
    }
}

impl fmt::Display for PublishError {
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

impl std::error::Error for PublishError {}

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
pub enum SubscribeError {
    /// One of its rooms would be one too many.
    Rooms(TooManyRooms),
    /// It would be one member too many.
    Members,
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rooms(error) => error.fmt(f),
            Self::Members => f.write_str("the server has as many members as it may have"),
        }
    }
}

impl std::error::Error for SubscribeError {}

impl From<TooManyRooms> for SubscribeError {
    fn from(error: TooManyRooms) -> Self {
        Self::Rooms(error)
    }
}

#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) channel: Channel,
    epoch: Epoch,
    limits: HubLimits,
    /// Boxed, so that a table that grows moves pointers.
    by_name: HashMap<RoomName, Box<Room>>,
    /// The same rooms in the order of their names.
    names: BTreeSet<RoomName>,
    by_size: BySize,
    upkeep: Upkeep,
    /// The seq of the newest message of all.
    seq: u64,
    /// The key of the newest room.
    key: RoomKey,
    forgotten: ForgottenRooms,
    /// The sums of what all histories hold.
    bytes: usize,
    held: usize,
    /// Messages since the start, and bytes of their texts.
    said: (u64, u64),
    /// The sum of the members of all rooms.
    members: usize,
}

impl Rooms {
    pub(super) fn new(epoch: Epoch, limits: HubLimits) -> Self {
        Self {
            channel: Channel::new(limits.channel_slots, limits.channel_large),
            epoch,
            by_name: HashMap::new(),
            names: BTreeSet::new(),
            by_size: BySize::default(),
            upkeep: Upkeep::default(),
            seq: 0,
            key: RoomKey::default(),
            forgotten: ForgottenRooms::with_capacity(limits.max_rooms),
            bytes: 0,
            held: 0,
            said: (0, 0),
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
        self.by_name.get(name).map(|room| &**room)
    }

    pub(super) fn get_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.by_name.get_mut(name).map(|room| &mut **room)
    }

    /// How many rooms there are.
    pub(super) fn count(&self) -> usize {
        self.by_name.len()
    }

    /// The rooms after `after`, or all, in the order of their names.
    pub(super) fn after(&self, after: Option<&RoomName>) -> impl Iterator<Item = &Room> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.names.range((from, Bound::Unbounded));
        names.filter_map(|name| self.get(name))
    }

    /// Of its totals, those that need the lock.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            rooms: self.count(),
            members: self.members,
            history_messages: self.held,
            history_bytes: self.bytes,
            messages: self.said.0,
            message_bytes: self.said.1,
            presence_bytes: self.upkeep.presence_bytes(),
            sent_events: self.channel.position(),
            ..Totals::default()
        }
    }

    /// Publishes `draft`, unless it is a retry of what history holds: into the
    /// room's history, then into the channel.
    pub(super) fn publish(
        &mut self,
        name: &RoomName,
        draft: &Draft,
        sent_as: Option<SentAs>,
    ) -> Result<Published, PublishError> {
        let now = Instant::now();
        let id = self.id(self.seq + 1);
        self.make_if_new(name, now)?;
        let room = self.by_name.get_mut(name).expect("it is there now");
        if let Some(sent_as) = &sent_as
            && let Some((first, request)) = room.history.sent_as(&sent_as.client_id)
        {
            return match request == sent_as.request {
                true => Ok(Published::Repeated(first.clone())),
                false => Err(PublishError::ClientIdReused),
            };
        }
        let before = (room.history.bytes(), room.history.len());
        let text_bytes = draft.text.as_str().len() as u64;
        let frame = room.say(id, draft, sent_as, now);
        if room.has_readers() {
            let event = self.channel.update(name, &frame);
            self.channel.send(room.key, event, now);
        }
        let after = (room.history.bytes(), room.history.len());
        let has_grown = BySize::class(after.0) > room.size_class;
        self.bytes = self.bytes - before.0 + after.0;
        self.held = self.held - before.1 + after.1;
        if has_grown && let Some(room) = self.by_name.get_mut(name) {
            self.by_size.sort_again(room);
        }
        self.seq = id.seq;
        self.said = (self.said.0 + 1, self.said.1 + text_bytes);
        self.keep_budget();
        Ok(Published::Said(frame))
    }

    /// A stream enters all of its rooms, or none.
    pub(super) fn enter(
        &mut self,
        names: &[RoomName],
        attendance: &Attendance,
    ) -> Result<(), SubscribeError> {
        // Counted first: a stream that is refused must not have made a room.
        self.check_rooms(names)?;
        self.make_sure_of_places(names, attendance.name())?;
        let now = Instant::now();
        for name in names {
            self.make_if_new(name, now)?;
            let room = self.by_name.get_mut(name).expect("it is there now");
            let members = room.presence.count();
            room.enter(attendance);
            let joined = room.presence.count() - members;
            self.members += joined;
            self.schedule(name, now);
        }
        Ok(())
    }

    /// Whether those of `names` that are no rooms yet may become rooms.
    pub(super) fn check_rooms(&self, names: &[RoomName]) -> Result<(), TooManyRooms> {
        let is_new = |name: &&RoomName| !self.by_name.contains_key(*name);
        self.make_sure_of_rooms(names.iter().filter(is_new))
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
    ) -> Result<(), SubscribeError> {
        let Some(member) = member else {
            return Ok(());
        };
        let is_in = |name: &RoomName| self.get(name).is_some_and(|room| room.presence.has(member));
        let new = names.iter().filter(|&name| !is_in(name));
        match self.members + new.count() > self.limits.max_members {
            true => Err(SubscribeError::Members),
            false => Ok(()),
        }
    }

    /// A stream leaves its rooms. A room that is empty then, and was never
    /// published to, is forgotten at once: it would count against the rooms that
    /// there may be.
    pub(super) fn leave<'a>(
        &mut self,
        names: impl Iterator<Item = &'a RoomName>,
        attendance: &Attendance,
    ) {
        let now = Instant::now();
        for name in names {
            let Some(room) = self.by_name.get_mut(name) else {
                continue;
            };
            room.leave(attendance, now);
            match !room.has_talk && room.is_idle(now, self.limits.room_idle) {
                // It has no history that would take time to free.
                true => drop(self.forget(name)),
                false => self.schedule(name, now),
            }
        }
    }

    fn make_if_new(&mut self, name: &RoomName, now: Instant) -> Result<(), TooManyRooms> {
        if !self.by_name.contains_key(name) {
            self.make_sure_of_rooms(std::iter::once(name))?;
            self.make(name, now);
        }
        Ok(())
    }

    fn make(&mut self, name: &RoomName, now: Instant) {
        let limits = HistoryLimits {
            count: self.limits.history,
            bytes: self.limits.history_bytes,
        };
        self.key.0 += 1;
        let tombstone = self.forgotten.take(name);
        let room = Room::new(self.key, name.clone(), limits, tombstone, now);
        self.by_name.insert(name.clone(), Box::new(room));
        self.names.insert(name.clone());
        self.schedule(name, now);
    }
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

    /// Bytes and messages of all histories, added up anew, and as they are kept.
    pub(super) fn held(&self) -> [(usize, usize); 2] {
        let bytes = self.all().map(|room| room.history.bytes()).sum();
        let held = self.all().map(|room| room.history.len()).sum();
        [(bytes, held), (self.bytes, self.held)]
    }

    fn all(&self) -> impl Iterator<Item = &Room> {
        self.after(None)
    }
}
