//! What the benchmarks of the hub share.

use std::sync::Arc;
use std::time::Duration;

use sse_chat::chat::{Draft, Hub, HubLimits};
use sse_chat::protocol::{MessageText, RoomName, UserName};

/// A hub with the server's default bounds.
pub(crate) fn hub() -> Arc<Hub> {
    Hub::new(HubLimits {
        history: 1000,
        history_bytes: 4 << 20,
        history_budget: 256 << 20,
        max_rooms: 10_000,
        default_room: lobby(),
        max_members: 100_000,
        room_idle: Duration::from_secs(3600),
        presence_rate: 1 << 20,
        presence_rate_total: 8 << 20,
        channel_slots: 4096,
        channel_large: 4 << 20,
    })
}

/// The room that everything happens in.
pub(crate) fn lobby() -> RoomName {
    RoomName::parse("lobby").expect("a room's name")
}

/// A message of 128 bytes.
pub(crate) fn draft() -> Draft {
    Draft {
        name: UserName::parse("Alice").expect("a name"),
        text: MessageText::parse(&"x".repeat(128), 4096).expect("a text"),
        client_id: None,
    }
}
