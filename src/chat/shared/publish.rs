//! Publishing: one call assigns the entry; it is answered once this server has shown it.

use sse_chat_redis as redis;

use super::client::{Failed, MAX_TRIES, SharedClient};
use super::content;
use crate::chat::draft::{Draft, DraftContent, RetryKey};
use crate::chat::entry::Entry;
use crate::chat::errors::{HistoryUnavailable, PublishError};
use crate::chat::hub::Hub;
use crate::chat::log::hex;
use crate::chat::published::Published;
use crate::protocol::{Epoch, EventId, RoomName};

impl SharedClient {
    pub(in crate::chat) async fn publish(
        &self,
        hub: &Hub,
        room: &RoomName,
        mut draft: Draft,
    ) -> Result<Published, PublishError> {
        let retry_key = RetryKey::take(&mut draft);
        let content = content::of_draft(&draft, retry_key.as_ref());
        let request = retry_key.as_ref();
        let request = request.map(|key| hex::to_text(key.request.fingerprint().as_bytes()));
        for _ in 0..MAX_TRIES {
            self.load(hub, room).await?;
            let epoch = hub.epoch();
            let entry = redis::NewEntry {
                room: room.as_str(),
                is_message: matches!(draft.content, DraftContent::Message(_)),
                content: &content,
                retry_key: retry_key
                    .as_ref()
                    .zip(request.as_deref())
                    .map(|(key, request)| redis::RetryKey {
                        client_id: key.client_id.as_str(),
                        request,
                    }),
            };
            let call = self.log.publish(epoch.as_str(), entry);
            match self.counters.count(call).await {
                Ok(redis::PublishAnswer::Assigned(assigned)) => {
                    self.shown(hub, epoch, assigned.seq).await?;
                    let id = EventId {
                        epoch,
                        seq: assigned.seq,
                    };
                    let stored = stored(&draft, retry_key.as_ref(), content, assigned);
                    let entry = content::read(id, id, room, &stored);
                    hub.lock().count_published(room, &draft);
                    return Ok(Published::New(entry));
                }
                Ok(redis::PublishAnswer::Repeated(seq)) => {
                    self.shown(hub, epoch, seq).await?;
                    let first = self.state_of(hub, room, epoch, seq).await?;
                    return Ok(Published::Duplicate(first));
                }
                Ok(redis::PublishAnswer::Reused) => return Err(PublishError::ClientIdReused),
                Ok(redis::PublishAnswer::OtherEpoch(_)) => self.next_generation(hub, epoch).await?,
                Err(error) => match error.into() {
                    Failed::OtherEpoch => self.next_generation(hub, epoch).await?,
                    Failed::Unavailable => return Err(HistoryUnavailable.into()),
                },
            }
        }
        Err(HistoryUnavailable.into())
    }

    /// The present state of a message or event, which may be in Redis alone.
    async fn state_of(
        &self,
        hub: &Hub,
        room: &RoomName,
        epoch: Epoch,
        seq: u64,
    ) -> Result<Entry, HistoryUnavailable> {
        let here = |hub: &Hub| Some(hub.lock().get(room)?.item(seq)?.clone());
        if let Some(entry) = here(hub) {
            return Ok(entry);
        }
        let loaded = self.ask(epoch, room).await;
        let loaded = loaded.map_err(|_| HistoryUnavailable)?;
        let generations = hub.lock().generations().clone();
        let room = self.restored(&generations, room, &loaded);
        let state = room
            .entries
            .into_iter()
            .rfind(|entry| entry.item_seq() == seq);
        state.ok_or(HistoryUnavailable)
    }
}

/// What Redis has of an entry that was assigned.
fn stored(
    draft: &Draft,
    retry_key: Option<&RetryKey>,
    content: Vec<u8>,
    assigned: redis::Assigned,
) -> redis::Entry {
    redis::Entry {
        seq: assigned.seq,
        kind: match draft.content {
            DraftContent::Message(_) => redis::EntryKind::Message,
            DraftContent::Event { .. } => redis::EntryKind::Event,
        },
        place: assigned.place,
        at: assigned.at,
        content,
        client_id: retry_key.map(|key| key.client_id.as_str().to_owned()),
    }
}
