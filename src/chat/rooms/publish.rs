//! Publishing: a draft becomes an entry, which is shown in its room's history and in
//! the channel to the fan-out workers. Old entries are evicted to keep the budget of
//! all histories.

use tokio::time::Instant;

use super::Rooms;
use crate::chat::draft::{Draft, DraftContent, RetryKey};
use crate::chat::entry::Entry;
use crate::chat::errors::PublishError;
use crate::chat::history_size::{HistoryPart, HistorySize};
use crate::chat::place::EntryKind;
use crate::chat::published::Published;
use crate::protocol::RoomName;

impl Rooms {
    /// Publishes `draft`, unless it repeats a request in history.
    pub(in crate::chat) fn publish(
        &mut self,
        name: &RoomName,
        draft: &Draft,
        retry_key: Option<RetryKey>,
    ) -> Result<Published, PublishError> {
        let now = Instant::now();
        let (id, at) = (self.id(self.assigned + 1), self.clock.millis(now));
        self.ensure(name, now)?;
        let room = self.by_name.get_mut(name).expect("the room exists");
        if let Some(retry_key) = &retry_key
            && let Some((first, request)) = room.find(&retry_key.client_id)
        {
            let first = first.clone();
            return match request == retry_key.request {
                true => Ok(self.nothing_new(name, first)),
                false => Err(PublishError::ClientIdReused),
            };
        }
        self.log.check()?;
        let entry = room.assign(id, draft, retry_key, (now, at));
        let stops_typing = match &draft.content {
            DraftContent::Message(message) => room.presence.end_typing(&message.name),
            DraftContent::Event { .. } => false,
        };
        match entry.kind() {
            EntryKind::Event => {
                self.published_events += 1;
                self.published_event_bytes += draft.content_bytes() as u64;
            }
            _ => {
                self.published_messages += 1;
                self.published_bytes += draft.content_bytes() as u64;
            }
        }
        let published = self.log_entry(name, entry, None, now);
        if stops_typing {
            self.schedule(name, now);
        }
        Ok(published)
    }

    /// Puts an entry into its room's history and into the channel, and evicts down to
    /// the budget. `current` is as of [`Record::Entry`](crate::chat::log::Record::Entry).
    pub(super) fn show(
        &mut self,
        name: &RoomName,
        entry: Entry,
        current: Option<Entry>,
        now: Instant,
    ) {
        let room = self.by_name.get_mut(name).expect("the room exists");
        let event = room
            .has_readers()
            .then(|| self.channel.update(name, &entry));
        let before = room.history.size();
        // What a room missed while it was loaded is shown here after later ones.
        self.shown = self.shown.max(entry.seq());
        room.show(entry, current);
        if let Some(event) = event {
            self.channel.send(room.key, event, now);
        }
        self.resized(name, before);
        self.log_evictions(name);
        self.evict_to_budget();
        // Its age may be the first thing that is due in the room.
        if before == HistorySize::default() && self.limits.history_age.is_some() {
            self.schedule(name, now);
        }
    }

    /// The history of a room had the size `before`.
    pub(super) fn resized(&mut self, name: &RoomName, before: HistorySize) {
        let room = self.by_name.get_mut(name).expect("the room exists");
        self.held.replace(before, room.history.size());
        for index in &mut self.by_size {
            index.update(room);
        }
    }

    /// Evicts until all histories together are within the budgets, from the
    /// rooms with the most bytes, so that a busy room costs a quiet one nothing.
    pub(super) fn evict_to_budget(&mut self) {
        // From memory first: the older entries become more.
        self.evict_part(HistoryPart::Memory, self.limits.history_budget);
        self.evict_part(HistoryPart::Older, self.limits.stored_history_budget);
    }

    fn evict_part(&mut self, part: HistoryPart, budget: usize) {
        if self.held.of(part).bytes <= budget {
            return;
        }
        // A little more than needed, so that not every message evicts.
        let target = budget - budget / 4096;
        while self.held.of(part).bytes > target
            && let Some((class, name)) = self.by_size[part as usize].pop_largest()
        {
            let Some(room) = self.by_name.get_mut(&name) else {
                debug_assert!(false, "{name:?} has a size but does not exist");
                continue;
            };
            let index = &mut self.by_size[part as usize];
            while self.held.of(part).bytes > target && index.class_of(room) == class {
                let before = room.history.size();
                room.history.evict_from(part);
                self.held.replace(before, room.history.size());
            }
            index.insert(room);
            if part == HistoryPart::Memory {
                self.by_size[HistoryPart::Older as usize].update(room);
            }
            self.log_evictions(&name);
        }
    }
}
