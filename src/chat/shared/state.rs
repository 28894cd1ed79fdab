//! What the hub knows of a history that several servers share, under its lock: which rooms
//! are being loaded, and which requests wait for an entry.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio::sync::oneshot;

use crate::chat::bans::{Ban, BanKey};
use crate::chat::entry::Entry;
use crate::chat::published::Commit;
use crate::protocol::RoomName;

/// An item of the common log, as far as it concerns this server.
#[derive(Debug, Clone)]
pub(in crate::chat) enum SharedItem {
    /// The next entry of a room.
    Entry(RoomName, Entry),
    /// An author is banned.
    Banned(RoomName, BanKey, Ban),
    /// The ban of an author is lifted.
    Lifted(RoomName, BanKey),
    /// All entries of the room are evicted.
    Forgotten(RoomName),
    /// The tombstone of the room is dropped: its numbers begin anew.
    Renumbered(RoomName),
    /// Nothing that this server has.
    Unused,
}

impl SharedItem {
    fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Entry(room, _)
            | Self::Banned(room, ..)
            | Self::Lifted(room, _)
            | Self::Forgotten(room)
            | Self::Renumbered(room) => Some(room),
            Self::Unused => None,
        }
    }
}

/// Items of the common log in order, each with its seq.
pub(in crate::chat) type SharedItems = Vec<(u64, SharedItem)>;

/// A room while it is loaded.
#[derive(Debug)]
struct RoomLoad {
    /// Tells two loads of the room apart.
    number: u64,
    /// What was read of the room meanwhile.
    items: SharedItems,
    /// Those that wait for the end of the load.
    waits: Vec<oneshot::Sender<()>>,
}

/// The state of a shared history.
#[derive(Debug, Default)]
pub(in crate::chat) struct SharedState {
    loads: HashMap<RoomName, RoomLoad>,
    /// Of the next load.
    next_load: u64,
    /// Those that wait until the entry with a seq is shown.
    waits: BTreeMap<u64, Vec<oneshot::Sender<()>>>,
    /// What was read and is not shown before rooms are loaded anew. `None` while what is
    /// read is shown.
    held: Option<SharedItems>,
    /// Rooms with readers that could not be loaded, and others that were since.
    unloaded: HashSet<RoomName>,
}

impl SharedState {
    /// The number of rooms that are being loaded.
    pub(in crate::chat) fn loading(&self) -> usize {
        self.loads.len()
    }

    pub(in crate::chat) fn is_loading(&self, room: &RoomName) -> bool {
        self.loads.contains_key(room)
    }

    /// The wait for the end of the load of a room, if there is one.
    pub(in crate::chat) fn join_load(&mut self, room: &RoomName) -> Option<Commit> {
        let load = self.loads.get_mut(room)?;
        let (ended, wait) = oneshot::channel();
        load.waits.push(ended);
        Some(Commit::new(wait))
    }

    /// Begins to load a room. Returns the number of the load.
    pub(in crate::chat) fn begin_load(&mut self, room: RoomName) -> u64 {
        self.next_load += 1;
        let load = RoomLoad {
            number: self.next_load,
            items: Vec::new(),
            waits: Vec::new(),
        };
        self.loads.insert(room, load);
        self.next_load
    }

    /// Ends a load: what was read of the room meanwhile. `None` if another one has begun
    /// since, or all were cancelled.
    pub(in crate::chat) fn end_load(
        &mut self,
        room: &RoomName,
        number: u64,
    ) -> Option<SharedItems> {
        self.loads.get(room).filter(|load| load.number == number)?;
        let load = self.loads.remove(room)?;
        // Dropping the waits completes them.
        Some(load.items)
    }

    /// Cancels all loads: what was read meanwhile is lost, or another generation's.
    pub(in crate::chat) fn cancel_loads(&mut self) {
        self.loads.clear();
    }

    /// Keeps an item of a room that is being loaded. Gives back any other.
    pub(in crate::chat) fn keep(&mut self, seq: u64, item: SharedItem) -> Option<SharedItem> {
        let load = item.room().and_then(|room| self.loads.get_mut(room));
        match load {
            Some(load) => {
                load.items.push((seq, item));
                None
            }
            None => Some(item),
        }
    }

    /// A room could not be loaded.
    pub(in crate::chat) fn note_unloaded(&mut self, room: RoomName) {
        self.unloaded.insert(room);
    }

    /// Whether rooms could not be loaded, of which `is_unloaded` says that this is still so.
    pub(in crate::chat) fn has_unloaded(
        &mut self,
        is_unloaded: impl Fn(&RoomName) -> bool,
    ) -> bool {
        self.unloaded.retain(is_unloaded);
        !self.unloaded.is_empty()
    }

    /// Holds what is read from now on, and drops what was held.
    pub(in crate::chat) fn hold(&mut self) {
        self.held = Some(Vec::new());
    }

    /// Where items are held, if they are.
    pub(in crate::chat) fn held(&mut self) -> Option<&mut SharedItems> {
        self.held.as_mut()
    }

    /// Holds nothing any more. Returns what was held.
    pub(in crate::chat) fn release(&mut self) -> SharedItems {
        self.held.take().unwrap_or_default()
    }

    /// The wait until the entry with this seq is shown. It fails if it is lost.
    pub(in crate::chat) fn wait_for(&mut self, seq: u64) -> Commit {
        let (shown, wait) = oneshot::channel();
        self.waits.entry(seq).or_default().push(shown);
        Commit::new(wait)
    }

    /// Those that wait for entries up to `seq`.
    pub(in crate::chat) fn take_waits(&mut self, seq: u64) -> Vec<oneshot::Sender<()>> {
        let later = self.waits.split_off(&(seq + 1));
        let waits = std::mem::replace(&mut self.waits, later);
        waits.into_values().flatten().collect()
    }

    /// Entries after `seq` are lost: fails the waits for them.
    pub(in crate::chat) fn fail_waits_after(&mut self, seq: u64) {
        self.waits.split_off(&(seq + 1));
    }
}
