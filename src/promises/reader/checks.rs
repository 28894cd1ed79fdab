//! The checks of what a stream brings against the model.

use serde_json::Value;

use super::{Reader, count_through};
use crate::promises::model::{ItemState, PublishedByRoom, PublishedItem};
use crate::protocol::EventId;

impl Reader {
    pub(super) fn check_hello(&mut self, id: &str, data: &Value, published: &PublishedByRoom) {
        assert_eq!(data["cursor"], id);
        let names: Vec<&str> = data["rooms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|room| room["room"].as_str().unwrap())
            .collect();
        assert_eq!(names, self.rooms);
        self.last_id = id.parse().ok();
        // A new reader that is disconnected now resumes after this cursor.
        let Some(cursor) = self.last_id.filter(|_| self.last_event_id.is_empty()) else {
            return;
        };
        for (room, done) in &mut self.done {
            *done = count_through(&published[room], cursor);
        }
    }

    pub(super) fn check_gap(&mut self, id: &str, gap: &Value) {
        let reason = gap["reason"].as_str().unwrap();
        assert_ne!(reason, "unknown", "the cursor is one of this server");
        self.check_id(id, reason);
        let room = self.room_of(gap);
        match reason {
            "restart" => self.check_restart(room),
            _ => drop(self.check_loss(id)),
        }
        assert_eq!(self.restarted.remove(room), reason == "restart", "{gap}");
        self.next.insert(room, gap["next"].as_u64().unwrap());
        self.shown.remove(room);
        if let Some(published) = self.before_backlog.remove(room) {
            // There was no backlog, or it was evicted before it was sent.
            let backlog = published.saturating_sub(self.done[room]);
            self.backlog_lost.insert(room, backlog as u64);
        }
        let before = self.lost.get(room).copied().unwrap_or(Some(0));
        // 0 if it lost only changes.
        let lost = gap["lost"].as_u64();
        self.lost
            .insert(room, before.zip(lost).map(|(before, lost)| before + lost));
    }

    /// A message or an event, in its own place.
    pub(super) fn check_item(
        &mut self,
        id: &str,
        room: &'static str,
        number: Option<u64>,
        state: &ItemState,
        published: &PublishedByRoom,
    ) {
        self.check_id(id, "update");
        assert!(
            !self.restarted.contains(room),
            "{id} in {room} without a gap"
        );
        if let Some(number) = number {
            let expected = self.next.insert(room, number + 1);
            assert!(
                expected.is_none_or(|expected| expected == number),
                "number {number} in {room}"
            );
        }
        if self.check_loss(id) {
            return self.check_lost_item(id, room, number, state);
        }
        let index = index_of(&published[room], id);
        assert_eq!(number, published[room][index].number, "{id} in {room}");
        self.show(room, &published[room][index], state);
        let done = self.done.insert(room, index + 1).unwrap();
        assert!(index >= done, "{id} in {room} was received twice");
        let backlog_begins = self.before_backlog.remove(room).is_some();
        match self.lost.remove(room) {
            None => assert!(
                index == done || backlog_begins,
                "missing messages without a gap before {id} in {room}: {done} to {index}"
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

    /// A change of a message, or the deletion of an event.
    pub(super) fn check_change(&mut self, id: &str, data: &Value, published: &PublishedByRoom) {
        self.check_id(id, "change");
        let room = self.room_of(data);
        assert!(
            !self.restarted.contains(room),
            "{id} in {room} without a gap"
        );
        let of = data["id"].as_str().expect("the id of a message");
        let state = ItemState::of_json(data);
        if self.check_loss(id) {
            let is_kept = || {
                published[room]
                    .iter()
                    .any(|item| item.states.contains(&state))
            };
            assert!(self.has_lost_state(room, of, &state) || is_kept(), "{data}");
            return;
        }
        let item = &published[room][index_of(&published[room], of)];
        assert_eq!(data["number"].as_u64(), item.number);
        self.show(room, item, &state);
    }

    /// The reader shows a state of a message or event: one that it had, and none
    /// from before the one that was shown.
    fn show(&mut self, room: &'static str, item: &PublishedItem, state: &ItemState) {
        let id = item.id.to_string();
        let is_lost = self.has_lost_state(room, &id, state);
        let shown = self.shown.entry(room).or_default();
        if is_lost {
            // The reader may show it until another change.
            shown.remove(&id);
            return;
        }
        let index = shown.entry(id).or_default();
        let later = item.states[*index..]
            .iter()
            .position(|known| known == state);
        let later = later.unwrap_or_else(|| {
            panic!("{state:?} is no state of {item:?} at or after {index}");
        });
        *index += later;
    }

    /// Ids strictly increase, by epoch and then by seq. Only a cursor at no entry of the
    /// history is repeated, in the initial gaps except the last.
    fn check_id(&mut self, id: &str, event: &str) {
        let Ok(id) = id.parse::<EventId>() else {
            panic!("{id} is no event id")
        };
        if let Some(last) = self.last_id {
            let is_repeated = last == id && matches!(event, "restart" | "unknown");
            assert!(id > last || is_repeated, "{id} after {last}");
        }
        self.last_id = Some(id);
    }

    pub(in crate::promises) fn check_complete(&self, published: &PublishedByRoom, is_stale: bool) {
        if !self.is_connected {
            return;
        }
        assert_eq!(
            self.knows_stale, is_stale,
            "it knows whether the history is stale"
        );
        assert!(!self.needs_restart, "it has entries that are lost");
        for (room, shown) in &self.shown {
            for item in &published[room] {
                let Some(&index) = shown.get(&item.id.to_string()) else {
                    continue;
                };
                assert!(
                    item.states[index] == *item.state(),
                    "{room}: a change of {item:?} is missing; state {index} is shown"
                );
            }
        }
        for (room, done) in &self.done {
            let lost = self.lost.get(room).copied().unwrap_or(Some(0));
            let missing = (published[room].len() - done) as u64;
            // No backlog began and no message followed: none can be missing.
            let nothing_yet = self.before_backlog.get(room) == Some(&published[room].len());
            let least = missing.saturating_sub(self.backlog_lost.get(room).copied().unwrap_or(0));
            let is_complete =
                lost.is_none_or(|lost| (least..=missing).contains(&lost)) || nothing_yet;
            assert!(
                is_complete,
                "{room}: {missing} of {} missing, {lost:?} announced as lost",
                published[room].len()
            );
        }
    }
}

fn index_of(published: &[PublishedItem], id: &str) -> usize {
    let mut ids = published.iter().map(|item| item.id.to_string());
    ids.position(|known| known == id).expect("it was published")
}
