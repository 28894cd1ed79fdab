//! Events on their way through a worker: received from the hub's channel, queued
//! for a group of readers, and coalesced for one write. Which reader gets which
//! event is decided in `groups` and `live`.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::Instant;

use crate::chat::{Entry, Envelope, EventForm, Feed, Hub, Lagged, RoomEvent, RoomKey, Staleness};
use crate::sse;

/// A worker's receiver of the channel.
#[derive(Debug)]
pub(super) struct EventReceiver {
    feed: Feed,
    /// Received, but its turn had no room left.
    held: Option<ReceivedEvent>,
}

/// What the receiver found next.
#[derive(Debug)]
pub(super) enum FeedItem {
    Event(ReceivedEvent),
    /// An event of a room without live readers on this worker, or a presence event
    /// of a room whose live readers take none.
    Unneeded,
    /// An event of this room is lost: only its marker was in the channel, and
    /// history no longer holds it.
    Lost(RoomKey),
    /// The history of this room was loaded anew.
    Reloaded(RoomKey),
    /// An author is banned from this room: its readers are looked at again.
    Banned(RoomKey),
    /// A generation has ended at seq `end`.
    GenerationEnded {
        position: u64,
        end: u64,
    },
    /// The history has become stale, or is fresh again.
    Staleness {
        position: u64,
        staleness: Staleness,
    },
    /// Events of any room are lost: the channel was overwritten before it was
    /// read.
    Lagged,
}

/// An event for the readers of a room.
#[derive(Debug)]
pub(super) struct ReceivedEvent {
    /// Its position in the channel.
    pub(super) position: u64,
    pub(super) room: RoomKey,
    pub(super) content: EventContent,
    /// When it was published.
    pub(super) at: Instant,
}

/// What an event of a room is.
#[derive(Debug)]
pub(super) enum EventContent {
    Entry(Entry),
    Presence(sse::Encoded),
}

impl EventContent {
    /// The event in a stream of this form.
    pub(super) fn event(&self, form: EventForm) -> &sse::Encoded {
        match self {
            Self::Entry(entry) => entry.event(form),
            Self::Presence(event) => event,
        }
    }

    /// The seq of an entry; `None` for presence.
    pub(super) fn seq(&self) -> Option<u64> {
        match self {
            Self::Entry(entry) => Some(entry.seq()),
            Self::Presence(_) => None,
        }
    }
}

impl EventReceiver {
    pub(super) fn new(hub: &Hub) -> Self {
        Self {
            feed: hub.feed(),
            held: None,
        }
    }

    /// The next item. `is_needed` says whether a live reader of this worker takes
    /// a room's messages, or its presence.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        hub: &Hub,
        is_needed: impl FnOnce(RoomKey, bool) -> bool,
    ) -> Poll<FeedItem> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(FeedItem::Event(held));
        }
        Poll::Ready(match ready!(self.feed.poll_next(cx)) {
            Ok(envelope)
                if envelope.event.is_of_all_rooms()
                    || is_needed(envelope.room, envelope.event.is_presence()) =>
            {
                resolve(envelope, hub)
            }
            Ok(_) => FeedItem::Unneeded,
            Err(Lagged) => FeedItem::Lagged,
        })
    }

    /// Puts an event back as the next one.
    pub(super) fn hold(&mut self, event: ReceivedEvent) {
        self.held = Some(event);
    }

    /// The position up to which the channel was read.
    pub(super) fn position(&self) -> u64 {
        self.feed.position() - u64::from(self.held.is_some())
    }
}

/// An envelope's event. A large one, of which the channel has only a marker, is
/// read from the hub.
fn resolve(envelope: Envelope, hub: &Hub) -> FeedItem {
    let Envelope {
        position,
        room,
        event,
        at,
    } = envelope;
    let content = match event {
        RoomEvent::Entry(entry) => Some(EventContent::Entry(entry)),
        RoomEvent::LargeEntry(large) => Some(EventContent::Entry(large.entry().clone())),
        RoomEvent::Presence(event) => Some(EventContent::Presence(event)),
        RoomEvent::Marker(marker) => {
            let entry = hub.entry(&marker.room, marker.id);
            entry.map(EventContent::Entry)
        }
        RoomEvent::LargePresence(room) => hub.presence_event(&room).map(EventContent::Presence),
        RoomEvent::Reloaded => return FeedItem::Reloaded(room),
        RoomEvent::Banned => return FeedItem::Banned(room),
        RoomEvent::GenerationEnded { end } => return FeedItem::GenerationEnded { position, end },
        RoomEvent::Staleness(staleness) => {
            return FeedItem::Staleness {
                position,
                staleness,
            };
        }
    };
    match content {
        Some(content) => FeedItem::Event(ReceivedEvent {
            position,
            room,
            content,
            at,
        }),
        None => FeedItem::Lost(room),
    }
}

/// An event that a group writes to its readers in this turn.
#[derive(Debug)]
pub(super) struct QueuedEvent {
    /// Its position in the channel.
    pub(super) position: u64,
    /// As it is written, framed.
    pub(super) bytes: Bytes,
    /// The seq of a message; `None` for presence and pings.
    pub(super) seq: Option<u64>,
}

/// Events that are written in one write.
#[derive(Debug, Clone, Copy)]
pub(super) struct CoalescedEvents<'a> {
    pub(super) events: &'a [QueuedEvent],
    pub(super) bytes: &'a [u8],
    /// How many of the events are messages.
    pub(super) messages: usize,
}

impl<'a> CoalescedEvents<'a> {
    /// A single event, which is not copied.
    pub(super) fn single(event: &'a QueuedEvent) -> Self {
        Self {
            events: std::slice::from_ref(event),
            bytes: &event.bytes,
            messages: usize::from(event.seq.is_some()),
        }
    }

    /// All of `events`, joined in `buffer` if there are several.
    pub(super) fn new(events: &'a [QueuedEvent], buffer: &'a mut Vec<u8>) -> Self {
        if let [event] = events {
            return Self::single(event);
        }
        buffer.clear();
        events
            .iter()
            .for_each(|event| buffer.extend_from_slice(&event.bytes));
        Self {
            events,
            bytes: buffer,
            messages: count_messages(events),
        }
    }

    /// The events from this position on.
    pub(super) fn since(self, position: u64) -> Self {
        let skip = self
            .events
            .partition_point(|event| event.position < position);
        let (before, events) = self.events.split_at(skip);
        let skipped: usize = before.iter().map(|event| event.bytes.len()).sum();
        Self {
            events,
            bytes: &self.bytes[skipped..],
            messages: self.messages - count_messages(before),
        }
    }
}

pub(super) fn count_messages(events: &[QueuedEvent]) -> usize {
    events.iter().filter(|event| event.seq.is_some()).count()
}
