//! Changes: the state after a change is computed from what is shown here. If another
//! change came first, it is shown here first, and the state is computed again.

use sse_chat_redis as redis;

use super::client::{Failed, MAX_TRIES, SharedClient};
use super::content;
use crate::chat::change::{Change, ChangeError, Requester};
use crate::chat::entry::Entry;
use crate::chat::errors::HistoryUnavailable;
use crate::chat::hub::Hub;
use crate::chat::published::Published;
use crate::chat::rooms::shared::PlannedChange;
use crate::protocol::{EventId, RoomName};

impl SharedClient {
    pub(in crate::chat) async fn change(
        &self,
        hub: &Hub,
        room: &RoomName,
        item: EventId,
        change: &Change,
        requester: &Requester,
    ) -> Result<Published, ChangeError> {
        self.await_entry(hub, item).await;
        for _ in 0..MAX_TRIES {
            let loaded = self.load_to_read(hub, room).await;
            loaded.map_err(|_| HistoryUnavailable)?;
            let planned = hub.lock().plan_change(room, item, change, requester)?;
            let planned = match planned {
                Ok(planned) => planned,
                Err(present) => return Ok(Published::Duplicate(present)),
            };
            if let Some(entry) = self.make(hub, room, item, planned).await? {
                return Ok(Published::New(entry));
            }
        }
        Err(HistoryUnavailable.into())
    }

    /// Makes a change. `None` if it has to be planned again.
    async fn make(
        &self,
        hub: &Hub,
        room: &RoomName,
        item: EventId,
        planned: PlannedChange,
    ) -> Result<Option<Entry>, ChangeError> {
        let PlannedChange {
            epoch,
            seq,
            latest,
            announced,
        } = planned;
        let content = content::of_change(&announced);
        let is_deletion = announced.is_deleted();
        let change = redis::Change {
            room: room.as_str(),
            item: seq,
            latest,
            is_deletion,
            content: &content,
        };
        let call = self.log.change(epoch.as_str(), change);
        match self.counters.count(call).await {
            Ok(redis::ChangeAnswer::Assigned(assigned)) => {
                self.shown(hub, epoch, assigned.seq).await?;
                let id = EventId {
                    epoch,
                    seq: assigned.seq,
                };
                let stored = redis::Entry {
                    seq: assigned.seq,
                    kind: match is_deletion {
                        true => redis::EntryKind::Deletion { of: seq },
                        false => redis::EntryKind::Change { of: seq },
                    },
                    place: assigned.place,
                    at: assigned.at,
                    content,
                    client_id: None,
                };
                hub.lock().count_change();
                Ok(Some(content::read(id, item, room, &stored)))
            }
            Ok(redis::ChangeAnswer::Conflict(latest)) => {
                self.shown(hub, epoch, latest).await?;
                Ok(None)
            }
            Ok(redis::ChangeAnswer::Gone) => Err(ChangeError::NotFound),
            Ok(redis::ChangeAnswer::OtherEpoch(_)) => {
                self.next_generation(hub, epoch).await?;
                Ok(None)
            }
            Err(error) => match error.into() {
                Failed::OtherEpoch => {
                    self.next_generation(hub, epoch).await?;
                    Ok(None)
                }
                Failed::Unavailable => Err(HistoryUnavailable.into()),
            },
        }
    }
}
