//! Shared by the benchmarks of the hub.

use std::sync::Arc;

use sse_chat::chat::{Draft, Hub, HubLimits};
use sse_chat::protocol::{MessageText, RoomName, UserName};

/// A hub with the server's default limits.
pub(crate) fn hub() -> Arc<Hub> {
    Hub::new(HubLimits::default())
}

/// The room of all messages.
pub(crate) fn lobby() -> RoomName {
    RoomName::parse("lobby").expect("a room name")
}

/// A message of 128 bytes.
pub(crate) fn draft() -> Draft {
    Draft::new(
        UserName::parse("Alice").expect("a name"),
        MessageText::parse(&"x".repeat(128), 4096).expect("a text"),
    )
}
