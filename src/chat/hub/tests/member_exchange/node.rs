//! One node: a hub, its streams, the task that carries its members, and a plain model of
//! what it was given.

use std::collections::{BTreeMap, BTreeSet};

use proptest::sample::Index;

use super::super::*;
use super::exchange::{Exchange, ExchangeItem, RoomMember};
use crate::chat::remote_snapshot::{RemoteSnapshot, SnapshotProgress};
use crate::protocol::PresenceEvent;

const ROOMS: [&str; 2] = ["a", "b"];
const NAMES: [&str; 4] = ["Ann", "Bob", "Cy", "Dan"];

/// What is known of a room at other nodes: the number of the snapshot that was read last,
/// and each node with a name.
#[derive(Debug, Default, Clone)]
struct KnownRoom {
    as_of: u64,
    newest: u64,
    pairs: BTreeSet<(String, String)>,
}

/// A snapshot on its way: what is then known.
struct LateSnapshot {
    room: String,
    as_of: u64,
    pairs: BTreeSet<(String, String)>,
}

pub(super) struct Node {
    /// Its own names, the present one last.
    own: Vec<String>,
    hub: Arc<Hub>,
    streams: Vec<(Subscription, Vec<&'static str>, &'static str)>,
    watchers: Vec<Watcher>,
    /// When the last stream of a name has ended.
    left_at: BTreeMap<RoomMember, Instant>,
    /// The changes that it has read.
    read: usize,
    newest_left: u64,
    known: BTreeMap<String, KnownRoom>,
    late: Vec<LateSnapshot>,
    /// Rooms whose snapshot was outdated.
    unread: Vec<RoomName>,
}

impl Node {
    pub(super) fn start(exchange: &mut Exchange) -> Self {
        let hub = Hub::new(limits());
        hub.share_members();
        Self {
            own: vec![exchange.begin_lease()],
            hub,
            streams: Vec::new(),
            watchers: Vec::new(),
            left_at: BTreeMap::new(),
            read: exchange.items.len(),
            newest_left: 0,
            known: BTreeMap::new(),
            late: Vec::new(),
            unread: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.own.last().unwrap()
    }

    pub(super) fn open(&mut self, rooms: usize, name: usize) {
        let rooms = match ROOMS.get(rooms) {
            Some(room) => vec![*room],
            None => ROOMS.to_vec(),
        };
        let name = NAMES[name];
        for room in &rooms {
            self.left_at.remove(&((*room).to_owned(), name.to_owned()));
        }
        let stream = attend(&self.hub, &rooms, Some(name));
        self.streams.push((stream, rooms, name));
    }

    pub(super) fn close(&mut self, which: Index) {
        if self.streams.is_empty() {
            return;
        }
        let (stream, rooms, name) = self.streams.remove(which.index(self.streams.len()));
        drop(stream);
        let streams: BTreeSet<RoomMember> = self.in_streams();
        for room in rooms {
            let member = (room.to_owned(), name.to_owned());
            if !streams.contains(&member) {
                self.left_at.insert(member, Instant::now());
            }
        }
    }

    pub(super) fn watch(&mut self) {
        if self.watchers.len() < 2 {
            self.watchers.push(Watcher::new(&self.hub));
        }
    }

    pub(super) fn tick(&mut self) {
        self.hub.tick();
        let now = Instant::now();
        self.left_at
            .retain(|_, at| now < *at + Duration::from_secs(5));
    }

    /// Sends at most `most` changes. Returns whether there was anything to do.
    pub(super) fn send(&mut self, exchange: &mut Exchange, most: usize) -> bool {
        let taken = self.hub.take_member_changes(most);
        let has_any = taken.has_more || !taken.changes.is_empty();
        for change in taken.changes {
            let member = (
                change.room.as_str().to_owned(),
                change.name.as_str().to_owned(),
            );
            if !exchange.change(self.name(), member, change.joins) {
                self.own.push(exchange.begin_lease());
                self.hub.list_all_members();
                return true;
            }
        }
        if !exchange.has_lease(self.name()) {
            self.own.push(exchange.begin_lease());
            self.hub.list_all_members();
            return true;
        }
        has_any
    }

    /// Reads at most `most` changes. Returns whether there were any.
    pub(super) fn read(&mut self, exchange: &Exchange, most: usize) -> bool {
        let items = exchange.items.iter().enumerate();
        let items: Vec<_> = items.skip(self.read).take(most).collect();
        for (index, item) in &items {
            self.apply(*index as u64 + 1, item);
        }
        self.read += items.len();
        !items.is_empty()
    }

    fn apply(&mut self, number: u64, item: &ExchangeItem) {
        match item {
            ExchangeItem::Changed { node, .. } | ExchangeItem::Left { node }
                if self.own.contains(node) => {}
            ExchangeItem::Changed {
                node,
                room: name,
                name: member,
                joins,
            } => {
                let changes = [(UserName::parse(member).unwrap(), *joins)];
                self.hub.remote_changed(number, node, &room(name), &changes);
                if self.has_room(name) {
                    self.change_known(number, name, (node, member), *joins);
                }
            }
            ExchangeItem::Left { node } => {
                while self.hub.remote_left(number, node) {}
                self.newest_left = number;
                for known in self.known.values_mut() {
                    known.pairs.retain(|(at, _)| at != node);
                }
            }
        }
    }

    fn change_known(&mut self, number: u64, room: &str, pair: (&String, &String), joins: bool) {
        let known = self.known.entry(room.to_owned()).or_default();
        known.newest = number;
        let pair = (pair.0.clone(), pair.1.clone());
        if number > known.as_of {
            match joins {
                true => known.pairs.insert(pair),
                false => known.pairs.remove(&pair),
            };
        }
    }

    /// Requests at most `most` snapshots, as they are now.
    pub(super) fn load(&mut self, exchange: &Exchange, most: usize) {
        let mut rooms = std::mem::take(&mut self.unread);
        rooms.extend(self.hub.take_unread_rooms(most));
        for name in rooms {
            let nodes = exchange.members_of(name.as_str()).into_iter();
            let nodes = nodes.filter(|(node, _)| !self.own.contains(node));
            let pairs = nodes.flat_map(|(node, names)| {
                let names = names.into_iter();
                names.map(move |name| (node.clone(), name))
            });
            self.late.push(LateSnapshot {
                room: name.as_str().to_owned(),
                as_of: exchange.items.len() as u64,
                pairs: pairs.collect(),
            });
        }
    }

    /// The snapshots arrive. Returns whether there were any.
    pub(super) fn arrive(&mut self) -> bool {
        let late = std::mem::take(&mut self.late);
        let has_any = !late.is_empty();
        for snapshot in late {
            self.set(snapshot);
        }
        has_any
    }

    fn set(&mut self, late: LateSnapshot) {
        let mut nodes: BTreeMap<&str, Vec<UserName>> = BTreeMap::new();
        for (node, name) in &late.pairs {
            let name = UserName::parse(name).unwrap();
            nodes.entry(node).or_default().push(name);
        }
        let mut snapshot = RemoteSnapshot::new(room(&late.room), late.as_of, nodes);
        let end = loop {
            match self.hub.set_remote(&mut snapshot) {
                SnapshotProgress::More => {}
                end => break end,
            }
        };
        let has_room = self.has_room(&late.room);
        let known = self.known.entry(late.room.clone()).or_default();
        let is_newest = known.newest.max(self.newest_left) <= late.as_of;
        let expected = match (has_room, is_newest) {
            (false, _) => SnapshotProgress::NoRoom,
            (true, false) => SnapshotProgress::Outdated,
            (true, true) => SnapshotProgress::Done,
        };
        assert_eq!(end, expected);
        match end {
            SnapshotProgress::Done => {
                known.as_of = late.as_of.max(known.as_of);
                known.pairs = late.pairs;
            }
            SnapshotProgress::Outdated => self.unread.push(room(&late.room)),
            SnapshotProgress::NoRoom | SnapshotProgress::More => {}
        }
    }

    pub(super) fn miss(&mut self, exchange: &Exchange) {
        self.read = exchange.items.len();
        self.late.clear();
        self.unread.clear();
        self.newest_left = 0;
        for known in self.known.values_mut() {
            (known.as_of, known.newest) = (0, 0);
        }
        self.hub.read_all_rooms();
    }

    fn has_room(&self, name: &str) -> bool {
        self.hub.lock().get(&room(name)).is_some()
    }

    fn in_streams(&self) -> BTreeSet<RoomMember> {
        let streams = self.streams.iter();
        let members = streams.flat_map(|(_, rooms, name)| {
            let rooms = rooms.iter();
            rooms.map(|room| ((*room).to_owned(), (*name).to_owned()))
        });
        members.collect()
    }

    /// The members at this node.
    pub(super) fn members_here(&self) -> BTreeSet<RoomMember> {
        let mut members = self.in_streams();
        members.extend(self.left_at.keys().cloned());
        members
    }

    /// Compares the hub with what it was given.
    pub(super) fn check(&mut self) {
        for name in ROOMS {
            if !self.has_room(name) {
                self.known.remove(name);
            }
            let here = self.members_here().into_iter();
            let here = here
                .filter(|(room, _)| room == name)
                .map(|(_, member)| member);
            let known = self.known.get(name);
            let known = known.into_iter().flat_map(|known| known.pairs.iter());
            let expected: BTreeSet<String> = here
                .chain(known.map(|(_, member)| member.clone()))
                .collect();
            assert_eq!(
                names_in(&self.hub, name),
                expected,
                "room {name} of {}",
                self.name()
            );
        }
        let rooms = self.hub.lock();
        let here = self.members_here().len();
        assert_eq!(rooms.members(), (here, here));
        rooms.other_nodes();
        drop(rooms);
        self.watchers.iter_mut().for_each(Watcher::read);
    }

    /// Compares the hub and its readers with the members at all nodes.
    pub(super) fn check_all(&mut self, all: &BTreeSet<RoomMember>) {
        for name in ROOMS.into_iter().filter(|name| self.has_room(name)) {
            let all = all.iter().filter(|(room, _)| room == name);
            let all: BTreeSet<String> = all.map(|(_, member)| member.clone()).collect();
            assert_eq!(
                names_in(&self.hub, name),
                all,
                "room {name} of {}",
                self.name()
            );
            if name == Watcher::ROOM {
                for watcher in &self.watchers {
                    assert_eq!(watcher.members, all, "a reader of {}", self.name());
                }
            }
        }
    }
}

/// The names of `GET /rooms/{room}/members`.
fn names_in(hub: &Hub, name: &str) -> BTreeSet<String> {
    let members: serde_json::Value = serde_json::from_slice(&hub.members(&room(name))).unwrap();
    let listed = members["members"].as_array().unwrap().iter();
    let names = listed.map(|member| member["name"].as_str().unwrap().to_owned());
    let names: BTreeSet<String> = names.collect();
    assert_eq!(members["count"], names.len());
    names
}

/// A reader that keeps a list of the members by presence events.
struct Watcher {
    reader: TestReader,
    members: BTreeSet<String>,
}

impl Watcher {
    const ROOM: &str = ROOMS[0];

    fn new(hub: &Arc<Hub>) -> Self {
        Self {
            reader: TestReader::of(hub, attend(hub, &[Self::ROOM], None)),
            members: BTreeSet::new(),
        }
    }

    fn read(&mut self) {
        while let Some(delivery) = self.reader.now() {
            let text = delivery.event().text();
            let text = std::str::from_utf8(&text).unwrap();
            let data = text.strip_prefix("event: presence\ndata: ").unwrap();
            self.apply(serde_json::from_str(data.trim_end()).unwrap());
        }
    }

    fn apply(&mut self, event: PresenceEvent) {
        if let Some(members) = event.members {
            self.members = members.into_iter().map(|member| member.name).collect();
        }
        for member in event.left.into_iter().flatten() {
            self.members.remove(&member.name);
        }
        let joined = event.joined.into_iter().flatten();
        self.members.extend(joined.map(|member| member.name));
        assert_eq!(
            event.count,
            self.members.len() as u64,
            "the count of the event"
        );
    }
}
