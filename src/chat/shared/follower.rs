//! Follows the common log: what is read is shown here. If something of it is missing, or
//! another generation has begun, rooms are loaded anew first; what is read meanwhile is
//! held.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sse_chat_redis::{self as redis, Item, Opened, ReadEvent, Reader};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::client::{SharedClient, generations};
use super::members::{MemberExchange, MemberNewsSender};
use super::{bans, content, loading};
use crate::chat::generations::CursorPlace;
use crate::chat::hub::Hub;
use crate::chat::rooms::shared::{GenerationChange, Reload};
use crate::chat::shared::state::{SharedItem, SharedItems};
use crate::protocol::{Epoch, EventId, RoomName};

/// The pause after rooms could not be loaded anew.
const RELOAD_PAUSE: Duration = Duration::from_millis(500);

/// Shows what is read from the common log.
#[derive(Debug)]
pub(crate) struct SharedFollower {
    hub: Arc<Hub>,
    client: Arc<SharedClient>,
    reader: Reader,
    /// What has to be loaded anew before anything is shown.
    due: Option<DueReload>,
    /// What was loaded anew, until as much is read.
    loaded: Option<LoadedReload>,
    members: MemberNewsSender,
    /// Until a task takes it.
    exchange: Option<MemberExchange>,
}

/// Rooms that have to be loaded anew.
#[derive(Debug, Clone)]
struct DueReload {
    rooms: ReloadedRooms,
    change: GenerationChange,
}

impl DueReload {
    /// Of the rooms that could not be loaded.
    const OF_UNLOADED: Self = Self {
        rooms: ReloadedRooms::After(u64::MAX),
        change: GenerationChange::None,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReloadedRooms {
    /// All that have readers.
    All,
    /// Those that have entries after this seq, and those that could not be loaded yet.
    After(u64),
}

#[derive(Debug)]
struct LoadedReload {
    rooms: ReloadedRooms,
    reload: Reload,
    /// The seq as of which the last room was loaded.
    through: u64,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// Something was read, or nothing for a while.
    Connected,
    /// Rooms have to be loaded anew before anything is shown.
    Reloading,
    /// Another generation has begun.
    Generation {
        /// Its epoch.
        epoch: Epoch,
        /// Whether entries are lost that were shown here.
        has_lost: bool,
    },
    /// Items of the log were missing, and rooms were loaded anew.
    Reloaded,
    /// Redis is not reached, for this reason.
    Away(String),
}

impl SharedFollower {
    pub(super) fn new(hub: Arc<Hub>, client: Arc<SharedClient>, reader: Reader) -> Self {
        let (exchange, members) = MemberExchange::new(&hub, &client);
        Self {
            members,
            exchange: Some(exchange),
            hub,
            client,
            reader,
            due: None,
            loaded: None,
        }
    }

    /// The hub that it shows items in.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What exchanges members with the other servers, for the task that does. `None` after
    /// the first call.
    pub(crate) fn take_exchange(&mut self) -> Option<MemberExchange> {
        self.exchange.take()
    }

    /// Waits for what comes next, and shows it. A future that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Followed {
        if self.due.is_some() {
            return self.reload().await;
        }
        let event = tokio::select! {
            biased;
            () = self.client.unloaded.notified() => return self.load_later(),
            event = self.reader.next() => event,
        };
        self.note_whether_away(&event);
        match event {
            ReadEvent::Opened(opened) => self.opened(&opened),
            ReadEvent::Items(items) => self.show(items),
            ReadEvent::Missed { .. } => {
                let loaded = self.loaded.take();
                self.due = Some(DueReload {
                    rooms: ReloadedRooms::All,
                    change: loaded.map_or(GenerationChange::None, |loaded| loaded.reload.change),
                });
                Followed::Reloading
            }
            ReadEvent::Presence {
                number,
                follows,
                items,
            } => {
                self.members.send(number, follows, items);
                Followed::Connected
            }
            ReadEvent::Away(why) => Followed::Away(why),
        }
    }

    /// Rooms could not be loaded, although Redis may be there: they are due. While it is
    /// away, the next connection makes them so.
    fn load_later(&mut self) -> Followed {
        if self.loaded.is_none() && !self.client.is_away.load(Ordering::Relaxed) {
            self.due = Some(DueReload::OF_UNLOADED);
        }
        Followed::Reloading
    }

    /// Requests do not wait for a Redis that was not reached by the last read.
    fn note_whether_away(&self, event: &ReadEvent) {
        let is_away = matches!(event, ReadEvent::Away(_));
        self.client.is_away.store(is_away, Ordering::Relaxed);
    }

    /// A connection has begun, or another generation.
    fn opened(&mut self, opened: &Opened) -> Followed {
        let present = self.hub.epoch();
        let Ok(epoch) = opened.epoch.parse::<Epoch>() else {
            return Followed::Away(format!("{:?} is no epoch", opened.epoch));
        };
        if epoch == present {
            if self.due.is_some() || self.loaded.is_some() {
                return Followed::Reloading;
            }
            if !self.hub.lock().has_unloaded() {
                return Followed::Connected;
            }
            self.due = Some(DueReload::OF_UNLOADED);
            return Followed::Reloading;
        }
        let known = match generations(opened) {
            Ok(known) => known,
            Err(why) => return Followed::Away(why.to_owned()),
        };
        let seq = u64::MAX;
        let end = match known.place(EventId {
            epoch: present,
            seq,
        }) {
            CursorPlace::Beyond { end, .. } => Some(end),
            CursorPlace::At(_) | CursorPlace::Foreign => None,
        };
        self.loaded = None;
        self.members.missed();
        self.due = Some(match end {
            Some(end) => DueReload {
                rooms: ReloadedRooms::After(end),
                change: GenerationChange::Later(known.begun_after(present)),
            },
            None => DueReload {
                rooms: ReloadedRooms::All,
                change: GenerationChange::Other(known),
            },
        });
        Followed::Reloading
    }

    /// Loads the rooms that are due. It is due until that has succeeded.
    async fn reload(&mut self) -> Followed {
        let Some(due) = self.due.clone() else {
            return Followed::Connected;
        };
        match self.try_reload(&due).await {
            Ok(followed) => {
                self.due = None;
                followed
            }
            Err(error) => {
                // Another generation may have begun, or has to. What is read meanwhile is
                // read again.
                let opened = tokio::time::timeout(RELOAD_PAUSE, self.next_opened()).await;
                opened.unwrap_or_else(|_| Followed::Away(error.to_string()))
            }
        }
    }

    /// Reads until a connection or another generation has begun. Nothing else that was read
    /// is known: before rooms are loaded anew, the reader goes back.
    async fn next_opened(&mut self) -> Followed {
        loop {
            let event = self.reader.next().await;
            self.note_whether_away(&event);
            match event {
                ReadEvent::Opened(opened) => return self.opened(&opened),
                ReadEvent::Away(why) => {
                    tokio::time::sleep(RELOAD_PAUSE).await;
                    return Followed::Away(why);
                }
                ReadEvent::Presence { .. } => self.members.missed(),
                ReadEvent::Items(_) | ReadEvent::Missed { .. } => {}
            }
        }
    }

    async fn try_reload(&mut self, due: &DueReload) -> Result<Followed, redis::CallError> {
        let (names, shown, mut generations) = {
            let rooms = &mut *self.hub.lock();
            let names = match due.rooms {
                ReloadedRooms::All => rooms.hold_all(),
                ReloadedRooms::After(end) => rooms.hold_after(end),
            };
            (names, rooms.newest(), rooms.generations().clone())
        };
        due.change.apply(&mut generations);
        let loaded = self.client.load_all(&generations, &names).await?;
        let first = loaded.first().map(|room| room.as_of);
        let through = loaded.last().map_or(0, |room| room.as_of);
        let from = match due.rooms {
            ReloadedRooms::After(end) => shown.min(end),
            // Without rooms nothing is missed: what comes is shown from the next item on.
            ReloadedRooms::All => match first {
                Some(first) => first,
                None => self.client.newest(generations.present()).await?,
            },
        };
        self.reader.skip_to(from);
        self.loaded = Some(LoadedReload {
            rooms: due.rooms,
            reload: Reload {
                change: due.change.clone(),
                from,
                loaded,
            },
            through,
        });
        Ok(match through <= from {
            true => self.finish_reload(),
            false => Followed::Reloading,
        })
    }

    /// As much is read as was loaded: everything is shown.
    fn finish_reload(&mut self) -> Followed {
        let Some(LoadedReload { rooms, reload, .. }) = self.loaded.take() else {
            return Followed::Connected;
        };
        let is_same = matches!(reload.change, GenerationChange::None);
        let (finished, has_lost, epoch) = {
            let hub = &mut *self.hub.lock();
            let has_lost = reload.change.loses_after(hub.newest());
            let finished = hub.finish_reload(reload, Instant::now());
            if hub.has_unloaded() {
                // They came while this was under way.
                self.client.unloaded.notify_one();
            }
            (finished, has_lost, hub.generations().present())
        };
        let (waits, before) = finished;
        // Large histories are freed without the lock.
        drop(before);
        complete(waits);
        self.client.generation.notify_waiters();
        if !is_same {
            self.client.counters.count_generation();
            return Followed::Generation { epoch, has_lost };
        }
        match rooms {
            ReloadedRooms::All => {
                self.client.counters.count_reload();
                Followed::Reloaded
            }
            ReloadedRooms::After(_) => Followed::Connected,
        }
    }

    fn show(&mut self, items: Vec<(u64, Item)>) -> Followed {
        let last = items.last().map_or(0, |(seq, _)| *seq);
        let items = self.read(items);
        let waits = self.hub.lock().show_items(items, Instant::now());
        complete(waits);
        match &self.loaded {
            Some(loaded) if loaded.through <= last => self.finish_reload(),
            Some(_) => Followed::Reloading,
            None => Followed::Connected,
        }
    }

    /// The items, as far as they are needed here.
    fn read(&self, items: Vec<(u64, Item)>) -> SharedItems {
        let needed: Vec<Option<NeededItem>> = {
            let rooms = &mut *self.hub.lock();
            let change = self.loaded.as_ref().map(|loaded| &loaded.reload.change);
            // Items that are held may be of generations that have not begun here yet.
            let later = change.and_then(|change| change.applied_to(rooms.generations()));
            let needed = |(seq, item): &(u64, Item)| {
                let room = RoomName::parse(room_of(item)?).ok()?;
                let is_needed = rooms.follows(&room);
                let generations = later.as_ref().unwrap_or_else(|| rooms.generations());
                let item = match item {
                    Item::Entry { entry, .. } => loading::item_of(entry),
                    _ => *seq,
                };
                is_needed.then(|| NeededItem {
                    id: generations.id(*seq),
                    item: generations.id(item),
                    room,
                })
            };
            items.iter().map(needed).collect()
        };
        let read = |((seq, item), needed): ((u64, Item), Option<NeededItem>)| {
            let item = needed.map_or(SharedItem::Unused, |needed| self.read_item(item, needed));
            (seq, item)
        };
        items.into_iter().zip(needed).map(read).collect()
    }

    fn read_item(&self, item: Item, needed: NeededItem) -> SharedItem {
        let NeededItem { id, item: of, room } = needed;
        match item {
            Item::Entry { entry, .. } => {
                let entry = content::read(id, of, &room, &entry);
                SharedItem::Entry(room, entry)
            }
            Item::Banned { ban, .. } => match bans::read(&ban) {
                Some((key, ban)) => {
                    self.hub.note_ban();
                    SharedItem::Banned(room, key, ban)
                }
                None => SharedItem::Unused,
            },
            Item::Lifted { author, .. } => match bans::key_of(&author) {
                Some(key) => SharedItem::Lifted(room, key),
                None => SharedItem::Unused,
            },
            Item::Forgotten { .. } => SharedItem::Forgotten(room),
            Item::TombstoneDropped { .. } => SharedItem::Renumbered(room),
            Item::Generation { .. } | Item::Other => SharedItem::Unused,
        }
    }
}

/// What an item that is needed here is read with.
struct NeededItem {
    id: EventId,
    /// Of the message or event itself.
    item: EventId,
    room: RoomName,
}

fn room_of(item: &Item) -> Option<&str> {
    match item {
        Item::Entry { room, .. }
        | Item::TombstoneDropped { room }
        | Item::Forgotten { room }
        | Item::Banned { room, .. }
        | Item::Lifted { room, .. } => Some(room),
        Item::Generation { .. } | Item::Other => None,
    }
}

fn complete(waits: Vec<oneshot::Sender<()>>) {
    for wait in waits {
        // Its client may be gone.
        let _ = wait.send(());
    }
}
