//! Changes: the new state of a message takes its place in history, and a change
//! with an id of its own enters history and the channel.

use tokio::time::Instant;

use super::Rooms;
use crate::chat::change::{Change, ChangeError, Requester};
use crate::chat::published::Published;
use crate::chat::stored_entries::StoredItem;
use crate::chat::timestamp;
use crate::protocol::{ChangedEntry, EventId, RoomName};

impl Rooms {
    /// Changes the message or event `item` of the room. The entry of the result is its
    /// present state: a message, an event or what is left of it. `stored` is what the
    /// store holds of it, if only the store does.
    pub(in crate::chat) fn change(
        &mut self,
        name: &RoomName,
        item: EventId,
        change: &Change,
        requester: &Requester,
        stored: Option<&StoredItem>,
    ) -> Result<Published, ChangeError> {
        let now = Instant::now();
        let (id, at) = (self.id(self.assigned + 1), self.clock.millis(now));
        let item = self.generations.seq_of(item);
        let item = item.ok_or(ChangeError::NotFound)?;
        let room = self.by_name.get_mut(name).ok_or(ChangeError::NotFound)?;
        room.touch(now);
        let present = room.item(item).or_else(|| stored?.of(room, item));
        let present = present.ok_or(ChangeError::NotFound)?;
        let time = timestamp::now();
        let Some(new) = change.apply(present, requester, &time)? else {
            let present = present.clone();
            return Ok(self.nothing_new(name, present));
        };
        self.log.check()?;
        let place = room.next_place();
        let announced = present
            .change(id, place, &new.state, new.reactions.clone())
            .assigned_at(at);
        // Its own place may not be in memory; then the store changes it, or only the
        // change holds the state.
        let current = room.own(item).map(|own| match &new.state {
            ChangedEntry::Message(message) => own.with_state(message, new.reactions.clone()),
            ChangedEntry::Deleted(deleted) => own.deleted(deleted),
        });
        self.published_changes += 1;
        Ok(self.log_entry(name, announced, current, now))
    }
}
