//! A client that follows the protocol, and holds the server to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Said, Wish};
use crate::chat::{RoomList, SubscribeError, SubscribeOptions, Subscription};
use crate::http::App;
use crate::protocol::Backlog;
use crate::protocol::{Cursor, EventId, RoomName, UserName};
use crate::sse::{Decoder, Item};

/// A client that follows the protocol, and holds the server to it.
pub(super) struct Reader {
    rooms: Vec<&'static str>,
    backlog: Backlog,
    name: Option<UserName>,
    pub(super) is_connected: bool,
    /// The stream's last event, if it was this.
    pub(super) was_told_bye: bool,
    decoder: Decoder,
    /// The id that a reconnect sends.
    last_event_id: String,
    /// By room, how many of the messages said it is done with.
    done: BTreeMap<&'static str, usize>,
    /// By room, how many messages the gaps since its last message took, where
    /// all of them said so.
    lost: BTreeMap<&'static str, Option<u64>>,
    /// By room, the number of the next message in this stream.
    next: BTreeMap<&'static str, u64>,
    /// The id of the last event in this stream that had one.
    last_id: Option<EventId>,
    /// The rooms of a stream without a cursor of which the backlog has not
    /// begun yet: it begins where history or its own limit says.
    /// And how many messages had been said there when it connected.
    before_backlog: BTreeMap<&'static str, usize>,
    /// By room, how many of the messages that a gap took may have been a
    /// backlog, which that gap counts if there was one.
    backlog_lost: BTreeMap<&'static str, u64>,
}

impl Reader {
    pub(super) fn new(options: Wish, number: usize) -> Self {
        let name = UserName::parse(&format!("reader {number}")).unwrap();
        Self {
            rooms: options.rooms,
            backlog: options.backlog,
            name: options.named.then_some(name),
            is_connected: false,
            was_told_bye: false,
            decoder: Decoder::default(),
            last_event_id: String::new(),
            done: BTreeMap::new(),
            lost: BTreeMap::new(),
            next: BTreeMap::new(),
            last_id: None,
            before_backlog: BTreeMap::new(),
            backlog_lost: BTreeMap::new(),
        }
    }

    pub(super) fn connect(
        &mut self,
        app: &Arc<App>,
        said: &BTreeMap<&'static str, Vec<Said>>,
    ) -> Result<Subscription, SubscribeError> {
        let cursor =
            (!self.last_event_id.is_empty()).then(|| Cursor::parse(self.last_event_id.as_bytes()));
        let is_new = cursor.is_none();
        let subscription = app.hub.subscribe(SubscribeOptions {
            rooms: RoomList::new(self.rooms.iter().map(|room| RoomName::parse(room).unwrap()))
                .unwrap(),
            cursor,
            backlog: self.backlog,
            name: self.name.clone(),
            presence: self.name.is_some(),
        })?;
        if is_new {
            self.done = self
                .rooms
                .iter()
                .map(|&room| (room, self.unwanted(said[room].len())))
                .collect();
            if self.backlog != Backlog::Last(0) {
                self.before_backlog = self
                    .rooms
                    .iter()
                    .map(|&room| (room, said[room].len()))
                    .collect();
            }
        }
        self.is_connected = true;
        Ok(subscription)
    }

    /// Of so many messages, how many a new reader does not ask for at least.
    fn unwanted(&self, said: usize) -> usize {
        match self.backlog {
            Backlog::Last(most) => said.saturating_sub(most),
            Backlog::All => 0,
        }
    }

    /// The connection is gone, and with it what was not a whole event.
    pub(super) fn hang_up(&mut self, said: &BTreeMap<&'static str, Vec<Said>>) {
        // Of a backlog that did not begin before the cut, what lay before it is
        // past: the stream went on beyond.
        for room in std::mem::take(&mut self.before_backlog).into_keys() {
            let until = self
                .last_event_id
                .parse()
                .map_or(0, |cursor| said_until(&said[room], cursor));
            self.done
                .entry(room)
                .and_modify(|done| *done = until.max(*done));
        }
        self.is_connected = false;
        self.was_told_bye = false;
        self.decoder = Decoder::default();
        self.last_id = None;
        self.next.clear();
    }

    pub(super) fn receive(&mut self, bytes: &[u8], said: &BTreeMap<&'static str, Vec<Said>>) {
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
        for (event, id, data) in events {
            assert!(!self.was_told_bye, "{event} after bye");
            let data = serde_json::from_str(&data).unwrap_or(Value::Null);
            match event.as_str() {
                "hello" => self.take_hello(&id, &data, said),
                "update" => self.take_update(&id, &data, said),
                "gap" => self.take_gap(&id, &data),
                "ping" => continue,
                "bye" => {
                    self.was_told_bye = true;
                    continue;
                }
                "presence" if self.name.is_some() => {
                    assert_eq!(id, self.last_event_id, "presence has no id");
                    continue;
                }
                other => panic!("an event that nobody sent: {other}"),
            }
            self.last_event_id = id;
        }
    }

    fn take_hello(&mut self, id: &str, data: &Value, said: &BTreeMap<&'static str, Vec<Said>>) {
        assert_eq!(data["cursor"], id);
        let names: Vec<&str> = data["rooms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|room| room["room"].as_str().unwrap())
            .collect();
        assert_eq!(names, self.rooms);
        self.last_id = id.parse().ok();
        // Where a new reader that is cut off now comes back to.
        let Some(cursor) = self.last_id.filter(|_| self.last_event_id.is_empty()) else {
            return;
        };
        for (room, done) in &mut self.done {
            *done = said_until(&said[room], cursor);
        }
    }

    fn take_gap(&mut self, id: &str, gap: &Value) {
        self.check_id(id, gap["reason"].as_str().unwrap());
        let room = self.room_of(gap);
        self.next.insert(room, gap["next"].as_u64().unwrap());
        if let Some(said) = self.before_backlog.remove(room) {
            // There was no backlog, or it was lost before it was sent.
            let backlog = said.saturating_sub(self.done[room]);
            self.backlog_lost.insert(room, backlog as u64);
        }
        let before = self.lost.get(room).copied().unwrap_or(Some(0));
        let lost = gap["lost"].as_u64();
        assert!(
            lost != Some(0) || gap["lost"].is_null(),
            "a gap that lost nothing: {gap}"
        );
        self.lost
            .insert(room, before.zip(lost).map(|(before, lost)| before + lost));
    }

    fn take_update(&mut self, id: &str, data: &Value, said: &BTreeMap<&'static str, Vec<Said>>) {
        self.check_id(id, "update");
        let (room, number) = (self.room_of(data), data["number"].as_u64().unwrap());
        let expected = self.next.insert(room, number + 1);
        assert!(
            expected.is_none_or(|expected| expected == number),
            "number {number} in {room}"
        );
        let index = said[room]
            .iter()
            .position(|said| said.id.to_string() == id)
            .expect("somebody said it");
        let message = &said[room][index];
        assert_eq!(
            (number, data["message"].as_str()),
            (message.number, Some(message.text.as_str()))
        );
        let done = self.done.insert(room, index + 1).unwrap();
        assert!(index >= done, "{id} in {room} came twice");
        let backlog_begins = self.before_backlog.remove(room).is_some();
        match self.lost.remove(room) {
            None => assert!(
                index == done || backlog_begins,
                "a silent hole before {id} in {room}: {done} to {index}"
            ),
            Some(None) => {}
            Some(Some(lost)) => {
                let most = (index - done) as u64;
                let least = most.saturating_sub(self.backlog_lost.remove(room).unwrap_or(0));
                assert!(
                    (least..=most).contains(&lost),
                    "{lost} lost before {id} in {room}, not {least} to {most}"
                );
            }
        }
    }

    fn room_of(&self, data: &Value) -> &'static str {
        self.rooms
            .iter()
            .find(|room| data["room"] == **room)
            .expect("a room that was asked for")
    }

    /// Ids strictly increase within an epoch. A foreign one stands still until
    /// the last of the gaps that a stranger is told of.
    fn check_id(&mut self, id: &str, event: &str) {
        let Ok(id) = id.parse::<EventId>() else {
            panic!("{id} is no id")
        };
        if let Some(last) = self.last_id {
            let stands = last == id && matches!(event, "restart" | "unknown");
            assert!(
                last.epoch != id.epoch || id.seq > last.seq || stands,
                "{id} after {last}"
            );
        }
        self.last_id = Some(id);
    }

    pub(super) fn check_complete(&self, said: &BTreeMap<&'static str, Vec<Said>>) {
        if !self.is_connected {
            return;
        }
        for (room, done) in &self.done {
            let lost = self.lost.get(room).copied().unwrap_or(Some(0));
            let missing = (said[room].len() - done) as u64;
            // No backlog began, and nothing was said since: there is nothing to miss.
            let nothing_yet = self.before_backlog.get(room) == Some(&said[room].len());
            let least = missing.saturating_sub(self.backlog_lost.get(room).copied().unwrap_or(0));
            let told = lost.is_none_or(|lost| (least..=missing).contains(&lost)) || nothing_yet;
            assert!(
                told,
                "{room}: {missing} of {} missing, told of {lost:?}",
                said[room].len()
            );
        }
    }
}

/// How many of a room's messages were said before this cursor, or at it.
fn said_until(said: &[Said], cursor: EventId) -> usize {
    said.iter()
        .filter(|said| said.id.epoch != cursor.epoch || said.id.seq <= cursor.seq)
        .count()
}
