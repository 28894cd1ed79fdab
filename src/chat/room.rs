//! One room: its history, the number of its readers, its members.
//!
//! An empty room costs less than 1 KiB: its collections allocate when they are
//! first used and free memory when they shrink.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::bans::{Ban, BanKey, Bans};
use super::draft::{Draft, DraftContent, RequestHash, RetryKey};
use super::entry::{Entry, Provenance};
use super::forgotten_rooms::RoomTombstone;
use super::history::{History, HistoryLimits};
use super::history_size::HistoryPart;
use super::log::restored::RestoredRoom;
use super::place::Place;
use super::presence::{Presence, PresenceBudget};
use super::reader_profile::ReaderProfile;
use super::room_key::RoomKey;
use super::timestamp;
use crate::protocol::{ClientId, EventId, PublishedEvent, RoomName, UserName};
use crate::sse;

/// How long a room that was loaded, and that Redis does not know, waits for its first use.
const EMPTY_LOADED: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Room {
    pub(super) key: RoomKey,
    pub(super) name: RoomName,
    /// What is shown.
    pub(super) history: History,
    /// What is assigned and not shown yet. `None` if that is nothing.
    pending: Option<Box<History>>,
    /// Evictions up to this seq are in the log.
    pub(super) logged_through: u64,
    /// The position in the channel behind the last end of a generation with which
    /// entries of this room were lost; 0 if none were.
    lost_before: u64,
    pub(super) presence: Presence,
    /// Subscriptions to this room that get presence events.
    presence_readers: usize,
    /// When the room's next housekeeping is due: its place in the queue.
    pub(super) due: Option<Instant>,
    /// The room is queued to send a presence event.
    pub(super) is_waiting: bool,
    /// The room's class in the size index of each part of history.
    pub(super) size_classes: [u16; HistoryPart::ALL.len()],
    /// Subscriptions to this room. A room with readers is kept.
    readers: usize,
    /// The room could not be loaded from the shared history yet.
    pub(super) is_unloaded: bool,
    /// Its history was loaded with all that was assigned up to this seq. `None` without a
    /// shared history.
    pub(super) loaded_through: Option<u64>,
    /// Whether something was published since the room was created. Such a room is
    /// kept for [`HubLimits::room_idle`](super::HubLimits::room_idle) after its
    /// last use.
    pub(super) has_messages: bool,
    last_used: Instant,
    /// Boxed, since few rooms have any.
    bans: Option<Box<Bans>>,
}

impl Room {
    /// A new room, or one that continues after its tombstone.
    pub(super) fn new(
        key: RoomKey,
        name: RoomName,
        limits: HistoryLimits,
        tombstone: Option<RoomTombstone>,
        now: Instant,
    ) -> Self {
        let history = match tombstone {
            Some(tombstone) => History::after(limits, tombstone.through, tombstone.next),
            None => History::new(limits),
        };
        Self {
            key,
            name,
            logged_through: history.evicted_through(),
            history,
            pending: None,
            lost_before: 0,
            presence: Presence::default(),
            presence_readers: 0,
            due: None,
            is_waiting: false,
            size_classes: [0; HistoryPart::ALL.len()],
            readers: 0,
            is_unloaded: false,
            loaded_through: None,
            has_messages: false,
            last_used: now,
            bans: None,
        }
    }

    /// Continues a room of a store, which was last used at `last_used`.
    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn restore(&mut self, mut restored: RestoredRoom, last_used: Instant) {
        let bans = std::mem::take(&mut restored.bans);
        self.logged_through = restored.evicted_through;
        self.history = History::restore(self.history.limits(), restored);
        self.has_messages = true;
        self.last_used = last_used;
        if !bans.is_empty() {
            self.bans_mut().restore(bans);
        }
    }

    /// The room as Redis has it, with all that was assigned up to `as_of`.
    #[cfg(feature = "redis")]
    pub(super) fn reload(&mut self, loaded: RestoredRoom, as_of: u64, now: Instant) {
        let is_known = loaded.next.counted > 0 || !loaded.bans.is_empty();
        self.bans = None;
        self.restore(loaded, now);
        self.has_messages = is_known;
        self.is_unloaded = false;
        self.loaded_through = Some(as_of);
    }

    /// Loses the entries after `end`, with the end of a generation at `position` of the
    /// channel. `stored` is the room as a store has it: only its history is taken.
    /// Without it history is empty, since a change that is lost may have replaced an
    /// earlier state. Returns the history before.
    pub(super) fn lose_after(
        &mut self,
        end: u64,
        stored: Option<RestoredRoom>,
        position: u64,
    ) -> History {
        let history = match stored {
            Some(mut stored) => {
                // What was evicted stays so: a reader of several rooms that has a gap of
                // another room may be behind it.
                stored.evict_through(self.history.evicted_through());
                self.logged_through = stored.evicted_through;
                History::restore(self.history.limits(), stored)
            }
            None => {
                let history = self.history.emptied_after(end);
                self.logged_through = history.evicted_through();
                history
            }
        };
        self.pending = None;
        self.lost_before = position + 1;
        std::mem::replace(&mut self.history, history)
    }

    /// Whether entries of this room were lost by the end of a generation, at `position`
    /// of the channel or later.
    pub(super) fn has_lost_since(&self, position: u64) -> bool {
        self.lost_before > position
    }

    /// Makes `draft` the room's next message or event, which is not shown yet. `at` is
    /// the present time in milliseconds since 1970.
    pub(super) fn assign(
        &mut self,
        id: EventId,
        draft: &Draft,
        retry_key: Option<RetryKey>,
        (now, at): (Instant, u64),
    ) -> Entry {
        let provenance = Provenance::new(retry_key, draft.author);
        let place = self.next_place();
        let entry = match &draft.content {
            DraftContent::Message(message) => Entry::message(
                id,
                &self.name,
                place,
                message,
                provenance,
                &timestamp::now(),
            ),
            DraftContent::Event { name, payload } => {
                let event = PublishedEvent {
                    id,
                    room: self.name.as_str().into(),
                    event: name.as_str().into(),
                    data: payload.as_str().into(),
                    created_at: timestamp::now().into(),
                };
                Entry::event_of_program(&event, place, provenance)
            }
        };
        self.has_messages = true;
        self.last_used = now;
        entry.assigned_at(at)
    }

    /// The place of the room's next entry.
    pub(super) fn next_place(&self) -> Place {
        let pending = self.pending.as_ref();
        pending.map_or_else(|| self.history.next_place(), |pending| pending.next_place())
    }

    /// The present state of the message or event with this seq, shown or not.
    pub(super) fn item(&self, seq: u64) -> Option<&Entry> {
        let pending = self.pending.as_ref();
        let pending = pending.and_then(|pending| pending.item(seq));
        pending.or_else(|| self.history.item(seq))
    }

    /// The message or event with this seq in its own place, shown or not.
    pub(super) fn own(&self, seq: u64) -> Option<&Entry> {
        let pending = self.pending.as_ref();
        let pending = pending.and_then(|pending| pending.get(seq));
        pending.or_else(|| self.history.get(seq))
    }

    /// The message or event with this client id, shown or not, and the hash of its
    /// request.
    pub(super) fn find(&self, id: &ClientId) -> Option<(&Entry, RequestHash)> {
        let pending = self.pending.as_ref();
        let pending = pending.and_then(|pending| pending.find(id));
        let (entry, request) = pending.or_else(|| self.history.find(id))?;
        Some((self.item(entry.seq()).unwrap_or(entry), request))
    }

    /// Whether this state of a message or event is not shown yet.
    pub(super) fn is_pending(&self, state: &Entry) -> bool {
        let pending = self.pending.as_ref();
        pending.is_some_and(|pending| pending.item(state.item_seq()).is_some())
    }

    /// Adds an entry that is assigned and not shown yet, with the arguments of
    /// [`Self::show`].
    pub(super) fn add_pending(&mut self, entry: Entry, current: Option<Entry>) {
        let history = &self.history;
        let pending = self.pending.get_or_insert_with(|| {
            Box::new(History::after(
                HistoryLimits::NONE,
                history.newest(),
                history.next_place(),
            ))
        });
        pending.add(entry, current);
    }

    /// Shows the next entry. `current` is the present state of the message or event
    /// that it is a change of, in its own place, if that is held.
    pub(super) fn show(&mut self, entry: Entry, current: Option<Entry>) {
        let seq = entry.seq();
        self.history.add(entry, current);
        if let Some(pending) = &mut self.pending {
            pending.evict_through(seq);
            if pending.len() == 0 {
                self.pending = None;
            }
        }
    }

    /// About how many evictions are not in the log. They are then.
    pub(super) fn take_evicted(&mut self) -> usize {
        let evicted = self.history.evicted_since(self.logged_through);
        self.logged_through = self.history.evicted_through();
        evicted
    }

    /// The bans, to change them.
    pub(super) fn bans_mut(&mut self) -> &mut Bans {
        self.bans.get_or_insert_default()
    }

    /// Lifts the ban of the author of a message. Returns the keys of what was lifted.
    pub(super) fn lift_ban(&mut self, message: EventId, key: Option<BanKey>) -> Vec<BanKey> {
        let bans = self.bans.as_mut();
        bans.map_or_else(Vec::new, |bans| bans.lift(message, key))
    }

    /// The keys of the bans of the author of a message.
    #[cfg(feature = "redis")]
    pub(super) fn bans_of(&self, message: EventId, key: Option<BanKey>) -> Vec<BanKey> {
        let bans = self.bans.as_ref();
        bans.map_or_else(Vec::new, |bans| bans.of(message, key))
    }

    /// The bans that have not ended.
    pub(super) fn list_bans(&self) -> Vec<Ban> {
        let bans = self.bans.as_ref();
        bans.map_or_else(Vec::new, |bans| bans.list(SystemTime::now()))
    }

    /// Whether an author is banned.
    pub(super) fn is_banned(&self, key: Option<BanKey>) -> bool {
        match (&self.bans, key) {
            (Some(bans), Some(key)) => bans.contains(key, SystemTime::now()),
            _ => false,
        }
    }

    /// Records that the room was used.
    pub(super) fn touch(&mut self, now: Instant) {
        self.last_used = now;
    }

    pub(super) fn has_readers(&self) -> bool {
        self.readers > 0
    }

    /// One presence event for all changes since the last one, and its cost: bytes
    /// times the readers that get it.
    pub(super) fn flush_presence(
        &mut self,
        rate: usize,
        now: Instant,
    ) -> Option<(sse::Encoded, u64)> {
        let budget = PresenceBudget {
            readers: self.presence_readers,
            rate,
        };
        let event = self.presence.flush(&self.name, budget, now)?;
        let cost = event.text_len() as u64 * self.presence_readers as u64;
        Some((event, cost))
    }

    /// A subscription begins. `was` is its reader's earlier name.
    pub(super) fn enter(&mut self, profile: &ReaderProfile, was: Option<&UserName>, now: Instant) {
        self.readers += 1;
        self.presence_readers += usize::from(profile.presence);
        if let Some(name) = profile.name() {
            self.presence.join(name);
            if let Some(was) = was {
                self.presence.rename(was, name, now);
            }
        }
    }

    /// A subscription ends.
    pub(super) fn leave(&mut self, profile: &ReaderProfile, now: Instant) {
        self.readers -= 1;
        self.presence_readers -= usize::from(profile.presence);
        self.last_used = now;
        if let Some(name) = profile.name() {
            self.presence.leave(name, profile.guard(), now);
        }
    }

    /// Whether the room can be forgotten: it has no reader and no member
    /// here, and it never had a message or was not used for `idle`.
    pub(super) fn is_idle(&self, now: Instant, idle: Duration) -> bool {
        self.idle_at(now, idle).is_some_and(|at| at <= now)
    }

    /// When the room can be forgotten if it is not used until then.
    fn idle_at(&self, now: Instant, idle: Duration) -> Option<Instant> {
        let is_used = self.readers > 0 || self.presence.count_here() > 0 || self.pending.is_some();
        let at = match self.has_messages {
            // `None` is a time that the clock never reaches.
            true => self.last_used.checked_add(idle)?,
            // It was loaded for a request that comes.
            false if self.loaded_through.is_some() => self.last_used.checked_add(EMPTY_LOADED)?,
            false => now,
        };
        let bans = self.bans.as_ref();
        let bans_left = bans.and_then(|bans| bans.left(SystemTime::now()));
        let at = match bans_left {
            Some(left) => at.max(now.checked_add(left)?),
            None => at,
        };
        (!is_used).then_some(at)
    }

    /// When housekeeping is due if the room does not change until then.
    pub(super) fn next_due(&self, now: Instant, idle: Duration) -> Option<Instant> {
        let presence = match self.is_waiting {
            true => self.presence.grace_end(),
            false => self.presence.due(now),
        };
        presence.into_iter().chain(self.idle_at(now, idle)).min()
    }

    /// The tombstone of the room when it is forgotten. `None` if it never had a
    /// message or an event.
    pub(super) fn tombstone(&self) -> Option<RoomTombstone> {
        let next = self.history.next_place();
        (next.counted > 0).then(|| RoomTombstone {
            through: self.history.newest(),
            next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_room_takes_less_than_a_kibibyte() {
        let limits = HistoryLimits {
            count: 1000,
            bytes: 1 << 20,
            stored: 0,
        };
        let name = RoomName::parse(&"x".repeat(64)).unwrap();
        let room = Room::new(RoomKey(1), name, limits, None, Instant::now());
        assert_eq!(room.history.capacity(), 0);
        // The name, the allocation's header, the room, and entries in three
        // tables, two of which are half empty.
        let bytes = 64 + 16 + size_of::<Room>() + 5 * size_of::<(RoomName, Instant)>();
        assert!(bytes < 1024, "{bytes} bytes");
    }
}
