//! Bans of a shared history: all servers have them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sse_chat_redis::{CallError, StoredBan};

use super::client::{Failed, MAX_TRIES, SharedClient};
use crate::chat::author::Fingerprint;
use crate::chat::bans::{Ban, BanError, BanKey, MAX_BANS};
use crate::chat::errors::HistoryUnavailable;
use crate::chat::hub::Hub;
use crate::chat::log::hex;
use crate::protocol::{EventId, RoomName};

/// What only nodes read of a ban.
#[derive(Debug, Serialize, Deserialize)]
struct BanContent {
    message: EventId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// A ban as Redis has it.
fn stored(key: BanKey, ban: &Ban) -> StoredBan {
    let until = ban.until.duration_since(UNIX_EPOCH).unwrap_or_default();
    let content = BanContent {
        message: ban.message,
        name: ban.name.clone(),
    };
    StoredBan {
        author: author_of(key),
        until: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
        content: serde_json::to_string(&content).expect("texts have a JSON form"),
    }
}

/// A ban that Redis has. `None` if it can't be read.
pub(super) fn read(stored: &StoredBan) -> Option<(BanKey, Ban)> {
    let content: BanContent = serde_json::from_str(&stored.content).ok()?;
    let ban = Ban {
        message: content.message,
        name: content.name,
        until: UNIX_EPOCH.checked_add(Duration::from_millis(stored.until))?,
    };
    Some((key_of(&stored.author)?, ban))
}

pub(super) fn key_of(author: &str) -> Option<BanKey> {
    let fingerprint = Fingerprint::from_slice(&hex::from_text(author)?)?;
    Some(BanKey::from_fingerprint(fingerprint))
}

fn author_of(key: BanKey) -> String {
    hex::to_text(key.fingerprint().as_bytes())
}

impl SharedClient {
    pub(in crate::chat) async fn ban(
        &self,
        hub: &Hub,
        room: &RoomName,
        message: EventId,
        until: SystemTime,
    ) -> Result<(), BanError> {
        self.await_entry(hub, message).await;
        for _ in 0..MAX_TRIES {
            let loaded = self.load_to_read(hub, room).await;
            loaded.map_err(|_| HistoryUnavailable)?;
            let (epoch, key, ban) = hub.lock().plan_ban(room, message, until)?;
            let stored = stored(key, &ban);
            let banned = self
                .log
                .ban(epoch.as_str(), room.as_str(), &stored, MAX_BANS);
            match self.counters.count(banned).await {
                Ok(()) => {
                    hub.note_ban();
                    let now = tokio::time::Instant::now();
                    hub.lock().add_ban(room, key, ban, now);
                    return Ok(());
                }
                Err(CallError::TooManyBans) => return Err(BanError::TooMany),
                Err(error) => match error.into() {
                    Failed::OtherEpoch => self.next_generation(hub, epoch).await?,
                    Failed::Unavailable => return Err(HistoryUnavailable.into()),
                },
            }
        }
        Err(HistoryUnavailable.into())
    }

    /// Lifts the ban of the author of a message. Returns whether there was one.
    pub(in crate::chat) async fn lift_ban(
        &self,
        hub: &Hub,
        room: &RoomName,
        message: EventId,
    ) -> Result<bool, HistoryUnavailable> {
        self.await_entry(hub, message).await;
        for _ in 0..MAX_TRIES {
            let loaded = self.load_to_read(hub, room).await;
            loaded.map_err(|_| HistoryUnavailable)?;
            let (epoch, keys) = hub.lock().plan_lift(room, message);
            if keys.is_empty() {
                return Ok(false);
            }
            let authors: Vec<String> = keys.iter().copied().map(author_of).collect();
            let authors: Vec<&str> = authors.iter().map(String::as_str).collect();
            match self.log.lift(epoch.as_str(), room.as_str(), &authors).await {
                Ok(()) => {
                    let mut rooms = hub.lock();
                    keys.into_iter().for_each(|key| rooms.remove_ban(room, key));
                    return Ok(true);
                }
                Err(error) => match error.into() {
                    Failed::OtherEpoch => self.next_generation(hub, epoch).await?,
                    Failed::Unavailable => return Err(HistoryUnavailable),
                },
            }
        }
        Err(HistoryUnavailable)
    }
}
