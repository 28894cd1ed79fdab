//! Events of rooms on their way to the fan-out workers. The channel that carries
//! them is in `channel`, its receiver in `feed`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::entry::Entry;
use super::room_key::RoomKey;
use super::staleness::Staleness;
use crate::protocol::{EventId, RoomName};
use crate::sse;

/// The largest entry or event, in bytes of its content, that the channel always
/// carries itself: at most one for each slot.
pub(crate) const MAX_INLINE_BYTES: usize = 8 * 1024;

/// An event with its position, its room and its time.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The number of events sent before it: the first event has 0.
    pub(crate) position: u64,
    pub(crate) room: RoomKey,
    pub(crate) event: RoomEvent,
    /// When the event was sent.
    pub(crate) at: Instant,
}

/// An event of a room.
#[derive(Debug, Clone)]
pub(crate) enum RoomEvent {
    /// A message, an event of a program or a change.
    Entry(Entry),
    /// Members joined or left; only for readers that get presence events.
    Presence(sse::Encoded),
    /// An entry with more than [`MAX_INLINE_BYTES`] of content.
    LargeEntry(Arc<LargeEntry>),
    /// A large entry to be read from history:
    /// [`Hub::entry`](super::Hub::entry).
    Marker(Box<HistoryMarker>),
    /// An author is banned from the room: what its readers may read is looked at
    /// again.
    Banned,
    /// The history of the room was loaded anew: its readers go back to it.
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "none is loaded"))]
    Reloaded,
    /// A presence event of more than [`MAX_INLINE_BYTES`]:
    /// [`Hub::presence_event`](super::Hub::presence_event) replaces it.
    LargePresence(RoomName),
    /// A generation has ended: all entries after seq `end` that came before this event are
    /// lost. It is of all rooms.
    GenerationEnded { end: u64 },
    /// The history has become stale, or is fresh again. It is of all rooms.
    Staleness(Staleness),
}

impl RoomEvent {
    /// Whether only readers that get presence events receive it.
    pub(crate) fn is_presence(&self) -> bool {
        matches!(self, Self::Presence(_) | Self::LargePresence(_))
    }

    /// Whether it is for the readers of all rooms.
    pub(crate) fn is_of_all_rooms(&self) -> bool {
        matches!(self, Self::GenerationEnded { .. } | Self::Staleness(_))
    }

    /// A presence event, or its replacement if it is large.
    pub(super) fn presence(room: &RoomName, event: sse::Encoded) -> Self {
        match event.chunk().len() <= MAX_INLINE_BYTES {
            true => Self::Presence(event),
            false => Self::LargePresence(room.clone()),
        }
    }
}

/// A large entry. It counts against the channel's bytes of large entries
/// until it is dropped.
#[derive(Debug)]
pub(crate) struct LargeEntry {
    entry: Entry,
    bytes: usize,
    /// Bytes of all large entries in the channel.
    total: Arc<AtomicUsize>,
}

impl LargeEntry {
    pub(super) fn new(entry: Entry, total: &Arc<AtomicUsize>) -> Self {
        let bytes = entry.content_bytes();
        total.fetch_add(bytes, Ordering::Relaxed);
        Self {
            entry,
            bytes,
            total: Arc::clone(total),
        }
    }

    /// The entry.
    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Drop for LargeEntry {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The place of an entry in history.
#[derive(Debug, Clone)]
pub(crate) struct HistoryMarker {
    pub(crate) room: RoomName,
    pub(crate) id: EventId,
}
