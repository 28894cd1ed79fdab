//! Rooms of a history that several servers share. Each is loaded when it is first used
//! here, and then follows the common log. What is read is shown in order under the lock.

use std::time::SystemTime;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Rooms;
use crate::chat::bans::{Ban, BanKey};
use crate::chat::entry::Entry;
use crate::chat::errors::{HistoryUnavailable, RoomLimitReached};
use crate::chat::generations::{CursorPlace, Generations};
use crate::chat::history::History;
use crate::chat::log::EntryLog;
use crate::chat::log::restored::RestoredRoom;
use crate::chat::place::{EntryKind, Place};
use crate::chat::published::Commit;
use crate::chat::room::Room;
use crate::chat::room_event::RoomEvent;
use crate::chat::shared::state::{SharedItem, SharedItems, SharedState};
use crate::protocol::{Epoch, EventId, RoomName};

/// What a request has to do before it can use a room.
#[derive(Debug)]
pub(in crate::chat) enum LoadStep {
    /// Nothing: the room is here.
    Loaded,
    /// To wait for a load that has begun.
    Wait(Commit),
    /// To load it. This is the number of the load.
    Begin(u64),
}

/// Rooms that were loaded anew while what was read was held.
#[derive(Debug)]
pub(in crate::chat) struct Reload {
    pub(in crate::chat) change: GenerationChange,
    /// The seq after which the held items begin.
    pub(in crate::chat) from: u64,
    pub(in crate::chat) loaded: Vec<LoadedRoom>,
}

/// The generations that Redis has begun since the present one.
#[derive(Debug, Clone)]
pub(in crate::chat) enum GenerationChange {
    None,
    /// Each with the seq at which the one before it ended.
    Later(Vec<(u64, Epoch)>),
    /// Redis has another history, without any part of this one.
    Other(Generations),
}

/// A change of a message or event that was not made yet.
#[derive(Debug)]
pub(in crate::chat) struct PlannedChange {
    /// The generation that it is planned in.
    pub(in crate::chat) epoch: Epoch,
    /// The seq of the message or event.
    pub(in crate::chat) seq: u64,
    /// The seq of the change before it; 0 if there is none.
    pub(in crate::chat) latest: u64,
    /// The change, as if it had been assigned.
    pub(in crate::chat) announced: Entry,
}

/// A room that was loaded.
#[derive(Debug)]
pub(in crate::chat) struct LoadedRoom {
    pub(in crate::chat) room: RestoredRoom,
    /// It has all that was assigned up to this seq, and nothing after it.
    pub(in crate::chat) as_of: u64,
}

impl Rooms {
    fn shared(&mut self) -> &mut SharedState {
        match &mut self.log {
            EntryLog::Shared(state) => state,
            EntryLog::Memory | EntryLog::Stored(_) => {
                unreachable!("only a shared history is loaded and followed")
            }
        }
    }

    /// Whether items of this room are needed here.
    pub(in crate::chat) fn follows(&mut self, name: &RoomName) -> bool {
        self.by_name.contains_key(name) || self.shared().is_loading(name)
    }

    /// Begins to use a room.
    pub(in crate::chat) fn begin_load(
        &mut self,
        name: &RoomName,
    ) -> Result<LoadStep, RoomLimitReached> {
        let now = Instant::now();
        if let Some(room) = self.by_name.get_mut(name)
            && !room.is_unloaded
        {
            room.touch(now);
            return Ok(LoadStep::Loaded);
        }
        if let Some(wait) = self.shared().join_load(name) {
            return Ok(LoadStep::Wait(wait));
        }
        self.check_rooms(std::slice::from_ref(name))?;
        let state = self.shared().loading();
        if state > 0 && self.by_name.len() + state >= self.limits.max_rooms {
            return Err(RoomLimitReached);
        }
        Ok(LoadStep::Begin(self.shared().begin_load(name.clone())))
    }

    /// Ends a load with nothing.
    pub(in crate::chat) fn cancel_load(&mut self, name: &RoomName, number: u64) {
        self.shared().end_load(name, number);
    }

    /// Ends a load: the room is here from now on. All up to the seq as of which it was
    /// loaded is shown. Returns whether the load still counted.
    pub(in crate::chat) fn finish_load(&mut self, number: u64, loaded: LoadedRoom) -> bool {
        debug_assert!(
            loaded.as_of <= self.shown,
            "a room is not ahead of the others"
        );
        let name = loaded.room.name.clone();
        let Some(items) = self.shared().end_load(&name, number) else {
            return false;
        };
        let now = Instant::now();
        self.install(loaded, now);
        for (seq, item) in items {
            self.apply(seq, item, now);
        }
        true
    }

    /// A room with readers that can't be loaded now: it is loaded later.
    pub(in crate::chat) fn create_unloaded(
        &mut self,
        name: &RoomName,
    ) -> Result<(), RoomLimitReached> {
        if self.by_name.contains_key(name) {
            return Ok(());
        }
        self.check_rooms(std::slice::from_ref(name))?;
        let (now, shown) = (Instant::now(), self.shown);
        self.create(name, now);
        let room = self.by_name.get_mut(name).expect("it was just created");
        room.history = History::after(room.history.limits(), shown, Place::FIRST);
        room.is_unloaded = true;
        room.loaded_through = Some(shown);
        self.shared().note_unloaded(name.clone());
        Ok(())
    }

    /// The rooms with readers or members.
    pub(in crate::chat) fn used(&self) -> Vec<RoomName> {
        let is_used = |room: &&Room| room.has_readers() || room.presence.count() > 0;
        let used = self.after(None).filter(is_used);
        used.map(|room| room.name.clone()).collect()
    }

    /// Whether rooms could not be loaded yet.
    pub(in crate::chat) fn has_unloaded(&mut self) -> bool {
        let EntryLog::Shared(state) = &mut self.log else {
            return false;
        };
        let rooms = &self.by_name;
        state.has_unloaded(|name| rooms.get(name).is_some_and(|room| room.is_unloaded))
    }

    /// Puts a room as it was loaded in the place of what is here of it. Its readers go
    /// back to history.
    fn install(&mut self, loaded: LoadedRoom, now: Instant) {
        let LoadedRoom { mut room, as_of } = loaded;
        let name = room.name.clone();
        if !self.by_name.contains_key(&name) {
            self.create(&name, now);
        }
        let own = self.by_name.get_mut(&name).expect("it is there");
        let before = own.history.size();
        if !own.is_unloaded {
            // A reader of several rooms may be behind what was evicted here.
            room.evict_through(own.history.evicted_through());
        }
        own.reload(room, as_of, now);
        if own.has_readers() {
            self.channel.send(own.key, RoomEvent::Reloaded, now);
        }
        self.resized(&name, before);
        self.evict_to_budget();
        self.schedule(&name, now);
    }

    /// Shows the next items, or holds them. Returns those that wait for one of them.
    pub(in crate::chat) fn show_items(
        &mut self,
        items: SharedItems,
        now: Instant,
    ) -> Vec<oneshot::Sender<()>> {
        if let Some(held) = self.shared().held() {
            held.extend(items);
            return Vec::new();
        }
        for (seq, item) in items {
            debug_assert_eq!(seq, self.shown + 1, "seqs are consecutive");
            if let Some(item) = self.shared().keep(seq, item) {
                self.apply(seq, item, now);
            }
            self.shown = seq;
            self.assigned = seq;
        }
        let shown = self.shown;
        self.shared().take_waits(shown)
    }

    /// Does what an item says, unless its room is not here or was loaded with it.
    fn apply(&mut self, seq: u64, item: SharedItem, now: Instant) {
        match item {
            SharedItem::Entry(name, entry) if self.is_behind(&name, seq) => {
                self.show_shared(&name, entry, now);
            }
            SharedItem::Banned(name, key, ban) if self.is_behind(&name, seq) => {
                self.add_ban(&name, key, ban, now);
            }
            SharedItem::Lifted(name, key) if self.is_behind(&name, seq) => {
                self.remove_ban(&name, key);
            }
            SharedItem::Forgotten(name) if self.is_behind(&name, seq) => {
                self.replace_history(&name, now, |history| history.emptied());
            }
            SharedItem::Renumbered(name) if self.is_behind(&name, seq) => {
                self.replace_history(&name, now, |history| {
                    History::after(history.limits(), seq, Place::FIRST)
                });
            }
            _ => {}
        }
    }

    /// Whether the room is here, without what has this seq.
    fn is_behind(&self, name: &RoomName, seq: u64) -> bool {
        self.get(name).is_some_and(|room| {
            !room.is_unloaded && room.loaded_through.is_none_or(|through| through < seq)
        })
    }

    fn show_shared(&mut self, name: &RoomName, entry: Entry, now: Instant) {
        let room = self.by_name.get_mut(name).expect("the room is here");
        let current = match entry.kind() {
            EntryKind::Change { of } => room.own(of).map(|own| own.with_state_of(name, &entry)),
            EntryKind::Message | EntryKind::Event => None,
        };
        room.touch(now);
        room.has_messages = true;
        self.show(name, entry, current, now);
        self.schedule(name, now);
    }

    fn replace_history(
        &mut self,
        name: &RoomName,
        now: Instant,
        next: impl FnOnce(&History) -> History,
    ) {
        let room = self.by_name.get_mut(name).expect("the room is here");
        let before = room.history.size();
        room.history = next(&room.history);
        if room.has_readers() {
            self.channel.send(room.key, RoomEvent::Reloaded, now);
        }
        self.resized(name, before);
    }

    /// An author is banned.
    pub(in crate::chat) fn add_ban(
        &mut self,
        name: &RoomName,
        key: BanKey,
        ban: Ban,
        now: Instant,
    ) {
        let Some(room) = self.by_name.get_mut(name) else {
            return;
        };
        // Their number is bounded in Redis.
        let _ = room.bans_mut().add(key, ban, SystemTime::now());
        if room.has_readers() {
            self.channel.send(room.key, RoomEvent::Banned, now);
        }
        self.schedule(name, now);
    }

    /// The ban of an author is lifted.
    pub(in crate::chat) fn remove_ban(&mut self, name: &RoomName, key: BanKey) {
        if let Some(room) = self.by_name.get_mut(name) {
            room.bans_mut().remove(key);
        }
    }

    /// The wait until an entry is shown that was assigned in the generation `epoch`. It
    /// fails if the entry is lost.
    pub(in crate::chat) fn wait_shown(
        &mut self,
        epoch: Epoch,
        seq: u64,
    ) -> Result<Commit, HistoryUnavailable> {
        match self.generations.place(EventId { epoch, seq }) {
            CursorPlace::At(_) if seq <= self.shown => Ok(Commit::DONE),
            CursorPlace::At(_) => Ok(self.shared().wait_for(seq)),
            CursorPlace::Beyond { .. } | CursorPlace::Foreign => Err(HistoryUnavailable),
        }
    }

    /// Holds what is read from now on, until all rooms are loaded anew. Returns the rooms
    /// with readers; the others are not here any more.
    pub(in crate::chat) fn hold_all(&mut self) -> Vec<RoomName> {
        self.shared().cancel_loads();
        self.shared().hold();
        let is_idle = |room: &&Room| !room.has_readers() && room.presence.count() == 0;
        let idle = self.after(None).filter(is_idle);
        let idle: Vec<RoomName> = idle.map(|room| room.name.clone()).collect();
        for name in idle {
            drop(self.forget(&name));
        }
        self.by_name.keys().cloned().collect()
    }

    /// As [`Self::hold_all`], for the rooms with entries after `end`, and those that could
    /// not be loaded yet.
    pub(in crate::chat) fn hold_after(&mut self, end: u64) -> Vec<RoomName> {
        self.shared().cancel_loads();
        self.shared().hold();
        let rooms = self.by_name.values();
        let due = rooms.filter(|room| room.is_unloaded || room.history.newest() > end);
        due.map(|room| room.name.clone()).collect()
    }

    /// Ends the hold: shows what was held, after what was loaded anew. Returns those that
    /// wait for it, and histories that are to be freed without the lock.
    pub(in crate::chat) fn finish_reload(
        &mut self,
        reload: Reload,
        now: Instant,
    ) -> (Vec<oneshot::Sender<()>>, Vec<History>) {
        let Reload {
            change,
            from,
            mut loaded,
        } = reload;
        let items = self.shared().release();
        // They may be as of before what was skipped.
        self.shared().cancel_loads();
        let mut before = Vec::new();
        match change {
            GenerationChange::None => {}
            GenerationChange::Later(later) => {
                for (end, epoch) in later {
                    before.extend(self.follow_generation(end, epoch, &mut loaded));
                }
            }
            GenerationChange::Other(generations) => {
                self.shared().fail_waits_after(0);
                before = self.begin_generation(0, generations.present(), Vec::new());
                for room in self.by_name.values_mut() {
                    room.loaded_through = Some(0);
                }
                self.generations = generations;
            }
        }
        self.shown = from;
        self.assigned = from;
        for room in loaded {
            self.install(room, now);
        }
        (self.show_items(items, now), before)
    }

    /// The generation `epoch` has begun, after the one before it ended at `end`. Rooms that
    /// have lost entries are taken out of `loaded`.
    fn follow_generation(
        &mut self,
        end: u64,
        epoch: Epoch,
        loaded: &mut Vec<LoadedRoom>,
    ) -> Vec<History> {
        self.shared().fail_waits_after(end);
        if end >= self.shown {
            self.generations.begin(end, epoch);
            return Vec::new();
        }
        let has_lost = |loaded: &mut LoadedRoom| {
            let room = self.by_name.get(&loaded.room.name);
            room.is_some_and(|room| !room.is_unloaded && room.history.newest() > end)
        };
        let lost: Vec<LoadedRoom> = loaded.extract_if(.., has_lost).collect();
        let as_of = lost.iter().map(|lost| (lost.room.name.clone(), lost.as_of));
        let as_of: Vec<(RoomName, u64)> = as_of.collect();
        let lost = lost.into_iter().map(|lost| lost.room).collect();
        let before = self.begin_generation(end, epoch, lost);
        // Later seqs are those of other entries from now on.
        for room in self.by_name.values_mut() {
            room.loaded_through = room.loaded_through.map(|through| through.min(end));
        }
        for (name, as_of) in as_of {
            if let Some(room) = self.by_name.get_mut(&name) {
                room.loaded_through = Some(as_of);
            }
        }
        before
    }
}

impl GenerationChange {
    /// Whether entries up to `seq` are lost with it.
    pub(in crate::chat) fn loses_after(&self, seq: u64) -> bool {
        match self {
            Self::None => false,
            Self::Later(later) => later.iter().any(|(end, _)| *end < seq),
            Self::Other(_) => true,
        }
    }

    /// Makes the generations before the change those after it.
    pub(in crate::chat) fn apply(&self, generations: &mut Generations) {
        match self {
            Self::None => {}
            Self::Later(later) => {
                for (end, epoch) in later {
                    generations.begin(*end, *epoch);
                }
            }
            Self::Other(other) => generations.clone_from(other),
        }
    }

    /// The generations after the change, if they are others.
    pub(in crate::chat) fn applied_to(&self, generations: &Generations) -> Option<Generations> {
        if let Self::None = self {
            return None;
        }
        let mut after = generations.clone();
        self.apply(&mut after);
        Some(after)
    }
}
