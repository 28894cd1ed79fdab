//! All rooms behind one lock, with one sequence.
//!
//! One sequence makes one cursor enough for a stream of many rooms. One lock
//! makes the order of ids, of history and of the channels the same thing: a
//! message is in what [`Subscription`] finds in history, or in what it receives
//! after, never in both, never in neither. What happens under it is small:
//! no I/O, no await.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::event_id::{Cursor, Epoch, EventId};
use super::forgotten::Forgotten;
use super::history::HistoryLimits;
use super::message::{Draft, Frame};
use super::name::RoomName;
use super::presence::Members;
use super::room::Room;
use super::subscription::{Subscribe, Subscription};

/// What bounds a hub's memory.
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
    /// How long a room without readers and new messages is kept.
    pub room_idle: Duration,
}

/// What became of a draft.
#[derive(Debug, Clone)]
pub enum Published {
    /// It was said now.
    Said(Frame),
    /// It had been said before, under the same client id: this is the first.
    Repeated(Frame),
}

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

/// Which part of a room's history is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only messages after this one.
    pub after: Option<Cursor>,
    /// Only messages before this one.
    pub before: Option<Cursor>,
    /// At most this many: the first of them if `after` is given, else the last.
    pub limit: usize,
}

/// A part of a room's history.
#[derive(Debug, Clone, Default)]
pub struct PageOf {
    /// The messages asked for, oldest first.
    pub frames: Vec<Frame>,
    /// The oldest message that the room holds.
    pub oldest: Option<EventId>,
    /// The newest message that the room holds.
    pub newest: Option<EventId>,
}

/// A line of the list of rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomSummary {
    /// The room.
    pub room: RoomName,
    /// How many members are in it.
    pub members: usize,
    /// How many messages its history holds.
    pub messages: usize,
    /// The newest of them.
    pub newest: Option<EventId>,
}

/// All rooms of a server.
#[derive(Debug)]
pub struct Hub {
    epoch: Epoch,
    limits: Limits,
    state: Mutex<State>,
    /// The newest seq of which every live reader's channel has its message.
    /// Written under the lock, after the channel was told.
    pub(super) published: AtomicU64,
    readers: AtomicUsize,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) rooms: HashMap<RoomName, Room>,
    /// The seq of the newest message of all.
    pub(super) seq: u64,
    forgotten: Forgotten,
    /// The sum of what all histories hold.
    bytes: usize,
    /// Rooms whose presence may need a flush.
    unsettled: HashSet<RoomName>,
}

impl Hub {
    /// A hub without rooms, in an epoch of its own.
    pub fn new(limits: Limits) -> Arc<Self> {
        let state = State {
            rooms: HashMap::new(),
            seq: 0,
            forgotten: Forgotten::with_capacity(limits.max_rooms),
            bytes: 0,
            unsettled: HashSet::new(),
        };
        Arc::new(Self {
            epoch: Epoch::new(),
            limits,
            state: Mutex::new(state),
            published: AtomicU64::new(0),
            readers: AtomicUsize::new(0),
        })
    }

    /// What this life of the server is called.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many subscriptions there are.
    pub fn readers(&self) -> usize {
        self.readers.load(Ordering::Relaxed)
    }

    /// Says `draft` in `room`. It waits for no reader.
    ///
    /// # Errors
    ///
    /// [`TooManyRooms`] when the room would be one too many; nothing is said.
    pub fn publish(&self, room: &RoomName, draft: Draft) -> Result<Published, TooManyRooms> {
        let now = Instant::now();
        let mut guard = self.lock();
        let state = &mut *guard;
        let seq = state.seq + 1;
        let room = state.room(room, &self.limits, now)?;
        if let Some(first) = draft
            .client_id
            .as_ref()
            .and_then(|id| room.history.sent_as(id))
        {
            return Ok(Published::Repeated(first.clone()));
        }
        let bytes_before = room.history.bytes();
        let frame = room.say(
            EventId {
                epoch: self.epoch,
                seq,
            },
            draft,
            now,
        );
        let bytes = room.history.bytes();
        state.bytes = state.bytes - bytes_before + bytes;
        state.seq = seq;
        self.published.store(seq, Ordering::Release);
        state.keep_budget(self.limits.history_budget);
        Ok(Published::Said(frame))
    }

    /// Begins a stream.
    ///
    /// # Errors
    ///
    /// [`TooManyRooms`] when one of its rooms would be one too many; it then
    /// has entered none.
    pub fn subscribe(self: &Arc<Self>, wish: Subscribe) -> Result<Subscription, TooManyRooms> {
        Subscription::begin(Arc::clone(self), wish)
    }

    /// A part of the history of `room`. Asking does not make the room.
    pub fn page(&self, room: &RoomName, page: Page) -> PageOf {
        let state = self.lock();
        let Some(room) = state.rooms.get(room) else {
            return PageOf::default();
        };
        // Ids of another epoch lie before all of this one.
        let seq_of = |cursor| match cursor {
            Cursor::Id(id) if id.epoch == self.epoch => id.seq,
            _ => 0,
        };
        let after = page.after.map_or(0, seq_of);
        let before = page.before.map_or(u64::MAX, seq_of);
        let frames: Vec<Frame> = match page.after {
            Some(_) => room
                .history
                .since(after)
                .take_while(|frame| frame.seq() < before)
                .take(page.limit)
                .cloned()
                .collect(),
            None => {
                let until = room.history.until(before);
                let skip = until.len().saturating_sub(page.limit);
                until.skip(skip).cloned().collect()
            }
        };
        PageOf {
            frames,
            oldest: room.history.oldest().map(|frame| self.id(frame.seq())),
            newest: room.history.newest().map(|frame| self.id(frame.seq())),
        }
    }

    /// The members of `room`. Asking does not make the room.
    pub fn members(&self, room: &RoomName) -> Members {
        let state = self.lock();
        match state.rooms.get(room) {
            Some(room) => room.presence.members(),
            None => Members {
                count: 0,
                members: Vec::new(),
            },
        }
    }

    /// All rooms, by name.
    pub fn rooms(&self) -> Vec<RoomSummary> {
        let state = self.lock();
        let mut rooms: Vec<RoomSummary> = state
            .rooms
            .values()
            .map(|room| RoomSummary {
                room: room.name.clone(),
                members: room.presence.count(),
                messages: room.history.len(),
                newest: room.history.newest().map(|frame| self.id(frame.seq())),
            })
            .collect();
        drop(state);
        rooms.sort_unstable_by(|a, b| a.room.cmp(&b.room));
        rooms
    }

    /// What has to be done once a second: tell who came and left, and forget
    /// rooms that are idle.
    pub fn tick(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        state.flush_presence(now);
        state.forget_idle(now, self.limits.room_idle);
    }

    pub(super) fn id(&self, seq: u64) -> EventId {
        EventId {
            epoch: self.epoch,
            seq,
        }
    }

    /// The newest seq that every live reader can be told of by now.
    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// A panic under the lock can only come from a bug; the others go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters all rooms of a stream, or none.
    pub(super) fn enter(&self, state: &mut State, wish: &Subscribe) -> Result<(), TooManyRooms> {
        let now = Instant::now();
        for name in &wish.rooms {
            state.room(name, &self.limits, now)?;
        }
        for name in &wish.rooms {
            state
                .room(name, &self.limits, now)?
                .enter(wish.name.as_ref());
            state.settle_later(name);
        }
        self.readers.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Leaves all rooms of a stream.
    pub(super) fn leave<'a>(
        &self,
        rooms: impl Iterator<Item = &'a RoomName>,
        name: Option<&super::name::UserName>,
    ) {
        let now = Instant::now();
        let mut state = self.lock();
        for room_name in rooms {
            if let Some(room) = state.rooms.get_mut(room_name) {
                room.leave(name, now);
                state.settle_later(room_name);
            }
        }
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    /// The room of this name, made if there is none.
    fn room(
        &mut self,
        name: &RoomName,
        limits: &Limits,
        now: Instant,
    ) -> Result<&mut Room, TooManyRooms> {
        if !self.rooms.contains_key(name) {
            if self.rooms.len() >= limits.max_rooms {
                return Err(TooManyRooms);
            }
            let history = HistoryLimits {
                count: limits.history,
                bytes: limits.history_bytes,
            };
            let ended = self.forgotten.take(name);
            self.rooms
                .insert(name.clone(), Room::new(name.clone(), history, ended, now));
        }
        Ok(self
            .rooms
            .get_mut(name)
            .expect("it is there or was made just now"))
    }

    /// Evicts until all histories together are within `budget`, from the room
    /// that holds most, so that a loud room does not silence the quiet ones.
    /// It makes some room ahead, so that the look at all rooms is rare.
    fn keep_budget(&mut self, budget: usize) {
        if self.bytes <= budget {
            return;
        }
        let goal = budget - budget / 64;
        while self.bytes > goal {
            let Some(largest) = self
                .rooms
                .values_mut()
                .max_by_key(|room| room.history.bytes())
            else {
                return;
            };
            let held = largest.history.bytes();
            let keep = held.saturating_sub(self.bytes - goal).max(held / 2);
            while largest.history.bytes() > keep {
                largest.history.evict_oldest();
            }
            self.bytes = self.bytes - held + largest.history.bytes();
        }
    }

    fn settle_later(&mut self, name: &RoomName) {
        let unsettled = self
            .rooms
            .get(name)
            .is_some_and(|room| room.presence.is_unsettled());
        if unsettled {
            self.unsettled.insert(name.clone());
        }
    }

    fn flush_presence(&mut self, now: Instant) {
        for name in std::mem::take(&mut self.unsettled) {
            if let Some(room) = self.rooms.get_mut(&name) {
                room.flush_presence(now);
            }
            self.settle_later(&name);
        }
    }

    fn forget_idle(&mut self, now: Instant, idle: Duration) {
        for (name, room) in self.rooms.extract_if(|_, room| room.is_idle(now, idle)) {
            self.bytes -= room.history.bytes();
            if let Some(ended) = room.ended() {
                self.forgotten.insert(name, ended, self.seq);
            }
        }
    }
}

#[cfg(test)]
mod tests;
