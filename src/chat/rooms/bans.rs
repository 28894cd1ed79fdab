//! Bans: they change what the readers of a room may read, so its live readers go
//! back to history, where the ban ends their streams.

use std::time::SystemTime;

use serde::Deserialize;
use tokio::time::Instant;

use super::Rooms;
use crate::chat::bans::{Ban, BanError, BanKey};
use crate::chat::entry::Entry;
use crate::chat::errors::HistoryUnavailable;
use crate::chat::log::Record;
use crate::chat::published::Commit;
use crate::chat::room_event::RoomEvent;
use crate::chat::stored_entries::StoredItem;
use crate::protocol::{EventId, RoomName};

impl Rooms {
    /// Bans the author of a message until a time. `stored` is what the store holds of
    /// the message, if only the store does.
    pub(in crate::chat) fn ban(
        &mut self,
        name: &RoomName,
        message: EventId,
        until: SystemTime,
        stored: Option<&StoredItem>,
    ) -> Result<Commit, BanError> {
        let (key, ban) = self.ban_of(name, message, until, stored)?;
        let room = self.by_name.get_mut(name).ok_or(BanError::NotFound)?;
        self.log.check()?;
        room.bans_mut().add(key, ban.clone(), SystemTime::now())?;
        let now = Instant::now();
        if room.has_readers() {
            self.channel.send(room.key, RoomEvent::Banned, now);
        }
        self.schedule(name, now);
        self.log.push(|| Record::Banned {
            room: name.clone(),
            key,
            ban,
        });
        Ok(self.log.wait())
    }

    /// Lifts the ban of the author of a message. `None` if there was none. `stored` is as
    /// of [`Self::ban`].
    pub(in crate::chat) fn lift_ban(
        &mut self,
        name: &RoomName,
        message: EventId,
        stored: Option<&StoredItem>,
    ) -> Result<Option<Commit>, HistoryUnavailable> {
        let entry = self.item(name, message, stored);
        let key = entry.and_then(|entry| BanKey::of(&entry.author()));
        let Some(room) = self.by_name.get_mut(name) else {
            return Ok(None);
        };
        self.log.check()?;
        let keys = room.lift_ban(message, key);
        if keys.is_empty() {
            return Ok(None);
        }
        self.log.push(|| Record::BansLifted {
            room: name.clone(),
            keys,
        });
        Ok(Some(self.log.wait()))
    }

    /// The ban of the author of a message.
    pub(super) fn ban_of(
        &self,
        name: &RoomName,
        message: EventId,
        until: SystemTime,
        stored: Option<&StoredItem>,
    ) -> Result<(BanKey, Ban), BanError> {
        let entry = self.item(name, message, stored);
        let entry = entry.ok_or(BanError::NotFound)?;
        let key = BanKey::of(&entry.author()).ok_or(BanError::NotFound)?;
        let ban = Ban {
            message,
            name: name_of(entry),
            until,
        };
        Ok((key, ban))
    }

    pub(super) fn item<'a>(
        &'a self,
        name: &RoomName,
        id: EventId,
        stored: Option<&'a StoredItem>,
    ) -> Option<&'a Entry> {
        let seq = self.generations.seq_of(id)?;
        let room = self.get(name)?;
        room.item(seq).or_else(|| stored?.of(room, seq))
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
