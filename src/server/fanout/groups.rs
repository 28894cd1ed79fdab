//! All groups of a worker: who is told of which room, and how much of what was
//! said goes into one turn.

use std::collections::{BTreeSet, HashMap};

use slab::Slab;

use super::KEPT_PLACES;
use super::group::{Audience, Group, Left};
use super::live::{Event, Live};
use super::readers::Received;
use super::socket::Socket;
use super::stamp::Stamp;
use super::write_budget::WriteBudget;
use crate::chat::RoomKey;

/// What is kept of the buffer in which a turn's events are joined.
const KEPT_BYTES: usize = 128 * 1024;
/// Most events that a turn brings, counted once for each group that is told: a
/// room may be in as many groups as there are readers.
const MAX_NOTED: usize = 16 * 1024;

/// All groups of a worker.
#[derive(Debug)]
pub(super) struct Groups<S> {
    groups: Slab<Group<S>>,
    by_audience: HashMap<Audience, usize>,
    /// Exactly the rooms of the groups.
    by_room: HashMap<RoomKey, BTreeSet<usize>>,
    /// Those for which this turn has something.
    told: Vec<usize>,
    /// How many events they are brought.
    noted: usize,
    /// Where a turn's events are joined.
    joined: Vec<u8>,
}

impl<S: Socket> Groups<S> {
    pub(super) fn new() -> Self {
        Self {
            groups: Slab::new(),
            by_audience: HashMap::new(),
            by_room: HashMap::new(),
            told: Vec::new(),
            noted: 0,
            joined: Vec::new(),
        }
    }

    /// Parks a reader. `keys` are its rooms' in the order of `audience`.
    pub(super) fn park(
        &mut self,
        audience: Audience,
        keys: Vec<RoomKey>,
        reader: Live<S>,
    ) -> (usize, usize) {
        let number = match self.by_audience.get(&audience) {
            Some(&number) => number,
            None => self.make(audience, keys),
        };
        (number, self.groups[number].add(reader))
    }

    fn make(&mut self, audience: Audience, keys: Vec<RoomKey>) -> usize {
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

    /// Whether a live reader takes events of this room: messages, or presence.
    pub(super) fn take(&self, room: RoomKey, is_presence: bool) -> bool {
        let mut groups = self.by_room.get(&room).into_iter().flatten();
        groups.any(|&number| self.groups[number].takes(is_presence))
    }

    /// The numbers of the groups of this room.
    pub(super) fn of_room(&self, room: RoomKey) -> Vec<usize> {
        let groups = self.by_room.get(&room);
        groups.into_iter().flatten().copied().collect()
    }

    /// Removes a group that nobody is in.
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

    /// Takes down an event for this turn, for the readers of its room. False if
    /// it has to wait for the next turn: a turn is one write for each reader, so
    /// that all else that a worker does comes after a bounded time.
    pub(super) fn note(&mut self, received: &Received) -> bool {
        let Received {
            room, event, seq, ..
        } = received;
        if !self.has_room_for(received) {
            return false;
        }
        for &number in self.by_room.get(room).into_iter().flatten() {
            let group = &mut self.groups[number];
            if !group.takes(seq.is_none()) {
                continue;
            }
            if group.noted() == 0 {
                self.told.push(number);
            }
            group.note(Event {
                position: received.position,
                bytes: group.audience.framing.frame(event),
                seq: *seq,
            });
            self.noted += 1;
        }
        true
    }

    fn has_room_for(&self, received: &Received) -> bool {
        let Some(groups) = self.by_room.get(&received.room) else {
            return true;
        };
        let bytes = received.event.chunk().len();
        let fits = |&number: &usize| {
            let group = &self.groups[number];
            !group.takes(received.seq.is_none()) || group.has_room_for(bytes)
        };
        (self.noted == 0 || self.noted + groups.len() <= MAX_NOTED) && groups.iter().all(fits)
    }

    /// Gives back what a wave of readers needed and those who are left don't.
    pub(super) fn shrink(&mut self) {
        if self.groups.is_empty() {
            *self = Self::new();
            return;
        }
        let twice = 2 * self.groups.len().max(KEPT_PLACES);
        self.groups.shrink_to_fit();
        self.by_audience.shrink_to(twice);
        self.by_room.shrink_to(twice);
        self.told.shrink_to(twice);
    }

    /// Writes what was taken down for the next group, and returns its number.
    pub(super) fn write_next(
        &mut self,
        now: Stamp,
        pace: &mut WriteBudget,
        left: &mut Vec<Left<S>>,
    ) -> Option<usize> {
        let number = self.told.pop()?;
        self.noted -= self.groups[number].noted();
        self.groups[number].write(now, &mut self.joined, pace, left);
        self.joined.clear();
        self.joined.shrink_to(KEPT_BYTES);
        Some(number)
    }
}
