//! Bans: they change what the readers of a room may read, so its live readers go
//! back to history, where the ban ends their streams.

use std::time::SystemTime;

use serde::Deserialize;
use tokio::time::Instant;

use super::Rooms;
use crate::chat::bans::{Ban, BanError, BanKey};
use crate::chat::entry::Entry;
use crate::chat::room_event::RoomEvent;
use crate::protocol::{EventId, RoomName};

impl Rooms {
    /// Bans the author of a message until a time.
    pub(in crate::chat) fn ban(
        &mut self,
        name: &RoomName,
        message: EventId,
        until: SystemTime,
    ) -> Result<(), BanError> {
        let entry = self.item(name, message).ok_or(BanError::NotFound)?;
        let key = BanKey::of(&entry.author()).ok_or(BanError::NotFound)?;
        let ban = Ban {
            message,
            name: name_of(entry),
            until,
        };
        let room = self.by_name.get_mut(name).ok_or(BanError::NotFound)?;
        room.bans_mut().add(key, ban, SystemTime::now())?;
        let now = Instant::now();
        if room.has_readers() {
            self.channel.send(room.key, RoomEvent::Banned, now);
        }
        self.schedule(name, now);
        Ok(())
    }

    /// Lifts the ban of the author of a message. Returns whether there was one.
    pub(in crate::chat) fn lift_ban(&mut self, name: &RoomName, message: EventId) -> bool {
        let entry = self.item(name, message);
        let key = entry.and_then(|entry| BanKey::of(&entry.author()));
        let room = self.by_name.get_mut(name);
        room.is_some_and(|room| room.lift_ban(message, key))
    }

    fn item(&self, name: &RoomName, id: EventId) -> Option<&Entry> {
        let seq = self.generations.seq_of(id)?;
        self.get(name)?.history.item(seq)
    }
}

/// The name of a message's author.
fn name_of(entry: &Entry) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let named = serde_json::from_slice::<Named>(&entry.json());
    named.ok().map(|named| named.name)
}
