//! The hub: all rooms behind one lock, with one sequence of ids.
//!
//! With one sequence, one cursor is enough for a stream of many rooms. With one
//! lock, ids, history and the channel have the same order: a subscription finds a
//! message in history or receives it from the channel, never both, never neither.
//! The lock is held for short, bounded work without I/O or await.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "redis")]
use std::time::Duration;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;

use super::author::Author;
use super::bans::{Ban, BanError, BanKey};
use super::change::{Change, ChangeError, Requester};
use super::draft::{Draft, RetryKey};
use super::entry::Entry;
use super::errors::{HistoryUnavailable, PublishError, RoomLimitReached, SubscribeError};
use super::feed::Feed;
use super::generations::Generations;
use super::history_page::{HistoryPage, HistoryQuery, PlannedPage};
#[cfg(feature = "redis")]
use super::log::EntryLog;
use super::log::StoreError;
use super::log::reading::ReadQueue;
#[cfg(feature = "data")]
use super::log::{CommitQueue, restored::Restored};
use super::member::members_json;
use super::published::{Commit, Published};
use super::reader_profile::ReaderProfile;
use super::room::Room;
use super::rooms::{HubLimits, RemainingWork, Rooms};
use super::shared::SharedClient;
use super::subscribe_options::RoomList;
use super::totals::{HubCounters, Totals};
#[cfg(feature = "data")]
use crate::config::DataSettings;
use crate::protocol::{self, Epoch, EventId, RoomName, UserName};
use crate::sse;

/// How long a room of a shared history that is not used here stays loaded.
#[cfg(feature = "redis")]
const UNLOAD_AFTER: Duration = Duration::from_secs(60);

/// An entry in the list of rooms.
pub type RoomSummary = protocol::RoomSummary<RoomName>;

/// All rooms of a server.
///
/// [`Hub::publish`] adds messages. [`Hub::page`] reads history, [`Hub::subscribe`]
/// begins a stream. A room is created by its first message or stream. The server
/// does the hub's housekeeping once a second: it sends presence events, removes
/// members after their grace period, and forgets idle rooms.
///
/// ```
/// use sse_chat::chat::{Draft, HistoryQuery, Hub, HubLimits, Published};
/// use sse_chat::protocol::{MessageText, RoomName, UserName};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::new(HubLimits::default());
/// let lobby = RoomName::parse("lobby")?;
/// let draft = Draft::new(UserName::parse("Alice")?, MessageText::parse("hello", 4096)?);
/// let Published::New(entry) = hub.publish(&lobby, draft)? else {
///     unreachable!("only a retry with a client id is a duplicate");
/// };
/// assert_eq!(entry.number(), Some(1));
///
/// let last_ten = HistoryQuery { after: None, before: None, limit: 10 };
/// let page = hub.page(&lobby, last_ten);
/// assert_eq!(page.entries.len(), 1);
/// assert_eq!(page.entries[0].json(), entry.json());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Hub {
    rooms: Mutex<Rooms>,
    readers: AtomicUsize,
    /// Whether there was ever a ban.
    has_bans: AtomicBool,
    /// Where reads from the store wait, if there is one.
    reads: Option<Arc<ReadQueue>>,
    /// Calls of the history that several servers share, if they do.
    shared: Option<Arc<SharedClient>>,
    pub(super) counters: HubCounters,
}

impl Hub {
    /// A hub without rooms, in a new epoch.
    pub fn new(limits: HubLimits) -> Arc<Self> {
        Self::with_generations(limits, Generations::new(), 0)
    }

    /// A hub without rooms that continues a history: `seq` is that of its newest
    /// entry.
    pub(crate) fn with_generations(
        limits: HubLimits,
        generations: Generations,
        seq: u64,
    ) -> Arc<Self> {
        Self::of(Rooms::new(generations, seq, limits))
    }

    /// A hub of these rooms.
    pub(super) fn of(rooms: Rooms) -> Arc<Self> {
        Arc::new(Self::without_reads(rooms))
    }

    fn without_reads(rooms: Rooms) -> Self {
        Self {
            rooms: Mutex::new(rooms),
            readers: AtomicUsize::new(0),
            has_bans: AtomicBool::new(false),
            reads: None,
            shared: None,
            counters: HubCounters::default(),
        }
    }

    /// The hub of a store: its rooms, and bounded queues for what is to be stored and
    /// read. A [`Committer`](super::log::committer::Committer) empties the queue, and a
    /// [`ReadThread`](super::log::reading::ReadThread) answers what is read.
    #[cfg(feature = "data")]
    pub(super) fn restore(
        limits: HubLimits,
        restored: Restored,
        settings: &DataSettings,
    ) -> Arc<Self> {
        let has_bans = restored.rooms.iter().any(|room| !room.bans.is_empty());
        let queue = CommitQueue::new(settings.commit_queue, restored.excess > 0);
        Arc::new(Self {
            has_bans: AtomicBool::new(has_bans),
            reads: Some(Arc::new(ReadQueue::new(settings.read_budget))),
            ..Self::without_reads(Rooms::restore(limits, restored, queue))
        })
    }

    /// The hub of a history that several servers share. `seq` is the newest one.
    #[cfg(feature = "redis")]
    pub(super) fn follow(
        limits: HubLimits,
        generations: Generations,
        seq: u64,
        shared: Arc<SharedClient>,
    ) -> Arc<Self> {
        let limits = HubLimits {
            room_idle: limits.room_idle.min(UNLOAD_AFTER),
            ..limits
        };
        let mut rooms = Rooms::new(generations, seq, limits);
        rooms.log = EntryLog::Shared(Box::default());
        Arc::new(Self {
            shared: Some(shared),
            ..Self::without_reads(rooms)
        })
    }

    /// The epoch of the entries that are published now.
    pub fn epoch(&self) -> Epoch {
        self.lock().generations().present()
    }

    /// The number of subscriptions.
    pub fn readers(&self) -> usize {
        self.readers.load(Ordering::Relaxed)
    }

    /// The number of rooms.
    pub fn room_count(&self) -> usize {
        self.lock().count()
    }

    /// The hub's state in numbers, and counters since the start.
    pub fn totals(&self) -> Totals {
        let mut totals = self.lock().totals();
        totals.readers = self.readers();
        self.counters.write_to(&mut totals);
        totals
    }

    /// Publishes `draft` in `room`, and creates the room as needed. It waits for
    /// no reader. With a store the result is [`Published::Pending`].
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the room can't be created, or if its history holds a
    /// different request with the draft's client id. Nothing is published then.
    pub fn publish(&self, room: &RoomName, mut draft: Draft) -> Result<Published, PublishError> {
        // The hash is computed before the lock is taken.
        let retry_key = RetryKey::take(&mut draft);
        self.lock().publish(room, &draft, retry_key)
    }

    /// Changes the message `item` of `room`, or deletes the event. The entry of the
    /// result is its present state. It has to be in memory:
    /// [`Hub::change_with_store`] also changes what only the store holds.
    ///
    /// # Errors
    ///
    /// [`ChangeError`] says why it is refused. Nothing is changed then.
    pub fn change(
        &self,
        room: &RoomName,
        item: EventId,
        change: &Change,
        requester: &Requester,
    ) -> Result<Published, ChangeError> {
        self.lock().change(room, item, change, requester, None)
    }

    /// Bans the author of a message from `room` until a time: its streams end, and
    /// its requests are refused. That it lasts is another matter: see [`Commit`].
    ///
    /// # Errors
    ///
    /// [`BanError`] if nothing is known of the author, or there are too many bans.
    pub fn ban(
        &self,
        room: &RoomName,
        message: EventId,
        until: SystemTime,
    ) -> Result<Commit, BanError> {
        self.note_ban();
        self.lock().ban(room, message, until, None)
    }

    /// Lifts the ban of the author of a message. `None` if there was none.
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if nothing can be stored. The ban stays then.
    pub fn lift_ban(
        &self,
        room: &RoomName,
        message: EventId,
    ) -> Result<Option<Commit>, HistoryUnavailable> {
        self.lock().lift_ban(room, message, None)
    }

    /// There may be a ban from now on.
    pub(super) fn note_ban(&self) {
        self.has_bans.store(true, Ordering::Relaxed);
    }

    /// The bans of `room`, the next to end first.
    pub fn bans(&self, room: &RoomName) -> Vec<Ban> {
        let rooms = self.lock();
        rooms.get(room).map_or_else(Vec::new, Room::list_bans)
    }

    /// Whether an author is banned from `room`.
    pub fn is_banned(&self, room: &RoomName, author: &Author) -> bool {
        // Without any ban nothing is hashed, and no lock is taken.
        self.has_bans.load(Ordering::Relaxed) && {
            let key = BanKey::of(author);
            let rooms = self.lock();
            rooms.get(room).is_some_and(|room| room.is_banned(key))
        }
    }

    /// A member of `room` types, or types no longer. It ends by itself after 6 s, and
    /// with the member's next message. Nothing happens if there is no such member, or
    /// if the room has more than [`HubLimits::max_typing_members`].
    pub fn set_typing(&self, room: &RoomName, member: &UserName, types: bool) {
        self.lock().set_typing(room, member, types);
    }

    /// A part of the history of `room` that is in memory. Empty if there is no such
    /// room. [`Hub::page_with_store`] also reads what only the store holds.
    pub fn page(&self, room: &RoomName, query: HistoryQuery) -> HistoryPage {
        let rooms = self.lock();
        match rooms.get(room) {
            Some(room) => HistoryPage::in_memory(&rooms, room, &query),
            None => HistoryPage::default(),
        }
    }

    pub(super) fn plan_page(&self, room: &RoomName, query: HistoryQuery) -> PlannedPage {
        let rooms = self.lock();
        match rooms.get(room) {
            Some(room) => PlannedPage::new(&rooms, room, &query),
            None => PlannedPage::default(),
        }
    }

    /// The members of `room` as JSON, `{"room","count","members"}`. `members` has
    /// at most 200 of them. Encoded once for all calls between two changes.
    pub fn members(&self, room: &RoomName) -> Bytes {
        match self.lock().get_mut(room) {
            Some(room) => room.presence.json(&room.name),
            None => members_json(room, 0, Vec::new()),
        }
    }

    /// At most `limit` rooms, ordered by name: those after `after`, or the first
    /// ones.
    pub fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Vec<RoomSummary> {
        // Allocated before the lock is taken.
        let mut summaries = Vec::with_capacity(limit);
        let rooms = self.lock();
        summaries.extend(rooms.after(after).take(limit).map(|room| RoomSummary {
            room: room.name.clone(),
            members: room.presence.count() as u64,
            messages: room.history.items() as u64,
            newest: rooms.newest_item(room),
        }));
        summaries
    }

    /// Whether a message was published in `room` since it was created.
    pub(crate) fn has_messages(&self, room: &RoomName) -> bool {
        let rooms = self.lock();
        let Some(room) = rooms.get(room) else {
            return false;
        };
        match rooms.log.is_shared() {
            true => room.history.next_place().counted > 0,
            false => room.has_messages,
        }
    }

    /// Whether a stream of `rooms` would stay within the limit on rooms.
    ///
    /// # Errors
    ///
    /// [`RoomLimitReached`] if not.
    pub(crate) fn check_rooms(&self, rooms: &RoomList) -> Result<(), RoomLimitReached> {
        self.lock().check_rooms(rooms.as_slice())
    }

    /// A receiver of all events of rooms with readers from now on. A fan-out
    /// worker has one for its life.
    #[doc(hidden)]
    pub fn feed(&self) -> Feed {
        self.lock().channel.feed()
    }

    /// The entry of `room` with this id, unless it was evicted, replaced by a later
    /// change, or lost with the end of its generation.
    pub(crate) fn entry(&self, room: &RoomName, id: EventId) -> Option<Entry> {
        let rooms = self.lock();
        let seq = rooms.generations().seq_of(id)?;
        rooms.get(room)?.history.get(seq).cloned()
    }

    /// A presence event with the current members of `room`, if there is such a
    /// room. Its changes can be announced once more.
    pub(crate) fn presence_event(&self, room: &RoomName) -> Option<sse::Encoded> {
        let mut rooms = self.lock();
        let room = rooms.get_mut(room)?;
        Some(room.presence.snapshot(&room.name).event)
    }

    /// Does a bounded part of the housekeeping that is due at `now`. The server
    /// calls this once a second until no work remains, and lets other tasks run in
    /// between. All passes of one tick have the same `now`: they send at most one
    /// presence event per room.
    pub(crate) fn housekeeping_pass(&self, now: Instant) -> RemainingWork {
        let mut forgotten = Vec::new();
        let mut rooms = self.lock();
        let remaining = rooms.housekeeping_pass(now, &mut forgotten);
        // Unlock before the histories of the forgotten rooms are freed.
        drop(rooms);
        remaining
    }

    /// Does all housekeeping that is due, except for presence events that wait for
    /// the workers.
    #[cfg(test)]
    pub(crate) fn tick(&self) {
        let now = Instant::now();
        while self.housekeeping_pass(now) == RemainingWork::Ready {}
    }

    /// Calls of the shared history, if there is one.
    pub(super) fn shared(&self) -> Option<&SharedClient> {
        self.shared.as_deref()
    }

    /// Where reads from the store wait, if there is one.
    pub(super) fn reads(&self) -> Option<&ReadQueue> {
        self.reads.as_deref()
    }

    /// Why the store could not be read, unless it was said before.
    pub(crate) fn take_read_error(&self) -> Option<StoreError> {
        self.reads.as_ref()?.take_error()
    }

    #[cfg(feature = "data")]
    pub(super) fn shared_reads(&self) -> Option<Arc<ReadQueue>> {
        self.reads.clone()
    }

    /// A panic under the lock is a bug; other requests continue.
    pub(super) fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a reader to all of the rooms, or to none. `was` is its earlier name.
    pub(super) fn enter(
        &self,
        rooms: &mut Rooms,
        names: &[RoomName],
        profile: &ReaderProfile,
        was: Option<&UserName>,
    ) -> Result<(), SubscribeError> {
        rooms.enter(names, profile, was)?;
        self.readers.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Removes a reader from its rooms.
    pub(super) fn leave<'a>(
        &self,
        names: impl Iterator<Item = &'a RoomName>,
        profile: &ReaderProfile,
    ) {
        let forgotten = self.lock().leave(names, profile);
        drop(forgotten);
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
