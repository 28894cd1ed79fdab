//! All rooms and the indexes over them: the data behind the hub's lock. The
//! operations on them are in `publish`, `readers` and `housekeeping`.
//!
//! No operation visits all rooms or all members of a room, except the end of a
//! generation: each costs about the logarithm of their number.

mod bans;
mod change;
mod clock;
mod generation;
mod housekeeping;
mod housekeeping_queue;
mod local_members;
mod member_sharing;
#[cfg(feature = "redis")]
mod planned;
mod publish;
mod readers;
mod remote_members;
#[cfg(feature = "data")]
mod restore;
#[cfg(test)]
mod saved;
#[cfg(feature = "redis")]
pub(super) mod shared;
mod size_index;
mod staleness;
mod stored;
mod typing;

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use tokio::time::Instant;

use self::clock::Clock;
use self::housekeeping_queue::HousekeepingQueue;
pub(crate) use self::housekeeping_queue::RemainingWork;
use self::member_sharing::MemberSharing;
#[cfg(test)]
pub(crate) use self::saved::SavedRooms;
use self::size_index::SizeIndex;
use super::channel::Channel;
use super::entry::Entry;
use super::errors::RoomLimitReached;
use super::forgotten_rooms::ForgottenRooms;
use super::generations::{GenerationEnds, Generations};
use super::history::{History, HistoryLimits};
use super::history_size::{HistoryPart, HistorySize};
use super::log::EntryLog;
use super::room::Room;
use super::room_key::RoomKey;
use super::staleness::Staleness;
use super::totals::Totals;
use crate::config;
use crate::protocol::{EventId, RoomName};

/// Bounds on the memory of a hub. The default is the server's default.
#[derive(Debug, Clone)]
pub struct HubLimits {
    /// Most entries in the history of a room.
    pub history: usize,
    /// Most bytes in the history of a room.
    pub history_bytes: usize,
    /// Most bytes in the histories of all rooms together.
    pub history_budget: usize,
    /// Most rooms at one time.
    pub max_rooms: usize,
    /// One slot of `max_rooms` stays reserved for this room.
    pub default_room: RoomName,
    /// Most members of all rooms together. A name in two rooms counts twice.
    pub max_members: usize,
    /// Most members of a room that shows which of them type. With 0 no room does.
    pub max_typing_members: usize,
    /// Most entries of a room that a store keeps, with those in memory; 0 for those in
    /// memory.
    pub stored_history: usize,
    /// Most bytes of all entries together that only the store holds.
    pub stored_history_budget: usize,
    /// How long an entry is kept; `None` for as long as there is room for it.
    pub history_age: Option<Duration>,
    /// How long a room without readers and new messages is kept.
    pub room_idle: Duration,
    /// Most bytes per second of one room's presence events. An event counts once
    /// for each reader that receives it.
    pub presence_rate: usize,
    /// The same for the presence events of all rooms together.
    pub presence_rate_total: usize,
    /// Capacity of the channel to the fan-out workers, in events. Rounded up to
    /// a power of two.
    pub channel_slots: usize,
    /// Most bytes in the channel that belong to entries over 8 KiB. Beyond it
    /// workers read such messages from history.
    pub channel_large: usize,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            history: config::DEFAULT_HISTORY,
            history_bytes: config::DEFAULT_HISTORY_BYTES,
            history_budget: config::DEFAULT_HISTORY_BUDGET,
            max_rooms: config::DEFAULT_MAX_ROOMS,
            default_room: RoomName::parse(config::DEFAULT_ROOM).expect("a valid room name"),
            max_members: config::DEFAULT_MAX_MEMBERS,
            max_typing_members: config::DEFAULT_MAX_TYPING_MEMBERS,
            stored_history: 0,
            stored_history_budget: config::DEFAULT_DATA_HISTORY_BUDGET,
            history_age: None,
            room_idle: config::DEFAULT_ROOM_IDLE,
            presence_rate: config::DEFAULT_PRESENCE_RATE,
            presence_rate_total: config::DEFAULT_PRESENCE_RATE_TOTAL,
            channel_slots: config::DEFAULT_FANOUT_QUEUE,
            channel_large: config::DEFAULT_FANOUT_LARGE,
        }
    }
}

#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) channel: Channel,
    generations: Generations,
    ends: GenerationEnds,
    staleness: Staleness,
    limits: HubLimits,
    clock: Clock,
    /// Boxed, so that growing the table moves pointers.
    by_name: HashMap<RoomName, Box<Room>>,
    /// The same rooms ordered by name.
    names: BTreeSet<RoomName>,
    /// For each part of history.
    by_size: [SizeIndex; HistoryPart::ALL.len()],
    housekeeping: HousekeepingQueue,
    /// Where entries become durable.
    pub(super) log: EntryLog,
    /// The newest seq that was assigned.
    assigned: u64,
    /// The newest seq that is shown. No reader knows a later one.
    shown: u64,
    /// The key of the newest room.
    key: RoomKey,
    forgotten: ForgottenRooms,
    /// The size of all histories together.
    held: HistorySize,
    /// Messages published since the start.
    published_messages: u64,
    /// Bytes of their texts.
    published_bytes: u64,
    /// Events of programs published since the start.
    published_events: u64,
    /// Bytes of their payloads.
    published_event_bytes: u64,
    /// Changes published since the start.
    published_changes: u64,
    /// Members of all rooms, without those that are only at other nodes.
    members: usize,
    /// `None` if no other node shares the rooms.
    sharing: Option<Box<MemberSharing>>,
}

impl Rooms {
    /// No rooms. `seq` is that of the newest entry of the history, which no room holds
    /// yet; 0 if there was none.
    pub(super) fn new(generations: Generations, seq: u64, limits: HubLimits) -> Self {
        debug_assert!(generations.is_present(seq + 1), "the last one has ended");
        Self {
            channel: Channel::new(limits.channel_slots, limits.channel_large),
            generations,
            ends: GenerationEnds::default(),
            staleness: Staleness::default(),
            clock: Clock::now(),
            by_name: HashMap::new(),
            names: BTreeSet::new(),
            by_size: HistoryPart::ALL.map(SizeIndex::of),
            housekeeping: HousekeepingQueue::default(),
            log: EntryLog::Memory,
            assigned: seq,
            shown: seq,
            key: RoomKey::default(),
            forgotten: ForgottenRooms::with_capacity(limits.max_rooms),
            held: HistorySize::default(),
            published_messages: 0,
            published_bytes: 0,
            published_events: 0,
            published_event_bytes: 0,
            published_changes: 0,
            members: 0,
            sharing: None,
            limits,
        }
    }

    /// The newest seq of all rooms that is shown.
    pub(super) fn newest(&self) -> u64 {
        self.shown
    }

    pub(super) fn generations(&self) -> &Generations {
        &self.generations
    }

    /// A cursor of the present generation: behind the entry with this seq, whichever
    /// generation that is of.
    pub(super) fn cursor_after(&self, seq: u64) -> EventId {
        let epoch = self.generations.present();
        EventId { epoch, seq }
    }

    /// The id of the place behind the entry with this seq.
    pub(super) fn id(&self, seq: u64) -> EventId {
        self.generations.id(seq)
    }

    /// The id of the oldest held message or event of a room.
    pub(super) fn oldest_item(&self, room: &Room) -> Option<EventId> {
        let seq = room.history.oldest_item()?;
        Some(self.item_id(&room.history, seq))
    }

    /// The id of the newest held message or event of a room.
    pub(super) fn newest_item(&self, room: &Room) -> Option<EventId> {
        let seq = room.history.newest_item()?;
        Some(self.item_id(&room.history, seq))
    }

    /// The id of a held entry. It is also known if its generation is not any more.
    fn item_id(&self, history: &History, seq: u64) -> EventId {
        let own = || history.get(seq).map(Entry::id);
        match self.generations.is_present(seq) {
            true => self.id(seq),
            false => own().unwrap_or_else(|| self.id(seq)),
        }
    }

    pub(super) fn get(&self, name: &RoomName) -> Option<&Room> {
        self.by_name.get(name).map(|room| &**room)
    }

    pub(super) fn get_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.by_name.get_mut(name).map(|room| &mut **room)
    }

    /// The number of rooms.
    pub(super) fn count(&self) -> usize {
        self.by_name.len()
    }

    /// The rooms whose names follow `after`, or all rooms, ordered by name.
    pub(super) fn after(&self, after: Option<&RoomName>) -> impl Iterator<Item = &Room> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.names.range((from, Bound::Unbounded));
        names.filter_map(|name| self.get(name))
    }

    /// The totals that are kept under the lock; the others are 0.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            rooms: self.count(),
            members: self.members,
            history_entries: self.held.memory.entries,
            history_bytes: self.held.memory.bytes,
            older_entries: self.held.older.entries,
            older_bytes: self.held.older.bytes,
            messages: self.published_messages,
            message_bytes: self.published_bytes,
            events: self.published_events,
            event_bytes: self.published_event_bytes,
            changes: self.published_changes,
            presence_bytes: self.housekeeping.presence_bytes(),
            sent_events: self.channel.position(),
            queued_bytes: self.log.queued_bytes(),
            ..Totals::default()
        }
    }

    /// Whether all of `names` exist or can be created together.
    pub(super) fn check_rooms(&self, names: &[RoomName]) -> Result<(), RoomLimitReached> {
        let is_new = |name: &&RoomName| !self.by_name.contains_key(*name);
        self.check_new_rooms(names.iter().filter(is_new))
    }

    fn check_new_rooms<'a>(
        &self,
        new: impl Iterator<Item = &'a RoomName>,
    ) -> Result<(), RoomLimitReached> {
        let default = &self.limits.default_room;
        let reserved = usize::from(!self.by_name.contains_key(default));
        let others = new.filter(|&name| name != default).count();
        match self.by_name.len() + reserved + others > self.limits.max_rooms {
            true => Err(RoomLimitReached),
            false => Ok(()),
        }
    }

    /// Creates the room unless it exists.
    fn ensure(&mut self, name: &RoomName, now: Instant) -> Result<(), RoomLimitReached> {
        if !self.by_name.contains_key(name) {
            if self.log.is_shared() {
                // It was loaded for this request, and is not here any more.
                return Err(RoomLimitReached);
            }
            self.check_new_rooms(std::iter::once(name))?;
            self.create(name, now);
        }
        Ok(())
    }

    fn create(&mut self, name: &RoomName, now: Instant) {
        let limits = HistoryLimits {
            count: self.limits.history,
            bytes: self.limits.history_bytes,
            stored: self.limits.stored_history,
        };
        self.key.0 += 1;
        let tombstone = self.forgotten.take(name);
        let room = Room::new(self.key, name.clone(), limits, tombstone, now);
        self.by_name.insert(name.clone(), Box::new(room));
        self.names.insert(name.clone());
        self.share_room(name);
        self.schedule(name, now);
    }

    /// Schedules the room's next housekeeping.
    fn schedule(&mut self, name: &RoomName, now: Instant) {
        if let Some(room) = self.by_name.get_mut(name) {
            let age = self.limits.history_age;
            let expires = age.and_then(|age| self.clock.expires(room.history.oldest_at()?, age));
            let due = room.next_due(now, self.limits.room_idle);
            let due = due.into_iter().chain(expires).min();
            self.housekeeping.reschedule(room, due);
        }
    }

    /// Removes a room and keeps its tombstone. Returns the room, so that its
    /// history can be freed without the lock.
    fn forget(&mut self, name: &RoomName) -> Option<Room> {
        let mut room = self.by_name.remove(name)?;
        self.housekeeping.reschedule(&mut room, None);
        self.names.remove(name);
        for index in &mut self.by_size {
            index.remove(&room);
        }
        self.held
            .replace(room.history.size(), HistorySize::default());
        self.forget_remote(&room);
        if !self.log.is_shared()
            && let Some(tombstone) = room.tombstone()
        {
            self.keep_tombstone(name, tombstone);
        }
        if self.by_name.len() < self.by_name.capacity() / 4 {
            self.by_name.shrink_to_fit();
        }
        Some(*room)
    }
}

#[cfg(test)]
impl Rooms {
    pub(super) fn limits(&self) -> &HubLimits {
        &self.limits
    }

    /// The members of all rooms at this node: summed up, and as counted.
    pub(super) fn members(&self) -> (usize, usize) {
        let rooms = self.after(None);
        let summed = rooms.map(|room| room.presence.count_here()).sum();
        (summed, self.members)
    }

    /// For each other node with members the number of its rooms; the index is checked.
    pub(super) fn other_nodes(&self) -> HashMap<String, usize> {
        self.sharing.as_ref().map_or_else(HashMap::new, |sharing| {
            let rooms = || self.by_name.values();
            let pairs: usize = rooms().map(|room| room.presence.count_at_nodes()).sum();
            assert_eq!(pairs, sharing.pairs, "names at other nodes");
            let nodes: usize = rooms().map(|room| room.presence.nodes().count()).sum();
            let indexed = sharing.node_rooms();
            assert_eq!(nodes, indexed.values().map(BTreeSet::len).sum::<usize>());
            let indexed = indexed.iter();
            let indexed = indexed.map(|(node, rooms)| (node.as_str().to_owned(), rooms.len()));
            indexed.collect()
        })
    }

    /// Changes of members that other nodes do not have yet.
    pub(super) fn queued_member_changes(&self) -> usize {
        let sharing = self.sharing.as_ref();
        sharing.map_or(0, |sharing| sharing.outbox.queued())
    }

    /// The size of all histories: summed up, and as counted.
    pub(super) fn held(&self) -> [HistorySize; 2] {
        let mut summed = HistorySize::default();
        for room in self.after(None) {
            summed.replace(HistorySize::default(), room.history.size());
        }
        [summed, self.held]
    }
}
