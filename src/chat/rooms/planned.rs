//! What requests would change in rooms of a shared history, where Redis assigns: computed
//! from what is shown, without changing anything.

use std::time::SystemTime;

use tokio::time::Instant;

use super::Rooms;
use super::shared::PlannedChange;
use crate::chat::bans::{Ban, BanError, BanKey};
use crate::chat::change::{Change, ChangeError, Requester};
use crate::chat::draft::{Draft, DraftContent};
use crate::chat::entry::Entry;
use crate::chat::timestamp;
use crate::protocol::{Epoch, EventId, RoomName};

impl Rooms {
    /// A change of a message or event; its present state if that changes nothing.
    pub(in crate::chat) fn plan_change(
        &mut self,
        name: &RoomName,
        item: EventId,
        change: &Change,
        requester: &Requester,
    ) -> Result<Result<PlannedChange, Entry>, ChangeError> {
        let epoch = self.generations.present();
        let seq = self.generations.seq_of(item);
        let seq = seq.ok_or(ChangeError::NotFound)?;
        let room = self.by_name.get_mut(name).ok_or(ChangeError::NotFound)?;
        room.touch(Instant::now());
        let present = room.item(seq).ok_or(ChangeError::NotFound)?;
        let time = timestamp::now();
        let Some(new) = change.apply(present, requester, &time)? else {
            return Ok(Err(present.clone()));
        };
        // Of the id, only Redis knows the seq. It is no part of the state.
        let id = EventId { epoch, seq: 0 };
        let announced = present.change(id, room.next_place(), &new.state, new.reactions.clone());
        Ok(Ok(PlannedChange {
            epoch,
            seq,
            latest: room.history.change_of(seq).unwrap_or(0),
            announced,
        }))
    }

    /// The ban of the author of a message, and the generation that it is planned in.
    pub(in crate::chat) fn plan_ban(
        &self,
        name: &RoomName,
        message: EventId,
        until: SystemTime,
    ) -> Result<(Epoch, BanKey, Ban), BanError> {
        let (key, ban) = self.ban_of(name, message, until, None)?;
        Ok((self.generations.present(), key, ban))
    }

    /// The bans that a lift for the author of a message ends, and the generation that it
    /// is planned in.
    pub(in crate::chat) fn plan_lift(
        &self,
        name: &RoomName,
        message: EventId,
    ) -> (Epoch, Vec<BanKey>) {
        let entry = self.item(name, message, None);
        let key = entry.and_then(|entry| BanKey::of(&entry.author()));
        let room = self.get(name);
        let keys = room.map_or_else(Vec::new, |room| room.bans_of(message, key));
        (self.generations.present(), keys)
    }

    /// Counts what was published through this server. Its sender types no longer.
    pub(in crate::chat) fn count_published(&mut self, name: &RoomName, draft: &Draft) {
        let bytes = draft.content_bytes() as u64;
        match &draft.content {
            DraftContent::Message(message) => {
                self.published_messages += 1;
                self.published_bytes += bytes;
                let room = self.by_name.get_mut(name);
                if room.is_some_and(|room| room.presence.end_typing(&message.name)) {
                    self.schedule(name, Instant::now());
                }
            }
            DraftContent::Event { .. } => {
                self.published_events += 1;
                self.published_event_bytes += bytes;
            }
        }
    }

    /// Counts a change that was made through this server.
    pub(in crate::chat) fn count_change(&mut self) {
        self.published_changes += 1;
    }
}
