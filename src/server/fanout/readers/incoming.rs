//! What a worker receives: events of the channel, each with its bytes.

use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use crate::chat::{Envelope, Feed, Frame, Hub, Lagged, RoomEvent, RoomKey};
use crate::sse;

/// An event for the readers of a room.
#[derive(Debug)]
pub(in super::super) struct Received {
    /// Its place in the channel.
    pub(in super::super) position: u64,
    pub(in super::super) room: RoomKey,
    pub(in super::super) event: sse::Encoded,
    /// Of a message.
    pub(in super::super) seq: Option<u64>,
    /// When it happened.
    pub(in super::super) at: Instant,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Event(Received),
    /// An event that no live reader here takes.
    NotForUs,
    /// History has lost a large event of this room before it was read.
    Lost(RoomKey),
    /// The channel was overwritten before it was read.
    Lagged,
}

/// The worker's receiver.
#[derive(Debug)]
pub(super) struct Incoming {
    feed: Feed,
    /// Received, with no place left in its turn.
    held: Option<Received>,
}

impl Incoming {
    pub(super) fn new(hub: &Hub) -> Self {
        Self {
            feed: hub.feed(),
            held: None,
        }
    }

    /// The next event. `takes` says whether a live reader here takes messages of a
    /// room, or presence.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        hub: &Hub,
        takes: impl FnOnce(RoomKey, bool) -> bool,
    ) -> Poll<Next> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(Next::Event(held));
        }
        Poll::Ready(match ready!(self.feed.poll_next(cx)) {
            Ok(envelope) if takes(envelope.room, envelope.event.is_presence()) => {
                look_up(envelope, hub)
            }
            Ok(_) => Next::NotForUs,
            Err(Lagged) => Next::Lagged,
        })
    }

    /// Gives an event back, as the next one.
    pub(super) fn hold(&mut self, event: Received) {
        self.held = Some(event);
    }

    /// How many events were read, counted as their positions are.
    pub(super) fn position(&self) -> u64 {
        self.feed.position() - u64::from(self.held.is_some())
    }
}

/// The event with its bytes, also if only its marker was in the channel.
fn look_up(envelope: Envelope, hub: &Hub) -> Next {
    let Envelope {
        position,
        room,
        event,
        at,
    } = envelope;
    let of_frame = |frame: &Frame| (frame.event().clone(), Some(frame.seq()));
    let found = match event {
        RoomEvent::Update(frame) => Some(of_frame(&frame)),
        RoomEvent::LargeUpdate(large) => Some(of_frame(large.frame())),
        RoomEvent::Presence(event) => Some((event, None)),
        RoomEvent::Marker(marker) => hub.entry(&marker.room, marker.seq).as_ref().map(of_frame),
        RoomEvent::LargePresence(room) => hub.presence_event(&room).map(|event| (event, None)),
    };
    match found {
        Some((event, seq)) => Next::Event(Received {
            position,
            room,
            event,
            seq,
            at,
        }),
        None => Next::Lost(room),
    }
}
