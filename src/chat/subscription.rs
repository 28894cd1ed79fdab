//! One reader's stream: a cursor that replays history, goes live, and goes back
//! to replay when it lags. New, returning and slow readers run the same code.
//!
//! The transport is not known here. A fan-out worker calls
//! [`Subscription::catch_up`] per reader until it is live, then keeps only a
//! [`Membership`] and a cursor.

mod set_back;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::delivery::{Delivery, GapReason, StreamHello};
use super::errors::SubscribeError;
use super::held_batch::HeldBatch;
use super::hub::Hub;
use super::membership::Membership;
use super::published::Commit;
use super::reader_profile::{MemberGuard, ReaderProfile, StreamAccess};
use super::ready_queue::ReadyQueue;
use super::replay::{BATCH_BYTES, ReplaySource, RoomCursor};
use super::replay_budget::{BudgetReservation, ReplayBudget};
use super::resume::{StreamStart, hello_room};
use super::room_key::RoomKey;
use super::rooms::Rooms;
use super::store_read::StoreRead;
use super::stored_entries::StoredEntries;
use super::subscribe_options::{StreamFormat, SubscribeOptions};
use super::timestamp;
use crate::protocol::{Close, CloseReason, Cursor, EventId, Expiring};

/// How long before the end of a token a stream gets `expiring`.
pub(crate) const EXPIRING_SECONDS: u64 = 30;

/// A notice about a reader's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenExpiry {
    /// It expires within [`EXPIRING_SECONDS`].
    Soon,
    /// It has expired: the stream ends.
    Now,
}

/// One reader's stream. Dropping it leaves its rooms.
#[derive(Debug)]
pub struct Subscription {
    membership: Membership,
    /// In the requested order of rooms.
    room_cursors: Vec<RoomCursor>,
    format: StreamFormat,
    /// Whether the reader was sent `stale`, and not `fresh` since.
    knows_stale: bool,
    /// The notice about its token that the reader gets next.
    expiry: Option<TokenExpiry>,
    hello: Option<StreamHello>,
    ready: ReadyQueue,
    /// Messages up to this seq were published before the stream began. They are
    /// replay and drawn from the budget.
    replay_through: u64,
    /// `None` if the replay is not limited, or over.
    budget: Option<BudgetReservation>,
    /// What has to be read from the store before the replay goes on.
    reading: Option<StoreRead>,
    /// The next batch, while it waits for evictions. It follows `cursor`.
    held: Option<HeldBatch>,
    /// What only the store holds up to this seq could not be read: the reader gets a gap
    /// for it.
    unreadable_through: u64,
    /// The reader's own cursor: the last id that it has got, or one that stands for it.
    own: Cursor,
    /// The position in the channel as of which its place was last looked at. If a
    /// generation has ended since, the place may be among lost entries.
    position: u64,
    /// The seq of the last delivery that was taken: all messages of its rooms up
    /// to here were delivered or announced as lost. `ready` continues from here.
    cursor: u64,
}

/// How long a stream waits whose reader has more from another server than is shown here, or
/// one of whose rooms could not be loaded yet.
const AHEAD_PAUSE: Duration = Duration::from_millis(50);

/// The result of [`Subscription::catch_up`].
#[derive(Debug)]
pub enum Progress {
    /// History may have more after the ready deliveries.
    More,
    /// Nothing is ready until this time: the replay budget is used up, or the store is
    /// being read or written.
    Paused(Instant),
    /// The reader is live after the ready deliveries.
    Live(LiveFrom),
    /// The reader may not read any more: nothing is ready, and the stream ends with
    /// this event.
    Closed(Close),
}

/// The point at which a reader went live. All later events of the channel are for
/// it.
#[derive(Debug)]
pub struct LiveFrom {
    /// The position of the first event for the reader.
    pub(crate) position: u64,
    /// The seq of the newest message of all rooms at that point. Messages of the
    /// reader's rooms up to here were delivered, announced as lost, or not
    /// requested.
    pub(crate) cursor: u64,
    /// The keys of the reader's rooms, in the order of [`Membership::rooms`].
    pub(crate) rooms: Vec<RoomKey>,
}

impl Subscription {
    pub(super) fn begin(
        hub: Arc<Hub>,
        mut options: SubscribeOptions,
    ) -> Result<Self, SubscribeError> {
        let format = options.format();
        let profile = ReaderProfile::new(options.name.take(), options.presence);
        let was = options.was.take();
        let names = options.rooms.as_slice();
        let (start, hello_rooms, replay_through, position) = {
            let rooms = &mut *hub.lock();
            hub.enter(rooms, names, &profile, was.as_ref())?;
            if options.cursor.is_some() {
                hub.counters.count_resume();
            }
            let entries = names.iter().filter_map(|room| hello_room(rooms, room));
            (
                StreamStart::of(rooms, &options),
                entries.collect::<Vec<_>>(),
                rooms.newest(),
                rooms.channel.position(),
            )
        };
        // Not under the lock: dropping a membership takes the lock. The first batch
        // finds messages that are published from here on.
        Ok(Self {
            membership: Membership::new(hub, names, profile),
            room_cursors: start.room_cursors,
            format,
            knows_stale: false,
            expiry: None,
            hello: Some(StreamHello {
                cursor: start.hello,
                rooms: hello_rooms,
            }),
            ready: ReadyQueue::new(start.gaps),
            replay_through,
            budget: None,
            reading: None,
            held: None,
            unreadable_through: 0,
            own: start.hello,
            position,
            cursor: start.cursor,
        })
    }

    /// Continues after `cursor`, up to which the reader has all messages, as of `position`
    /// in the channel. `knows_stale`: it was sent `stale`, and not `fresh` since.
    pub(crate) fn resume(
        membership: Membership,
        format: StreamFormat,
        cursor: u64,
        position: u64,
        knows_stale: bool,
    ) -> Self {
        let (room_cursors, own) = {
            let rooms = membership.hub.lock();
            let room_cursor = |name| {
                let room = rooms.get(name).expect("a room with a reader exists");
                RoomCursor {
                    room: room.name.clone(),
                    skip_through: 0,
                    next: room.history.place_after(cursor),
                    gap_reason: GapReason::Lagged,
                    members_version: None,
                }
            };
            let own = match rooms.ended_since(position) {
                Some(ended) => EventId {
                    epoch: ended.epoch,
                    seq: cursor,
                },
                None => rooms.cursor_after(cursor),
            };
            let names = membership.rooms().iter();
            (names.map(room_cursor).collect(), own)
        };
        Self {
            membership,
            room_cursors,
            format,
            knows_stale,
            expiry: None,
            hello: None,
            ready: ReadyQueue::new(Default::default()),
            replay_through: 0,
            budget: None,
            reading: None,
            held: None,
            unreadable_through: 0,
            own: Cursor::Id(own),
            position,
            cursor,
        }
    }

    /// Keeps `guard` for as long as the reader's name is a member of its rooms,
    /// which is a grace period longer than the stream. Without a name the guard is
    /// dropped at once.
    pub(crate) fn set_member_guard(&mut self, guard: MemberGuard) {
        self.membership.set_member_guard(guard);
    }

    /// Limits the time for which the reader may read.
    pub(crate) fn set_access(&mut self, access: StreamAccess) {
        self.membership.set_access(access);
    }

    /// When the reader's token expires, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> Option<u64> {
        self.membership.expires_at()
    }

    /// Tells the reader that its token expires, by the next events.
    pub(crate) fn expire(&mut self, expiry: TokenExpiry) {
        self.expiry = Some(expiry);
    }

    /// The first event of the stream. `None` after the first call.
    pub fn take_hello(&mut self) -> Option<StreamHello> {
        self.hello.take()
    }

    /// What the reader gets beside messages, and how.
    pub(crate) fn format(&self) -> StreamFormat {
        self.format
    }

    /// Whether the reader was sent `stale`, and not `fresh` since.
    pub(crate) fn knows_stale(&self) -> bool {
        self.knows_stale
    }

    /// Draws the replay from `budget`: messages that were published before the
    /// stream began, and the first list of members. Later messages are not
    /// limited, so a replay ends however much is published meanwhile.
    pub(crate) fn limit_replay(&mut self, budget: ReplayBudget) {
        let waiting = &self.membership.hub.counters.replays_waiting;
        self.budget = Some(BudgetReservation::new(budget, waiting));
    }

    /// Removes the limit, so that a stream that is to end delivers all messages
    /// first.
    pub(crate) fn unlimit_replay(&mut self) {
        self.budget = None;
    }

    /// Makes the next deliveries ready, about 64 KiB. After the last of them the
    /// reader goes live under the same lock: a message is either made ready here
    /// or comes through the channel.
    ///
    /// Call it only after all ready deliveries were taken.
    pub fn catch_up(&mut self, now: Instant) -> Progress {
        debug_assert_eq!(self.ready.deliveries().len(), 0, "all were taken");
        if let Some(until) = self.budget.as_ref().and_then(|own| own.waits_until(now)) {
            return Progress::Paused(until);
        }
        let hub = Arc::clone(&self.membership.hub);
        if self.expiry == Some(TokenExpiry::Now) {
            return Progress::Closed(Close::new(CloseReason::TokenExpired));
        }
        let mut stored = match self.take_awaited(&hub, now) {
            Ok(stored) => stored,
            Err(until) => return Progress::Paused(until),
        };
        let rooms = &mut *hub.lock();
        if let Some(ended) = rooms.ended_since(self.position) {
            self.set_back(rooms, ended);
            // It may be lost.
            stored = StoredEntries::default();
        }
        self.position = rooms.channel.position();
        if let Some(close) = self.check_bans(rooms) {
            return Progress::Closed(close);
        }
        // The first delivery, also of a reader that has to wait for the others.
        let news = rooms.news_of_staleness(self.knows_stale);
        self.ready.set_notice(news.map(Delivery::from));
        if let Some(held) = self.held.take() {
            return self.release(held, now);
        }
        let as_of = rooms.newest();
        if self.cursor > as_of || self.has_unloaded(rooms) {
            return Progress::Paused(now + AHEAD_PAUSE);
        }
        let source = ReplaySource {
            rooms,
            stored: &stored,
            unreadable_through: self.unreadable_through,
        };
        let batch = source.read_batch(&self.room_cursors, self.cursor, BATCH_BYTES);
        if let Some(through) = batch.unreadable_through {
            self.unreadable_through = through;
        }
        if batch.deliveries.is_empty() && !batch.unread.is_empty() {
            let (read, until) = StoreRead::begin(hub.reads(), batch.unread, as_of, now);
            self.reading = Some(read);
            return Progress::Paused(until);
        }
        if batch.skips_lost
            && let Some(commit) = rooms.log.wait_for_evictions()
        {
            return self.hold(HeldBatch::new(batch.deliveries, commit), now);
        }
        self.ready.set_batch(batch.deliveries);
        self.push_expiring();
        let is_last = batch.is_last && self.add_members(rooms);
        if let Err(until) = self.draw(now) {
            self.ready.set_batch(Default::default());
            return Progress::Paused(until);
        }
        match is_last {
            true => Progress::Live(self.go_live(rooms)),
            false => Progress::More,
        }
    }

    /// Keeps a batch back. It never goes live: the next one does, which is read once
    /// this one is delivered.
    fn hold(&mut self, mut batch: HeldBatch, now: Instant) -> Progress {
        match batch.look(now) {
            Ok(()) => self.release(batch, now),
            Err(until) => {
                self.held = Some(batch);
                Progress::Paused(until)
            }
        }
    }

    /// Makes a batch ready whose wait is over.
    fn release(&mut self, batch: HeldBatch, now: Instant) -> Progress {
        self.ready.set_batch(batch.into_deliveries());
        if let Err(until) = self.draw(now) {
            let batch = HeldBatch::new(self.ready.take_batch(), Commit::DONE);
            self.held = Some(batch);
            return Progress::Paused(until);
        }
        self.push_expiring();
        Progress::More
    }

    /// Whether nothing becomes ready any more, since the store failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.held.as_ref().is_some_and(HeldBatch::has_failed)
    }

    /// Makes the notice about the reader's token ready, if it is due.
    fn push_expiring(&mut self) {
        if let (Some(TokenExpiry::Soon), Some(at)) = (self.expiry, self.expires_at()) {
            let expires_at = timestamp::of_seconds(at);
            let expiring = Delivery::Expiring(Expiring { expires_at });
            self.ready.push(0, expiring);
        }
    }

    /// Whether one of its rooms could not be loaded from a shared history yet.
    fn has_unloaded(&self, rooms: &Rooms) -> bool {
        let is_unloaded =
            |own: &RoomCursor| rooms.get(&own.room).is_some_and(|room| room.is_unloaded);
        rooms.log.is_shared() && self.room_cursors.iter().any(is_unloaded)
    }

    /// What was read from the store, once the store has all that a held batch waits for;
    /// or when to look for them again.
    fn take_awaited(&mut self, hub: &Hub, now: Instant) -> Result<StoredEntries, Instant> {
        let stored = self.take_read(hub, now)?;
        match &mut self.held {
            Some(held) => held.look(now).map(|()| stored),
            None => Ok(stored),
        }
    }

    /// What was read from the store, or when to look for it again.
    fn take_read(&mut self, hub: &Hub, now: Instant) -> Result<StoredEntries, Instant> {
        let Some(read) = self.reading.take() else {
            return Ok(StoredEntries::default());
        };
        read.look(hub.reads(), now).map_err(|(read, until)| {
            self.reading = Some(read);
            until
        })
    }

    /// Ends the stream if its reader is banned from a room.
    fn check_bans(&self, rooms: &Rooms) -> Option<Close> {
        let key = self.membership.access()?.ban_key;
        let names = self.membership.rooms().iter();
        let banned = names.filter(|name| rooms.get(name).is_some_and(|room| room.is_banned(key)));
        let banned: Vec<_> = banned.map(|name| name.as_str().to_owned()).collect();
        (!banned.is_empty()).then(|| Close {
            rooms: banned,
            ..Close::new(CloseReason::Forbidden)
        })
    }

    /// Draws the ready deliveries from the budget.
    fn draw(&mut self, now: Instant) -> Result<(), Instant> {
        let bytes = self.replay_bytes();
        match &mut self.budget {
            Some(budget) if bytes > 0 => budget.draw(bytes, now),
            _ => Ok(()),
        }
    }

    /// Bytes of the ready deliveries that are replay.
    fn replay_bytes(&self) -> usize {
        let is_replay = |delivery: &&Delivery| match delivery {
            Delivery::Entry(entry) => entry.seq() <= self.replay_through,
            Delivery::Members(_) => true,
            Delivery::Gap(..) | Delivery::Expiring(_) | Delivery::Stale(_) | Delivery::Fresh => {
                false
            }
        };
        let replay = self.ready.deliveries().filter(is_replay);
        replay.map(Delivery::bytes).sum()
    }

    /// Makes the members of each room ready, for a reader that gets presence
    /// events and does not have them, until the batch is full. Returns whether
    /// these are all: the members of a hundred rooms are a few MiB.
    fn add_members(&mut self, rooms: &mut Rooms) -> bool {
        if !self.format.presence {
            return true;
        }
        let mut bytes: usize = self.ready.deliveries().map(Delivery::bytes).sum();
        for (index, room_cursor) in self.room_cursors.iter().enumerate() {
            let room = rooms
                .get_mut(&room_cursor.room)
                .expect("a room with a reader exists");
            // Once per version, or a slow reader would get the members of all
            // rooms again and again and never go live.
            if room_cursor.members_version == Some(room.presence.version()) {
                continue;
            }
            if bytes >= BATCH_BYTES {
                return false;
            }
            let members = Delivery::Members(room.presence.snapshot(&room_cursor.room));
            bytes += members.bytes();
            self.ready.push(index, members);
        }
        true
    }

    fn go_live(&mut self, rooms: &Rooms) -> LiveFrom {
        self.budget = None;
        let key = |name| rooms.get(name).expect("a room with a reader exists").key;
        LiveFrom {
            position: rooms.channel.position(),
            cursor: rooms.newest(),
            rooms: self.membership.rooms().iter().map(key).collect(),
        }
    }

    /// The ready deliveries in order.
    pub fn ready(&self) -> impl Iterator<Item = &Delivery> {
        self.ready.iter()
    }

    /// Takes the first ready delivery and moves the cursor past it.
    pub fn pop_ready(&mut self) -> Option<Delivery> {
        let (index, delivery) = self.ready.pop(&self.membership.hub.counters)?;
        let Some(index) = index else {
            match &delivery {
                Delivery::Gap(gap, _) => self.own = gap.cursor,
                Delivery::Stale(_) => self.knows_stale = true,
                Delivery::Fresh => self.knows_stale = false,
                _ => {}
            }
            return Some(delivery);
        };
        self.room_cursors[index].advance(&delivery);
        match &delivery {
            Delivery::Entry(entry) => {
                debug_assert!(entry.seq() > self.cursor, "ids strictly increase");
                self.own = Cursor::Id(entry.id());
                self.cursor = entry.seq();
            }
            Delivery::Gap(gap, _) => {
                self.own = gap.cursor;
                if let Cursor::Id(id) = gap.cursor {
                    self.cursor = id.seq;
                }
            }
            Delivery::Expiring(_) => self.expiry = None,
            Delivery::Members(_) | Delivery::Stale(_) | Delivery::Fresh => {}
        }
        Some(delivery)
    }

    /// Drops the ready deliveries that were not taken. The next
    /// [`catch_up`](Self::catch_up) reads them again. A held batch stays: none of it was
    /// ready, so it still follows the cursor.
    pub(crate) fn rewind(&mut self) {
        if let Some(budget) = &self.budget {
            budget.refund(self.replay_bytes());
        }
        self.ready.clear(&self.membership.hub.counters);
    }

    /// Ends the stream and keeps the reader in its rooms.
    pub(crate) fn into_membership(self) -> Membership {
        self.membership
    }
}

#[cfg(test)]
mod tests;
