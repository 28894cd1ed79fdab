//! One reader's stream: a cursor that replays from history, goes live, and goes
//! back to replaying when it lags. A slow reader, a returning one and a new one
//! are the same case in the same code.
//!
//! It does not know its transport. A fan-out worker calls
//! [`Subscription::catch_up`] until the reader is live, and keeps of it no more
//! than a [`Membership`] and a cursor for as long as it is. However the end
//! comes, it is a drop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::delivery::{Delivery, GapReason, StreamHello};
use super::hub::Hub;
use super::membership::{Attendance, Membership, StayGuard};
use super::replay::{BATCH_BYTES, RoomCursor, look};
use super::replay_budget::{Draws, ReplayBudget};
use super::resume::{StreamStart, SubscribeOptions, hello_room};
use super::room_key::RoomKey;
use super::rooms::{Rooms, SubscribeError};
use crate::protocol::Cursor;

/// One reader's stream. Dropping it leaves its rooms.
#[derive(Debug)]
pub struct Subscription {
    membership: Membership,
    /// In the order in which the rooms were asked for.
    room_cursors: Vec<RoomCursor>,
    presence: bool,
    hello: Option<StreamHello>,
    /// Gaps that stand in no history, so they come first.
    gaps: VecDeque<Delivery>,
    /// What is ready to be handed out, with the room_cursors that it is for.
    queue: VecDeque<(usize, Delivery)>,
    /// How many of `queue` were found in history: those at its front.
    found: usize,
    /// What was handed out of them, and is not counted yet.
    replayed: Replayed,
    /// Messages up to this seq were published before the stream began: what it
    /// gets of them is replay, and drawn from its budget.
    replay_through: u64,
    /// `None` for a reader whose replay is not limited, or is over.
    draws: Option<Draws>,
    /// The seq of the last thing handed out: of its rooms' messages, all up to
    /// here were handed out or announced as lost. `queue` goes on from here.
    cursor: u64,
}

/// Messages that were handed out of history.
#[derive(Debug, Default)]
struct Replayed {
    messages: u64,
    bytes: u64,
}

/// How far [`Subscription::catch_up`] came.
#[derive(Debug)]
pub enum Progress {
    /// There may be more after what is ready.
    More,
    /// The budget is spent: there is no more until then.
    Paused(Instant),
    /// There is no more after what is ready.
    Live(LiveFrom),
}

/// Where a reader has gone live: what a [`Feed`](super::Feed) brings from here on
/// is for it.
#[derive(Debug)]
pub struct LiveFrom {
    /// The position of the first event that is for it.
    pub position: u64,
    /// The seq of the newest message of all rooms just then. Of its own rooms'
    /// messages the reader was told of all up to here, or that they are lost,
    /// or did not ask for them.
    pub cursor: u64,
    /// What its rooms are called there, in the order of
    /// [`Membership::rooms`].
    pub rooms: Vec<RoomKey>,
}

impl Hub {
    /// Begins a stream.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`] when one of its rooms, or its name in one of them, would be
    /// one too many; it then has entered none.
    pub fn subscribe(
        self: &Arc<Self>,
        options: SubscribeOptions,
    ) -> Result<Subscription, SubscribeError> {
        Subscription::begin(Arc::clone(self), options)
    }
}

impl Subscription {
    fn begin(hub: Arc<Hub>, mut options: SubscribeOptions) -> Result<Self, SubscribeError> {
        let attendance = Attendance::new(options.name.take(), options.presence);
        let names = options.rooms.as_slice();
        let (start, rooms) = {
            let rooms = &mut *hub.lock();
            hub.enter(rooms, names, &attendance)?;
            if options.cursor.is_some() {
                hub.counts.resumed();
            }
            let told = names.iter().filter_map(|room| hello_room(rooms, room));
            (StreamStart::of(rooms, &options), told.collect::<Vec<_>>())
        };
        let newest = rooms.iter().filter_map(|room| room.newest);
        let replay_through = newest.map(|id| id.seq).max().unwrap_or(0);
        // Not under the lock: what drops a membership takes it. What is said
        // from here on is found in history by the first look.
        Ok(Self {
            membership: Membership::new(hub, names, attendance),
            room_cursors: start.room_cursors,
            presence: options.presence,
            hello: Some(StreamHello {
                cursor: start.hello,
                rooms,
            }),
            gaps: start.gaps,
            queue: VecDeque::new(),
            found: 0,
            replayed: Replayed::default(),
            replay_through,
            draws: None,
            cursor: start.cursor,
        })
    }

    /// Goes on after `cursor`, of which `membership`'s reader has everything.
    pub fn resume(membership: Membership, presence: bool, cursor: u64) -> Self {
        let room_cursors = {
            let rooms = membership.hub.lock();
            let room_cursor = |name| {
                let room = rooms.get(name).expect("a room with a reader is kept");
                RoomCursor {
                    room: room.name.clone(),
                    skip_through: 0,
                    next: room.history.number_after(cursor),
                    hole: GapReason::Lagged,
                    members: None,
                }
            };
            membership.rooms().iter().map(room_cursor).collect()
        };
        Self {
            membership,
            room_cursors,
            presence,
            hello: None,
            gaps: VecDeque::new(),
            queue: VecDeque::new(),
            found: 0,
            replayed: Replayed::default(),
            replay_through: 0,
            draws: None,
            cursor,
        }
    }

    /// Keeps `guard` for as long as its name stays in its rooms, which is for a
    /// grace longer than the stream. A stream without a name drops it at once.
    pub fn guard_stay(&mut self, guard: StayGuard) {
        self.membership.guard(guard);
    }

    /// The first thing to tell the reader: there once, then gone.
    pub fn take_hello(&mut self) -> Option<StreamHello> {
        self.hello.take()
    }

    /// Whether its reader wants to be told who comes and leaves.
    pub fn wants_presence(&self) -> bool {
        self.presence
    }

    /// The seq of the last thing handed out.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// From now on its replay is drawn from `budget`: the messages that were
    /// published before the stream began, and the members that it is told of
    /// first. What is published later is never paced, so that a stream ends
    /// its replay however much is published meanwhile.
    pub fn pace(&mut self, budget: ReplayBudget) {
        let waiting = &self.membership.hub.counts.replays_waiting;
        self.draws = Some(Draws::new(budget, waiting));
    }

    /// Its replay is not paced any more: the stream is to end, and everything
    /// that it missed comes first.
    pub fn end_pacing(&mut self) {
        self.draws = None;
    }

    /// Makes ready what history has next, up to about 64 KiB. If that is all
    /// of it, the reader goes live under the same lock: a message is either made
    /// ready here or comes through the channel.
    ///
    /// Only when nothing is ready any more.
    pub fn catch_up(&mut self, now: Instant) -> Progress {
        debug_assert!(self.queue.is_empty(), "what is ready comes first");
        if let Some(until) = self.draws.as_ref().and_then(|draws| draws.waits_until(now)) {
            return Progress::Paused(until);
        }
        let hub = Arc::clone(&self.membership.hub);
        let rooms = &mut *hub.lock();
        let found = look(rooms, &self.room_cursors, self.cursor, BATCH_BYTES);
        self.queue = found.deliveries;
        self.found = self.queue.len();
        let all = found.all && self.tell_members(rooms);
        if let Err(until) = self.draw(now) {
            (self.queue, self.found) = (VecDeque::new(), 0);
            return Progress::Paused(until);
        }
        match all {
            true => Progress::Live(self.go_live(rooms)),
            false => Progress::More,
        }
    }

    /// Draws what is ready from the budget.
    fn draw(&mut self, now: Instant) -> Result<(), Instant> {
        let bytes = self.replay_bytes();
        match &mut self.draws {
            Some(draws) if bytes > 0 => draws.draw(bytes, now),
            _ => Ok(()),
        }
    }

    /// How many bytes of what is ready are replay.
    fn replay_bytes(&self) -> usize {
        let is_replay = |delivery: &&Delivery| match delivery {
            Delivery::Update(frame) => frame.seq() <= self.replay_through,
            Delivery::Members(_) => true,
            Delivery::Gap(_) | Delivery::Presence(_) => false,
        };
        let ready = self.queue.iter().map(|(_, delivery)| delivery);
        ready.filter(is_replay).map(Delivery::bytes).sum()
    }

    /// Makes ready the members of each room, for a reader that gets presence
    /// and does not have them, until a batch is ready. Returns whether that is
    /// all of it: the members of a hundred rooms are a few MiB.
    fn tell_members(&mut self, rooms: &mut Rooms) -> bool {
        if !self.presence {
            return true;
        }
        let mut bytes: usize = self.queue.iter().map(|(_, ready)| ready.bytes()).sum();
        for (index, room_cursor) in self.room_cursors.iter().enumerate() {
            let room = rooms
                .get_mut(&room_cursor.room)
                .expect("a room with a reader is kept");
            // Once for each state: else a slow reader would be told of all its
            // rooms again and again, and never get through.
            if room_cursor.members == Some(room.presence.version()) {
                continue;
            }
            if bytes >= BATCH_BYTES {
                return false;
            }
            let members = Delivery::Members(room.presence.snapshot(&room_cursor.room));
            bytes += members.bytes();
            self.queue.push_back((index, members));
        }
        true
    }

    fn go_live(&mut self, rooms: &Rooms) -> LiveFrom {
        self.draws = None;
        let key = |name| rooms.get(name).expect("a room with a reader is kept").key;
        LiveFrom {
            position: rooms.channel.position(),
            cursor: rooms.newest(),
            rooms: self.membership.rooms().iter().map(key).collect(),
        }
    }

    /// What is ready, in its order.
    pub fn ready(&self) -> impl Iterator<Item = &Delivery> {
        self.gaps
            .iter()
            .chain(self.queue.iter().map(|(_, delivery)| delivery))
    }

    /// Takes out what is ready first: the reader is told of it.
    pub fn hand_out(&mut self) -> Option<Delivery> {
        if let Some(gap) = self.gaps.pop_front() {
            self.count_gap(&gap);
            return Some(gap);
        }
        let (room_cursor, delivery) = self.queue.pop_front()?;
        self.count_gap(&delivery);
        self.count_found(&delivery);
        let room_cursor = &mut self.room_cursors[room_cursor];
        match &delivery {
            Delivery::Update(frame) => {
                debug_assert!(frame.seq() > self.cursor, "ids strictly increase");
                debug_assert!(
                    room_cursor.next.is_none_or(|next| next == frame.number()),
                    "numbers have no silent hole"
                );
                room_cursor.next = Some(frame.number() + 1);
                room_cursor.hole = GapReason::Lagged;
                self.cursor = frame.seq();
            }
            Delivery::Gap(gap) => {
                room_cursor.next = Some(gap.next);
                room_cursor.hole = GapReason::Lagged;
                if let Cursor::Id(id) = gap.cursor {
                    self.cursor = id.seq;
                }
            }
            Delivery::Members(snapshot) => room_cursor.members = Some(snapshot.version),
            Delivery::Presence(_) => {}
        }
        Some(delivery)
    }

    /// Forgets what was made ready and not handed out: it is looked for anew.
    pub fn rewind(&mut self) {
        if let Some(draws) = &self.draws {
            draws.give_back(self.replay_bytes());
        }
        self.queue = VecDeque::new();
        self.end_replay();
    }

    fn count_gap(&self, told: &Delivery) {
        if let Delivery::Gap(gap) = told {
            self.membership.hub.counts.told_of_gap(gap.reason);
        }
    }

    fn count_found(&mut self, told: &Delivery) {
        if self.found == 0 {
            return;
        }
        self.found -= 1;
        if let Delivery::Update(_) = told {
            self.replayed.messages += 1;
            self.replayed.bytes += told.bytes() as u64;
        }
        if self.found == 0 {
            self.end_replay();
        }
    }

    /// Counts once for a look: many streams replay at the same time, and each
    /// message of each would be an addition to one place.
    fn end_replay(&mut self) {
        self.found = 0;
        let Replayed { messages, bytes } = std::mem::take(&mut self.replayed);
        if messages > 0 {
            self.membership.hub.counts.replayed(messages, bytes);
        }
    }

    /// Gives up all but the reader's place in its rooms.
    pub fn into_membership(self) -> Membership {
        self.membership
    }
}

#[cfg(test)]
mod tests;
