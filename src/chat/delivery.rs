//! What a reader is told: hello first, then messages, gaps and presence.

use serde::Serialize;

use super::message::Frame;
use super::presence::Snapshot;
use crate::protocol::{Cursor, EventId, RoomName};
use crate::sse;

/// The first thing that a reader is told.
#[derive(Debug, Clone, Serialize)]
pub struct Hello {
    /// Where this stream goes on from.
    pub cursor: Cursor,
    /// Its rooms as they are now.
    pub rooms: Vec<HelloRoom>,
}

/// A room as it is when a stream begins.
#[derive(Debug, Clone, Serialize)]
pub struct HelloRoom {
    /// The room.
    pub room: RoomName,
    /// How many members are in it.
    pub members: usize,
    /// The oldest message that its history holds.
    pub oldest: Option<EventId>,
    /// The newest message that its history holds.
    pub newest: Option<EventId>,
    /// The number of its next message.
    pub next: u64,
}

/// An event of a subscription after `hello`.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A message.
    Update(Frame),
    /// Lost messages.
    Gap(Gap),
    /// The members of a room: its first `presence` event.
    Members(Snapshot),
}

impl Delivery {
    /// The event, ready for the wire.
    pub fn event(&self) -> sse::Encoded {
        match self {
            Self::Update(frame) => frame.event().clone(),
            Self::Gap(gap) => sse::Event::with_capacity(192)
                .event("gap")
                .id(gap.cursor)
                .json(&gap),
            Self::Members(snapshot) => snapshot.event.clone(),
        }
    }

    /// The approximate size of the event in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Update(frame) => frame.event().text_len(),
            Self::Gap(gap) => gap.room.as_str().len() + 128,
            Self::Members(snapshot) => snapshot.event.text_len(),
        }
    }
}

/// An announced hole: messages that the server can no longer give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The room that they were said in.
    pub room: RoomName,
    /// Why they are gone.
    pub reason: GapReason,
    /// How many they are, if the server can know.
    pub lost: Option<u64>,
    /// The number of the next message in this stream.
    pub next: u64,
    /// Where the stream goes on from.
    #[serde(skip)]
    pub cursor: Cursor,
}

/// Why there is a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// The reader was away for longer than history reaches.
    Evicted,
    /// The cursor is of another life of the server.
    Restart,
    /// Nobody can say where the reader was.
    Unknown,
    /// The reader was too slow for longer than history reaches.
    Lagged,
}

impl GapReason {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Evicted, Self::Restart, Self::Unknown, Self::Lagged];

    /// What it is called on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Restart => "restart",
            Self::Unknown => "unknown",
            Self::Lagged => "lagged",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_place_and_its_name() {
        for (place, reason) in GapReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
