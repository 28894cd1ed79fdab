use std::time::Duration;

use super::*;
use crate::chat::test_reader::{TestDelivery, TestReader};
use crate::chat::{GapReason, SubscribeOptions, Subscription};
use crate::protocol::{Backlog, ClientId, Cursor, EventId, MessageText, UserName};

mod channel;
#[cfg(feature = "data")]
mod durable;
mod generations;
#[cfg(feature = "data")]
mod held_batches;
mod history;
mod idle_rooms;
mod limits;
mod local_members;
mod member_exchange;
mod presence;
mod publishing;
mod remote_members;
mod staleness;

/// Most bytes of large messages in the channel.
const LARGE: usize = 100_000;

fn limits() -> HubLimits {
    HubLimits {
        history: 1000,
        history_bytes: 1 << 20,
        history_budget: 1 << 20,
        max_rooms: 3,
        default_room: room("a"),
        max_members: 100_000,
        max_typing_members: 50,
        stored_history: 0,
        stored_history_budget: 0,
        history_age: None,
        room_idle: Duration::from_secs(60),
        presence_rate: 1 << 20,
        presence_rate_total: 8 << 20,
        channel_slots: 4096,
        channel_large: LARGE,
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn draft(text: &str, client_id: Option<&str>) -> Draft {
    draft_of("Alice", text, client_id)
}

fn draft_of(name: &str, text: &str, client_id: Option<&str>) -> Draft {
    Draft {
        client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
        ..Draft::new(
            UserName::parse(name).unwrap(),
            MessageText::parse(text, usize::MAX).unwrap(),
        )
    }
}

fn publish_text(hub: &Hub, name: &str, text: &str) -> Entry {
    match hub.publish(&room(name), draft(text, None)) {
        Ok(Published::New(entry)) => entry,
        other => panic!("{other:?}"),
    }
}

/// The options of a stream of these rooms with the whole backlog.
fn options(rooms: &[&str], name: Option<&str>) -> SubscribeOptions {
    SubscribeOptions {
        backlog: Backlog::All,
        name: name.map(|name| UserName::parse(name).unwrap()),
        ..SubscribeOptions::to(RoomList::new(rooms.iter().map(|name| room(name))).unwrap())
    }
}

fn reader(hub: &Arc<Hub>, name: &str, cursor: Option<Cursor>) -> TestReader {
    let options = SubscribeOptions {
        cursor,
        ..options(&[name], None)
    };
    TestReader::of(hub, hub.subscribe(options).unwrap())
}

/// A stream of these rooms without backlog and with presence events.
fn attend(hub: &Arc<Hub>, rooms: &[&str], name: Option<&str>) -> Subscription {
    let options = SubscribeOptions {
        backlog: Backlog::Last(0),
        presence: true,
        ..options(rooms, name)
    };
    hub.subscribe(options).unwrap()
}

fn held(hub: &Hub, name: &str) -> usize {
    let all = HistoryQuery {
        after: None,
        before: None,
        limit: usize::MAX,
    };
    hub.page(&room(name), all).entries.len()
}

/// The count of `GET /rooms/{room}/members`.
fn members(hub: &Hub, name: &str) -> u64 {
    let members: serde_json::Value = serde_json::from_slice(&hub.members(&room(name))).unwrap();
    members["count"].as_u64().unwrap()
}

async fn idle_for(hub: &Hub, seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
    hub.tick();
}

fn id(hub: &Hub, seq: u64) -> EventId {
    EventId {
        epoch: hub.epoch(),
        seq,
    }
}
