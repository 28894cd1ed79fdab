//! A client that follows the protocol and checks its stream against the model. The
//! checks are in `reader/checks.rs`.

mod checks;
mod losses;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::inputs::ReaderOptions;
use super::lost_suffix::LostSuffix;
use super::model::{EVENT_NAME, ItemState, PublishedByRoom, PublishedItem};
use crate::chat::{
    CursorPlace, EventForm, Hub, RoomList, SubscribeError, SubscribeOptions, Subscription,
};
use crate::http::App;
use crate::protocol::{Backlog, Cursor, EventId, RoomName, UserName};
use crate::sse::{Decoder, Item};

/// A client that follows the protocol and checks its stream.
pub(super) struct Reader {
    rooms: Vec<&'static str>,
    backlog: Backlog,
    name: Option<UserName>,
    form: EventForm,
    pub(super) is_connected: bool,
    /// The stream has ended with `bye`.
    pub(super) has_bye: bool,
    decoder: Decoder,
    /// The id that a reconnect sends.
    last_event_id: String,
    /// By room, how many published messages the reader is past.
    done: BTreeMap<&'static str, usize>,
    /// By room, how many messages were lost in the gaps since its last message, if
    /// all of the gaps have a count.
    lost: BTreeMap<&'static str, Option<u64>>,
    /// By room, the number of the next message in this stream.
    next: BTreeMap<&'static str, u64>,
    /// The last id of an event in this stream.
    last_id: Option<EventId>,
    /// The rooms of a stream without a cursor whose backlog has not begun yet, with
    /// the number of messages published there when the stream began. History and
    /// the requested backlog decide where the backlog begins.
    before_backlog: BTreeMap<&'static str, usize>,
    /// By room, how many messages of a gap may have been backlog. A gap counts these
    /// only if the backlog had begun.
    backlog_lost: BTreeMap<&'static str, u64>,
    /// The rooms that have to begin with a gap `restart`: the reader may have entries
    /// that the server does not have.
    restarted: BTreeSet<&'static str>,
    /// What generations lost that have ended since the stream began. The stream may still
    /// bring some of it.
    losses: Vec<LostSuffix>,
    /// The reader has entries that are lost: it has to get a gap for each room before any
    /// other entry.
    needs_restart: bool,
    /// How often such gaps may still come: with how many of `losses` its rooms may have
    /// lost entries.
    restarts_left: usize,
    /// The last of `stale` and `fresh` in this stream was `stale`.
    knows_stale: bool,
    /// What the reader shows: by room, the index of the state of each message and
    /// event that it knows, by id. A gap may hide later states, so it is removed.
    shown: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

impl Reader {
    pub(super) fn new(options: ReaderOptions, number: usize) -> Self {
        let name = UserName::parse(&format!("reader {number}")).unwrap();
        Self {
            rooms: options.rooms,
            backlog: options.backlog,
            name: options.named.then_some(name),
            form: match options.json {
                true => EventForm::Json,
                false => EventForm::Raw,
            },
            is_connected: false,
            has_bye: false,
            decoder: Decoder::default(),
            last_event_id: String::new(),
            done: BTreeMap::new(),
            lost: BTreeMap::new(),
            next: BTreeMap::new(),
            last_id: None,
            before_backlog: BTreeMap::new(),
            backlog_lost: BTreeMap::new(),
            restarted: BTreeSet::new(),
            losses: Vec::new(),
            needs_restart: false,
            restarts_left: 0,
            knows_stale: false,
            shown: BTreeMap::new(),
        }
    }

    pub(super) fn connect(
        &mut self,
        app: &Arc<App>,
        published: &PublishedByRoom,
    ) -> Result<Subscription, SubscribeError> {
        let cursor =
            (!self.last_event_id.is_empty()).then(|| Cursor::parse(self.last_event_id.as_bytes()));
        let is_new = cursor.is_none();
        let is_held = match cursor {
            Some(Cursor::Id(id)) => matches!(app.hub.place(id), CursorPlace::At(_)),
            _ => true,
        };
        let subscription = app.hub.subscribe(SubscribeOptions {
            cursor,
            backlog: self.backlog,
            name: self.name.clone(),
            presence: self.name.is_some(),
            form: self.form,
            ..SubscribeOptions::to(
                RoomList::new(self.rooms.iter().map(|room| RoomName::parse(room).unwrap()))
                    .unwrap(),
            )
        })?;
        if is_new {
            self.done = self
                .rooms
                .iter()
                .map(|&room| (room, self.before_backlog_at_least(published[room].len())))
                .collect();
            if self.backlog != Backlog::Last(0) {
                self.before_backlog = self
                    .rooms
                    .iter()
                    .map(|&room| (room, published[room].len()))
                    .collect();
            }
        }
        self.restarted = match is_held {
            true => BTreeSet::new(),
            false => self.rooms.iter().copied().collect(),
        };
        self.is_connected = true;
        Ok(subscription)
    }

    /// Whether it has a stream of this room.
    pub(super) fn is_in(&self, room: &str) -> bool {
        self.is_connected && self.rooms.contains(&room)
    }

    /// The server has lost all but `published`.
    pub(super) fn lose(&mut self, lost: &LostSuffix, published: &PublishedByRoom) {
        for (room, done) in self.done.iter_mut().chain(&mut self.before_backlog) {
            *done = published[room].len().min(*done);
        }
        // A message is sent in its present state, which a later change may have made
        // that is lost: nothing tells the reader.
        for (room, shown) in &mut self.shown {
            shown.retain(|id, index| {
                let mut items = published[room].iter();
                let item = items.find(|item| item.id.to_string() == *id);
                let state = item.and_then(|item| item.states.get(*index));
                state.is_some_and(|state| !lost.has_state(room, id, state))
            });
        }
    }

    /// A store that loses its end has evicted entries again, though their eviction was
    /// durable. Then a gap that was due in one room of several is due no more, and the
    /// cursor may be behind what it was for: an entry or a gap of another room came first.
    pub(super) fn lose_gaps(&mut self, hub: &Hub) {
        let Ok(cursor) = self.last_event_id.parse() else {
            return;
        };
        let CursorPlace::At(cursor) = hub.place(cursor) else {
            return;
        };
        for &room in self.rooms.iter().filter(|_| self.rooms.len() > 1) {
            let evicted = hub.evicted_through(&RoomName::parse(room).unwrap());
            if evicted.is_none_or(|evicted| evicted > cursor) {
                self.lost.insert(room, None);
                self.shown.remove(room);
            }
        }
    }

    /// Of `published` messages, the least number that lies before the backlog.
    fn before_backlog_at_least(&self, published: usize) -> usize {
        match self.backlog {
            Backlog::Last(count) => published.saturating_sub(count),
            Backlog::All => 0,
        }
    }

    /// The connection is closed. An incomplete event is dropped.
    pub(super) fn disconnect(&mut self, published: &PublishedByRoom) {
        // If a backlog has not begun, the reader is past all messages up to its
        // cursor.
        for room in std::mem::take(&mut self.before_backlog).into_keys() {
            let until = self
                .last_event_id
                .parse()
                .map_or(0, |cursor| count_through(&published[room], cursor));
            self.done
                .entry(room)
                .and_modify(|done| *done = until.max(*done));
        }
        self.is_connected = false;
        self.has_bye = false;
        self.decoder = Decoder::default();
        self.last_id = None;
        self.next.clear();
        self.losses.clear();
        self.needs_restart = false;
        self.restarts_left = 0;
        self.knows_stale = false;
    }

    pub(super) fn receive(&mut self, bytes: &[u8], published: &PublishedByRoom) {
        let mut events = Vec::new();
        let each = |item: Item<'_>| {
            if let Item::Event(event) = item {
                events.push((
                    event.event.into_owned(),
                    event.id.into_owned(),
                    event.data.into_owned(),
                ));
            }
        };
        self.decoder.feed(bytes, each).unwrap();
        for (event, id, text) in events {
            assert!(!self.has_bye, "{event} after bye");
            let data = serde_json::from_str(&text).unwrap_or(Value::Null);
            match event.as_str() {
                "hello" => self.check_hello(&id, &data, published),
                "update" => {
                    let number = data["number"].as_u64();
                    assert!(number.is_some(), "a message has a number: {data}");
                    let state = ItemState::of_json(&data);
                    self.check_item(&id, self.room_of(&data), number, &state, published);
                }
                // A deleted message or event, in its own place.
                "change" if data["id"] == id => {
                    assert_eq!(ItemState::of_json(&data), ItemState::Deleted);
                    let (room, number) = (self.room_of(&data), data["number"].as_u64());
                    self.check_item(&id, room, number, &ItemState::Deleted, published);
                }
                "change" => self.check_change(&id, &data, published),
                EVENT_NAME => {
                    let (room, payload) = match self.form {
                        EventForm::Raw => (self.rooms[0], text),
                        EventForm::Json => {
                            let payload = data["data"].as_str().expect("a payload");
                            (self.room_of(&data), payload.to_owned())
                        }
                    };
                    let state = ItemState::Event(payload);
                    self.check_item(&id, room, None, &state, published);
                }
                "gap" => self.check_gap(&id, &data),
                "ping" => continue,
                "bye" => {
                    self.has_bye = true;
                    continue;
                }
                "presence" if self.name.is_some() => {
                    assert_eq!(id, self.last_event_id, "presence has no id");
                    continue;
                }
                "stale" | "fresh" => {
                    assert_eq!(id, self.last_event_id, "{event} has no id");
                    let knew_stale = std::mem::replace(&mut self.knows_stale, event == "stale");
                    assert_ne!(knew_stale, self.knows_stale, "{event} without a transition");
                    continue;
                }
                other => panic!("unexpected event: {other}"),
            }
            self.last_event_id = id;
        }
    }

    fn room_of(&self, data: &Value) -> &'static str {
        self.rooms
            .iter()
            .find(|room| data["room"] == **room)
            .expect("a requested room")
    }
}

/// How many of a room's messages and events are at or before `cursor`.
fn count_through(published: &[PublishedItem], cursor: EventId) -> usize {
    let is_through = |item: &&PublishedItem| item.id <= cursor;
    published.iter().filter(is_through).count()
}
