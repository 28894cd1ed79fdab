//! The hub: all rooms behind one lock, with one sequence.
//!
//! One sequence makes one cursor enough for a stream of many rooms. One lock
//! makes the order of ids, of history and of the channel the same thing: a
//! message is in what a `Subscription` finds in history, or in what it receives
//! after, never in both, never in neither. What happens under it is small:
//! no I/O, no await.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use super::feed::Feed;
use super::membership::Attendance;
use super::message::{Draft, Frame, SentAs};
use super::presence::members_json;
use super::resume::RoomList;
use super::rooms::{Due, HubLimits, PublishError, Published, Rooms, SubscribeError, TooManyRooms};
use super::totals::{Counts, Totals};
use crate::protocol::{self, Cursor, Epoch, EventId, RoomName};
use crate::sse;

/// Which part of a room's history is wanted.
#[derive(Debug, Clone, Copy)]
pub struct HistoryQuery {
    /// Only messages after this one.
    pub after: Option<Cursor>,
    /// Only messages before this one.
    pub before: Option<Cursor>,
    /// At most this many: the first of them if `after` is given, else the last.
    pub limit: usize,
}

/// A part of a room's history.
#[derive(Debug, Clone, Default)]
pub struct HistoryPage {
    /// The messages asked for, oldest first.
    pub frames: Vec<Frame>,
    /// The oldest message that the room holds.
    pub oldest: Option<EventId>,
    /// The newest message that the room holds.
    pub newest: Option<EventId>,
}

/// A room in the list of rooms.
pub type RoomSummary = protocol::RoomSummary<RoomName>;

/// All rooms of a server. [`Hub::publish`] is the only way in. A
/// [`Subscription`](super::Subscription) gives what was published until it is live,
/// a [`Feed`] what is published from then on.
#[derive(Debug)]
pub struct Hub {
    epoch: Epoch,
    rooms: Mutex<Rooms>,
    readers: AtomicUsize,
    pub(super) counts: Counts,
}

impl Hub {
    /// A hub without rooms, in an epoch of its own.
    pub fn new(limits: HubLimits) -> Arc<Self> {
        let epoch = Epoch::new();
        Arc::new(Self {
            epoch,
            rooms: Mutex::new(Rooms::new(epoch, limits)),
            readers: AtomicUsize::new(0),
            counts: Counts::default(),
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

    /// What there is, and what was done since the start.
    pub fn totals(&self) -> Totals {
        let mut totals = self.lock().totals();
        totals.readers = self.readers();
        self.counts.add_to(&mut totals);
        totals
    }

    /// Whether something was said in this room since it was made: such a room is
    /// kept for a while, even if everybody leaves it.
    pub fn has_talk(&self, room: &RoomName) -> bool {
        self.lock().get(room).is_some_and(|room| room.has_talk)
    }

    /// Publishes `draft` in `room`. It waits for no reader.
    ///
    /// # Errors
    ///
    /// [`PublishError`] when the room would be one too many, or when the client
    /// id stands for another request; nothing is published.
    pub fn publish(&self, room: &RoomName, mut draft: Draft) -> Result<Published, PublishError> {
        // The hash is computed before the lock is taken.
        let sent_as = SentAs::take(&mut draft);
        self.lock().publish(room, &draft, sent_as)
    }

    /// A receiver of everything that happens in rooms with readers from now on.
    /// A fan-out worker has one for its life.
    pub fn feed(&self) -> Feed {
        self.lock().channel.feed()
    }

    /// The message of `room` with this seq, unless history has lost it.
    pub fn entry(&self, room: &RoomName, seq: u64) -> Option<Frame> {
        let rooms = self.lock();
        let mut since = rooms.get(room)?.history.since(seq.saturating_sub(1));
        since.next().filter(|frame| frame.seq() == seq).cloned()
    }

    /// A presence event with the members of `room` as they are now, if there is
    /// such a room. Changes that it has may be announced once more.
    pub fn presence_event(&self, room: &RoomName) -> Option<sse::Encoded> {
        let mut rooms = self.lock();
        let room = rooms.get_mut(room)?;
        Some(room.presence.snapshot(&room.name).event)
    }

    /// A part of the history of `room`. Asking does not make the room.
    pub fn page(&self, room: &RoomName, page: HistoryQuery) -> HistoryPage {
        let rooms = self.lock();
        let Some(room) = rooms.get(room) else {
            return HistoryPage::default();
        };
        // Ids of another epoch lie before all of this one.
        let seq_of = |cursor| match cursor {
            Cursor::Id(id) if id.epoch == self.epoch => id.seq,
            _ => 0,
        };
        let before = page.before.map_or(u64::MAX, seq_of);
        let frames: Vec<Frame> = match page.after.map(seq_of) {
            Some(after) => {
                let since = room.history.since(after);
                since
                    .take_while(|frame| frame.seq() < before)
                    .take(page.limit)
                    .cloned()
                    .collect()
            }
            None => {
                let until = room.history.until(before);
                let skip = until.len().saturating_sub(page.limit);
                until.skip(skip).cloned().collect()
            }
        };
        HistoryPage {
            frames,
            oldest: room.history.oldest().map(|frame| rooms.id(frame.seq())),
            newest: room.history.newest().map(|frame| rooms.id(frame.seq())),
        }
    }

    /// The members of `room` as JSON, `{"room","count","members"}`: encoded once
    /// for all requests between two changes. Asking does not make the room.
    pub fn members(&self, room: &RoomName) -> Bytes {
        match self.lock().get_mut(room) {
            Some(room) => room.presence.json(&room.name),
            None => members_json(room, 0, Vec::new()),
        }
    }

    /// How many rooms there are.
    pub fn room_count(&self) -> usize {
        self.lock().count()
    }

    /// At most `limit` rooms after `after`, or the first ones, by name.
    pub fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Vec<RoomSummary> {
        let mut summaries = Vec::with_capacity(limit);
        let rooms = self.lock();
        summaries.extend(rooms.after(after).take(limit).map(|room| RoomSummary {
            room: room.name.clone(),
            members: room.presence.count() as u64,
            messages: room.history.len() as u64,
            newest: room.history.newest().map(|frame| rooms.id(frame.seq())),
        }));
        summaries
    }

    /// Does what is due now: [`Hub::look_after_some`] until nothing is left but
    /// presence that waits for the workers.
    pub fn tick(&self) {
        let now = Instant::now();
        while self.look_after_some(now) == Due::More {}
    }

    /// Does a part of what is due once a second: ends graces, sends presence
    /// events, forgets idle rooms. Returns whether more is due at `now`, so
    /// that a caller can let others run in between. All parts of a tick have the
    /// same `now`: a room gets at most one presence event from them.
    pub fn look_after_some(&self, now: Instant) -> Due {
        let mut forgotten = Vec::new();
        let mut rooms = self.lock();
        let due = rooms.look_after_some(now, &mut forgotten);
        // Before the histories of these rooms are freed.
        drop(rooms);
        due
    }

    /// A panic under the lock can only come from a bug; the others go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a stream of these rooms would find place for all of them.
    ///
    /// # Errors
    ///
    /// [`TooManyRooms`] when it would have to make one room too many.
    pub fn check_rooms(&self, rooms: &RoomList) -> Result<(), TooManyRooms> {
        self.lock().check_rooms(rooms.as_slice())
    }

    /// A stream enters all of its rooms, or none.
    pub(super) fn enter(
        &self,
        rooms: &mut Rooms,
        names: &[RoomName],
        attendance: &Attendance,
    ) -> Result<(), SubscribeError> {
        rooms.enter(names, attendance)?;
        self.readers.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A stream leaves its rooms.
    pub(super) fn leave<'a>(
        &self,
        names: impl Iterator<Item = &'a RoomName>,
        attendance: &Attendance,
    ) {
        self.lock().leave(names, attendance);
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
