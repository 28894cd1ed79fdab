//! All groups of a worker, found by audience and by room: which groups get an
//! event, and how many events one turn delivers.

use std::collections::{BTreeSet, HashMap};

use slab::Slab;

use super::counters::WriteBudget;
use super::events::{QueuedEvent, ReceivedEvent};
use super::live::{Audience, Group, GroupExit, LiveReader, Stamp};
use super::socket::Socket;
use crate::chat::RoomKey;

/// Entries for which a worker's tables keep their memory when they shrink.
pub(super) const MIN_CAPACITY: usize = 64;
/// Bytes that the buffer for coalesced events keeps.
const KEPT_BYTES: usize = 128 * 1024;
/// Most events of a turn, counted once for each group that gets them: a room may
/// be in as many groups as there are readers.
const MAX_QUEUED: usize = 16 * 1024;

/// All groups of a worker.
#[derive(Debug)]
pub(super) struct Groups<S> {
    groups: Slab<Group<S>>,
    by_audience: HashMap<Audience, usize>,
    /// Exactly the rooms of the groups.
    by_room: HashMap<RoomKey, BTreeSet<usize>>,
    /// The groups with events for this turn.
    pending: Vec<usize>,
    /// The events of this turn, once for each group.
    queued: usize,
    /// Where a turn's events are joined.
    buffer: Vec<u8>,
}

impl<S: Socket> Groups<S> {
    pub(super) fn new() -> Self {
        Self {
            groups: Slab::new(),
            by_audience: HashMap::new(),
            by_room: HashMap::new(),
            pending: Vec::new(),
            queued: 0,
            buffer: Vec::new(),
        }
    }

    /// Adds a reader to the group of its audience. `keys` are the keys of its
    /// rooms, in their order. Returns the group's number and the reader's index.
    pub(super) fn add(
        &mut self,
        audience: Audience,
        keys: Vec<RoomKey>,
        reader: LiveReader<S>,
    ) -> (usize, usize) {
        let number = match self.by_audience.get(&audience) {
            Some(&number) => number,
            None => self.create(audience, keys),
        };
        (number, self.groups[number].add(reader))
    }

    fn create(&mut self, audience: Audience, keys: Vec<RoomKey>) -> usize {
        let number = self.groups.insert(Group::new(audience.clone(), keys));
        for &key in &self.groups[number].keys {
            self.by_room.entry(key).or_default().insert(number);
        }
        self.by_audience.insert(audience, number);
        number
    }

    pub(super) fn get_mut(&mut self, number: usize) -> &mut Group<S> {
        &mut self.groups[number]
    }

    /// The numbers of all groups.
    pub(super) fn numbers(&self) -> Vec<usize> {
        self.groups.iter().map(|(number, _)| number).collect()
    }

    /// Whether a live reader gets events of this room: messages, or presence.
    pub(super) fn takes(&self, room: RoomKey, is_presence: bool) -> bool {
        let mut groups = self.by_room.get(&room).into_iter().flatten();
        groups.any(|&number| self.groups[number].takes(is_presence))
    }

    /// The numbers of the groups of this room.
    pub(super) fn of_room(&self, room: RoomKey) -> Vec<usize> {
        let groups = self.by_room.get(&room);
        groups.into_iter().flatten().copied().collect()
    }

    /// Removes a group if it has no readers.
    pub(super) fn remove_if_empty(&mut self, number: usize) {
        if !self.groups[number].readers.is_empty() {
            return;
        }
        let group = self.groups.remove(number);
        self.by_audience.remove(&group.audience);
        for key in &group.keys {
            let Some(groups) = self.by_room.get_mut(key) else {
                continue;
            };
            groups.remove(&number);
            if groups.is_empty() {
                self.by_room.remove(key);
            }
        }
        if self.groups.is_empty() {
            self.shrink();
        }
    }

    /// Queues an event for the groups of its room. Returns false if it has to wait
    /// for the next turn: a turn is one write per reader, so that everything else
    /// that a worker does follows after a bounded time.
    pub(super) fn queue(&mut self, received: &ReceivedEvent) -> bool {
        if !self.has_room_for(received) {
            return false;
        }
        let seq = received.content.seq();
        for &number in self.by_room.get(&received.room).into_iter().flatten() {
            let group = &mut self.groups[number];
            if !group.takes(seq.is_none()) {
                continue;
            }
            if group.queued() == 0 {
                self.pending.push(number);
            }
            group.queue(QueuedEvent {
                position: received.position,
                bytes: group.audience.frame(&received.content),
                seq,
            });
            self.queued += 1;
        }
        true
    }

    fn has_room_for(&self, received: &ReceivedEvent) -> bool {
        let Some(groups) = self.by_room.get(&received.room) else {
            return true;
        };
        let is_presence = received.content.seq().is_none();
        let fits = |&number: &usize| {
            let group = &self.groups[number];
            let event = received.content.event(group.audience.format.form);
            !group.takes(is_presence) || group.has_room_for(event.chunk().len())
        };
        (self.queued == 0 || self.queued + groups.len() <= MAX_QUEUED) && groups.iter().all(fits)
    }

    /// Frees memory that many readers needed and the remaining ones do not.
    pub(super) fn shrink(&mut self) {
        if self.groups.is_empty() {
            *self = Self::new();
            return;
        }
        let twice = 2 * self.groups.len().max(MIN_CAPACITY);
        self.groups.shrink_to_fit();
        self.by_audience.shrink_to(twice);
        self.by_room.shrink_to(twice);
        self.pending.shrink_to(twice);
    }

    /// Writes the queued events of the next pending group, and returns its number.
    pub(super) fn write_next(
        &mut self,
        now: Stamp,
        budget: &mut WriteBudget,
        exits: &mut Vec<GroupExit<S>>,
    ) -> Option<usize> {
        let number = self.pending.pop()?;
        self.queued -= self.groups[number].queued();
        self.groups[number].write(now, &mut self.buffer, budget, exits);
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        Some(number)
    }
}
