//! Changes: the new state of a message takes its place in history, and a change
//! with an id of its own enters history and the channel.

use tokio::time::Instant;

use super::Rooms;
use crate::chat::change::{Change, ChangeError, Requester};
use crate::chat::entry::Entry;
use crate::chat::timestamp;
use crate::protocol::{ChangedEntry, EventId, RoomName};

impl Rooms {
    /// Changes the message or event `item` of the room. Returns its present state:
    /// a message, an event or what is left of it.
    pub(in crate::chat) fn change(
        &mut self,
        name: &RoomName,
        item: EventId,
        change: &Change,
        requester: &Requester,
    ) -> Result<Entry, ChangeError> {
        let now = Instant::now();
        let id = self.id(self.seq + 1);
        let item = self.generations.seq_of(item);
        let item = item.ok_or(ChangeError::NotFound)?;
        let room = self.by_name.get_mut(name).ok_or(ChangeError::NotFound)?;
        room.touch(now);
        let present = room.history.item(item).ok_or(ChangeError::NotFound)?;
        let time = timestamp::now();
        let Some(new) = change.apply(present, requester, &time)? else {
            return Ok(present.clone());
        };
        let place = room.history.next_place();
        let announced = present.change(id, place, &new.state, new.reactions.clone());
        // Its own place may be evicted; then only the change holds the state.
        let current = room.history.get(item).map(|own| match &new.state {
            ChangedEntry::Message(message) => own.with_state(message, new.reactions.clone()),
            ChangedEntry::Deleted(deleted) => own.deleted(deleted),
        });
        let before = (room.history.bytes(), room.history.len());
        room.history.push_change(announced.clone(), current);
        self.seq = id.seq;
        self.published_changes += 1;
        self.show(name, &announced, before, now);
        Ok(announced)
    }
}
