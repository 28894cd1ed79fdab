//! What a subscription delivers: hello first, then entries, gaps and presence.
//! Field names, event names and encoding are in `protocol`.

use super::entry::Entry;
use super::place::Place;
use super::presence::Snapshot;
use super::subscribe_options::EventForm;
use crate::protocol::{self, Cursor, Expiring, RoomName, Stale, encode_fresh};
use crate::sse;

pub use crate::protocol::GapReason;

/// The content of a stream's `hello`, without what only `http` knows.
#[derive(Debug, Clone)]
pub struct StreamHello {
    /// The cursor that the stream continues from.
    pub cursor: Cursor,
    /// The state of its rooms.
    pub rooms: Vec<HelloRoom>,
}

/// The state of a room when a stream begins.
pub type HelloRoom = protocol::HelloRoom<RoomName>;

/// An announced loss.
pub type Gap = protocol::Gap<RoomName, GapReason, Cursor>;

/// An event of a subscription after `hello`.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A message, an event of a program or a change.
    Entry(Entry),
    /// Lost entries, and the place behind them.
    Gap(Gap, Place),
    /// The members of a room: its first `presence` event.
    Members(Snapshot),
    /// The token of the stream expires soon.
    Expiring(Expiring),
    /// The server is cut off from the shared history.
    Stale(Stale),
    /// The server has the shared history again.
    Fresh,
}

impl Delivery {
    /// The event, ready for the wire, in a stream of this form.
    pub fn event(&self, form: EventForm) -> sse::Encoded {
        match self {
            Self::Entry(entry) => entry.event(form).clone(),
            Self::Gap(gap, _) => gap.encode(),
            Self::Members(snapshot) => snapshot.event.clone(),
            Self::Expiring(expiring) => expiring.encode(),
            Self::Stale(stale) => stale.encode(),
            Self::Fresh => encode_fresh(),
        }
    }

    /// The approximate size of the event in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Entry(entry) => entry.event(EventForm::Raw).text_len(),
            Self::Gap(gap, _) => gap.room.as_str().len() + 128,
            Self::Members(snapshot) => snapshot.event.text_len(),
            Self::Expiring(_) | Self::Stale(_) | Self::Fresh => 64,
        }
    }
}
