//! A room is loaded when it is first used here: its newest entries, its place and its bans,
//! as of one seq. What is read of it meanwhile is kept, and follows.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use sse_chat_redis as redis;
use tokio::time::{Instant, timeout_at};

use super::client::{Failed, MAX_TRIES, SharedClient};
use super::{bans, content};
use crate::chat::entry::Entry;
use crate::chat::errors::{HistoryUnavailable, RoomLimitReached, RoomLoadError};
use crate::chat::generations::Generations;
use crate::chat::hub::Hub;
use crate::chat::log::restored::RestoredRoom;
use crate::chat::place::Place;
use crate::chat::rooms::shared::{LoadStep, LoadedRoom};
use crate::protocol::{Cursor, Epoch, EventId, RoomName};

/// Most rooms of one call: Redis does nothing else meanwhile.
const ROOMS_AT_ONCE: usize = 100;

/// The longest wait of a stream for its rooms. Its reader gets hello after it.
const STREAM_LOAD: Duration = Duration::from_secs(2);

/// The state of any room has the newest seq of all of them.
const NEWEST_OF_ANY: &str = "-";

/// What becomes of a room that Redis does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EmptyRoom {
    /// It is here from now on.
    Made,
    /// There is nothing to read.
    NotMade,
}

/// A load that has begun. Its drop ends it.
struct Load<'a> {
    hub: &'a Hub,
    room: &'a RoomName,
    number: u64,
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.hub.lock().cancel_load(self.room, self.number);
    }
}

impl SharedClient {
    /// Loads a room, unless it is here.
    pub(in crate::chat) async fn load(
        &self,
        hub: &Hub,
        room: &RoomName,
    ) -> Result<(), RoomLoadError> {
        self.load_or(hub, room, EmptyRoom::Made).await
    }

    /// As [`Self::load`], but a room that Redis does not know is not made.
    pub(in crate::chat) async fn load_to_read(
        &self,
        hub: &Hub,
        room: &RoomName,
    ) -> Result<(), RoomLoadError> {
        self.load_or(hub, room, EmptyRoom::NotMade).await
    }

    async fn load_or(
        &self,
        hub: &Hub,
        room: &RoomName,
        empty: EmptyRoom,
    ) -> Result<(), RoomLoadError> {
        for _ in 0..MAX_TRIES {
            let step = hub.lock().begin_load(room)?;
            let number = match step {
                LoadStep::Loaded => return Ok(()),
                LoadStep::Wait(ended) => {
                    // However it has ended, it is looked at again.
                    let _ = tokio::time::timeout(self.timeout, ended.done()).await;
                    continue;
                }
                LoadStep::Begin(number) => number,
            };
            let load = Load { hub, room, number };
            let epoch = hub.epoch();
            let loaded = match self.ask(epoch, room).await {
                Ok(loaded) => loaded,
                Err(error) => match error.into() {
                    Failed::OtherEpoch => {
                        drop(load);
                        self.next_generation(hub, epoch).await?;
                        continue;
                    }
                    Failed::Unavailable => return Err(HistoryUnavailable.into()),
                },
            };
            let is_empty = loaded.next.counted == 0 && loaded.bans.is_empty();
            if is_empty && empty == EmptyRoom::NotMade {
                return Ok(());
            }
            let as_of = loaded.as_of;
            let generations = hub.lock().generations().clone();
            let restored = self.restored(&generations, room, &loaded);
            self.shown(hub, epoch, as_of).await?;
            if !restored.bans.is_empty() {
                hub.note_ban();
            }
            let loaded = LoadedRoom {
                room: restored,
                as_of,
            };
            if hub.lock().finish_load(number, loaded) {
                return Ok(());
            }
        }
        Err(HistoryUnavailable.into())
    }

    /// Loads the rooms of a stream. Those that can't be loaded now are loaded later.
    pub(in crate::chat) async fn load_for_stream(
        &self,
        hub: &Hub,
        rooms: &[RoomName],
    ) -> Result<(), RoomLimitReached> {
        let deadline = Instant::now() + STREAM_LOAD;
        for room in rooms {
            let loaded = match self.is_away.load(Ordering::Relaxed) {
                true => Err(HistoryUnavailable.into()),
                false => match timeout_at(deadline, self.load(hub, room)).await {
                    Ok(loaded) => loaded,
                    Err(_) => Err(HistoryUnavailable.into()),
                },
            };
            match loaded {
                Ok(()) => {}
                Err(RoomLoadError::RoomLimit(error)) => return Err(error),
                Err(RoomLoadError::HistoryUnavailable(_)) => {
                    hub.lock().create_unloaded(room)?;
                    self.unloaded.notify_one();
                }
            }
        }
        Ok(())
    }

    /// The cursor of a stream: unknown if it is beyond all that Redis has. One of another
    /// server may be ahead of this one.
    pub(in crate::chat) async fn known(&self, hub: &Hub, cursor: Cursor) -> Cursor {
        let Cursor::Id(id) = cursor else {
            return cursor;
        };
        self.await_generation(hub, id).await;
        let (epoch, shown) = {
            let rooms = hub.lock();
            (rooms.generations().present(), rooms.newest())
        };
        let is_ahead = id.epoch == epoch && id.seq > shown;
        if !is_ahead || self.is_away.load(Ordering::Relaxed) {
            return cursor;
        }
        match self.newest(epoch).await {
            Ok(newest) if id.seq > newest => Cursor::Unknown,
            Ok(_) | Err(_) => cursor,
        }
    }

    /// Waits for the generation of an id, which another server knows already.
    async fn await_generation(&self, hub: &Hub, id: EventId) {
        let present = hub.epoch();
        if id.epoch > present && !self.is_away.load(Ordering::Relaxed) {
            let _ = self.next_generation(hub, present).await;
        }
    }

    /// Waits until the entry of an id is shown here, if another server has shown it.
    pub(super) async fn await_entry(&self, hub: &Hub, id: EventId) {
        self.await_generation(hub, id).await;
        let (epoch, shown) = {
            let rooms = hub.lock();
            (rooms.generations().present(), rooms.newest())
        };
        if id.epoch != epoch || id.seq <= shown {
            return;
        }
        if let Ok(newest) = self.newest(epoch).await
            && id.seq <= newest
        {
            let _ = self.shown(hub, epoch, id.seq).await;
        }
    }

    /// Reports the rooms that are used here, and has a part of those forgotten that none
    /// has used.
    pub(in crate::chat) async fn maintain(&self, hub: &Hub) -> Result<(), HistoryUnavailable> {
        let used = hub.lock().used();
        for part in used.chunks(ROOMS_AT_ONCE) {
            let names: Vec<&str> = part.iter().map(RoomName::as_str).collect();
            let reported = self.log.use_rooms(&names).await;
            reported.map_err(|_| HistoryUnavailable)?;
        }
        let epoch = hub.epoch();
        let tidy = || {
            let (epoch, idle) = (epoch.as_str(), self.room_idle);
            self.log
                .tidy(epoch, idle, self.max_tombstones, ROOMS_AT_ONCE)
        };
        while tidy().await.map_err(|_| HistoryUnavailable)? {}
        Ok(())
    }

    /// The newest seq of Redis, in the generation `epoch`.
    pub(super) async fn newest(&self, epoch: Epoch) -> Result<u64, redis::CallError> {
        // Of any room.
        let loaded = self.log.load(epoch.as_str(), NEWEST_OF_ANY, 1).await?;
        Ok(loaded.as_of)
    }

    /// The rooms with these names as Redis has them, in the last one of `generations`.
    pub(super) async fn load_all(
        &self,
        generations: &Generations,
        names: &[RoomName],
    ) -> Result<Vec<LoadedRoom>, redis::CallError> {
        let mut rooms = Vec::with_capacity(names.len());
        for name in names {
            let loaded = self.ask(generations.present(), name).await?;
            rooms.push(LoadedRoom {
                as_of: loaded.as_of,
                room: self.restored(generations, name, &loaded),
            });
        }
        Ok(rooms)
    }

    /// A room as Redis has it, with one entry more than is kept, if there is one: it says
    /// what is evicted here.
    pub(super) async fn ask(
        &self,
        epoch: Epoch,
        room: &RoomName,
    ) -> Result<redis::Loaded, redis::CallError> {
        let loaded = self
            .log
            .load(epoch.as_str(), room.as_str(), self.entries + 1);
        self.counters.count(loaded).await
    }

    /// The room that [`Self::ask`] has found.
    pub(super) fn restored(
        &self,
        generations: &Generations,
        room: &RoomName,
        loaded: &redis::Loaded,
    ) -> RestoredRoom {
        restored(generations, room, loaded, self.entries)
    }
}

/// A room as it was loaded, with all messages in their present state: at most `most`
/// entries. Redis may have more of them for a while, after the bound was lowered.
fn restored(
    generations: &Generations,
    name: &RoomName,
    loaded: &redis::Loaded,
    most: usize,
) -> RestoredRoom {
    let excess = loaded.entries.len().saturating_sub(most);
    let (dropped, kept) = loaded.entries.split_at(excess);
    let evicted = dropped.last().map_or(loaded.evicted, |last| last.seq);
    let next = content::place(loaded.next);
    let mut entries: BTreeMap<u64, Entry> = BTreeMap::new();
    let mut erased = Vec::new();
    for stored in kept {
        let of = item_of(stored);
        let entry = content::read(generations.id(stored.seq), generations.id(of), name, stored);
        if of != stored.seq {
            match entries.get_mut(&of) {
                Some(own) => *own = own.with_state_of(name, &entry),
                None if entry.is_deleted() && of > evicted => erased.push((of, entry.clone())),
                None => {}
            }
        }
        entries.insert(stored.seq, entry);
    }
    add_tombstones(generations, name, &mut entries, erased, next);
    RestoredRoom {
        name: name.clone(),
        evicted_through: evicted,
        next,
        is_counted_from_start: !loaded.is_late,
        last_used: SystemTime::now(),
        older: Vec::new(),
        entries: entries.into_values().collect(),
        bans: loaded.bans.iter().filter_map(bans::read).collect(),
    }
}

/// Puts what is left of deleted messages and events in their own places, of which Redis has
/// nothing any more. `erased` are their seqs with their deletions; `next` is the place behind
/// all entries.
fn add_tombstones(
    generations: &Generations,
    name: &RoomName,
    entries: &mut BTreeMap<u64, Entry>,
    erased: Vec<(u64, Entry)>,
    next: Place,
) {
    for (seq, deletion) in erased.into_iter().rev() {
        let after = entries.range(seq..).next();
        let behind = after.map_or(next, |(_, entry)| entry.place());
        let tombstone = deletion.tombstone(generations.id(seq), name, behind);
        entries.insert(seq, tombstone);
    }
}

/// The seq of the message or event of an entry.
pub(super) fn item_of(stored: &redis::Entry) -> u64 {
    match stored.kind {
        redis::EntryKind::Message | redis::EntryKind::Event => stored.seq,
        redis::EntryKind::Change { of } | redis::EntryKind::Deletion { of } => of,
    }
}
