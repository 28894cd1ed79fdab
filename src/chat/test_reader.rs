//! For tests: a reader of the hub without a transport. It does for one reader what
//! a fan-out worker does for many.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use super::delivery::{Delivery, Gap};
use super::entry::Entry;
use super::feed::{Feed, Lagged};
use super::hub::Hub;
use super::presence::Snapshot;
use super::room_event::{Envelope, RoomEvent};
use super::subscribe_options::EventForm;
use super::subscription::{LiveFrom, Progress, Subscription};
use crate::sse;

/// A subscription and, once it is live, the channel.
#[derive(Debug)]
pub(super) struct TestReader {
    hub: Arc<Hub>,
    feed: Feed,
    /// `None` only within `restart_replay`.
    subscription: Option<Subscription>,
    live: Option<LiveFrom>,
    /// Whether it was sent `stale` last.
    knows_stale: bool,
}

/// An event that a test reader received, from history or live.
#[derive(Debug)]
pub(super) enum TestDelivery {
    Entry(Entry),
    Gap(Gap),
    Members(Snapshot),
    /// A live presence event.
    Presence(sse::Encoded),
    Staleness(sse::Encoded),
}

impl TestDelivery {
    /// The event, ready for the wire.
    pub(super) fn event(&self) -> sse::Encoded {
        match self {
            Self::Entry(entry) => entry.event(EventForm::Raw).clone(),
            Self::Gap(gap) => gap.encode(),
            Self::Members(snapshot) => snapshot.event.clone(),
            Self::Presence(event) | Self::Staleness(event) => event.clone(),
        }
    }
}

impl From<Delivery> for TestDelivery {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Entry(entry) => Self::Entry(entry),
            Delivery::Gap(gap, _) => Self::Gap(gap),
            Delivery::Members(snapshot) => Self::Members(snapshot),
            Delivery::Stale(_) | Delivery::Fresh => Self::Staleness(delivery.event(EventForm::Raw)),
            Delivery::Expiring(_) => unreachable!("these readers have no tokens"),
        }
    }
}

impl TestReader {
    pub(super) fn of(hub: &Arc<Hub>, subscription: Subscription) -> Self {
        Self {
            hub: Arc::clone(hub),
            feed: hub.feed(),
            subscription: Some(subscription),
            live: None,
            knows_stale: false,
        }
    }

    pub(super) fn subscription(&mut self) -> &mut Subscription {
        self.subscription.as_mut().expect("a subscription")
    }

    /// The next event, if there is one now.
    pub(super) fn now(&mut self) -> Option<TestDelivery> {
        match self.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(delivery) => Some(delivery),
            Poll::Pending => None,
        }
    }

    pub(super) async fn next(&mut self) -> TestDelivery {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<TestDelivery> {
        loop {
            if let Some(delivery) = self.subscription().pop_ready() {
                self.knows_stale = self.subscription().knows_stale();
                return Poll::Ready(delivery.into());
            }
            let Some(live) = &mut self.live else {
                match self.subscription().catch_up(Instant::now()) {
                    Progress::Live(live) => self.live = Some(live),
                    Progress::More => {}
                    Progress::Paused(_) => {
                        // The store is being read.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Progress::Closed(_) => return Poll::Pending,
                }
                continue;
            };
            match ready!(self.feed.poll_next(cx)) {
                Ok(Envelope {
                    position,
                    event: RoomEvent::GenerationEnded { end },
                    ..
                }) => self.set_back(position, end),
                Ok(Envelope {
                    position,
                    event: RoomEvent::Staleness(staleness),
                    ..
                }) if live.position <= position => {
                    self.knows_stale = staleness.is_stale();
                    return Poll::Ready(Delivery::from(staleness).into());
                }
                Ok(envelope) => {
                    let subscription = self.subscription.as_ref();
                    let presence = subscription.is_some_and(|own| own.format().presence);
                    if let Some(delivery) = deliver(&self.hub, envelope, live, presence) {
                        return Poll::Ready(delivery);
                    }
                }
                Err(Lagged) => self.restart_replay(),
            }
        }
    }

    fn set_back(&mut self, position: u64, end: u64) {
        let Some(live) = self.live.as_mut().filter(|live| live.position <= position) else {
            return;
        };
        match live.cursor > end {
            true => self.restart_replay(),
            false => live.position = position + 1,
        }
    }

    fn restart_replay(&mut self) {
        let (subscription, live) = (self.subscription.take(), self.live.take());
        let (subscription, live) = subscription.zip(live).expect("the reader was live");
        let format = subscription.format();
        let membership = subscription.into_membership();
        let (cursor, position) = (live.cursor, live.position);
        let resumed = Subscription::resume(membership, format, cursor, position, self.knows_stale);
        self.subscription = Some(resumed);
    }
}

/// `None` if the event is not for the reader.
fn deliver(
    hub: &Hub,
    envelope: Envelope,
    live: &mut LiveFrom,
    presence: bool,
) -> Option<TestDelivery> {
    if envelope.position < live.position || !live.rooms.contains(&envelope.room) {
        return None;
    }
    let presence = |event| presence.then_some(TestDelivery::Presence(event));
    let entry = match envelope.event {
        RoomEvent::Presence(event) => return presence(event),
        RoomEvent::LargePresence(room) => return hub.presence_event(&room).and_then(presence),
        RoomEvent::Banned
        | RoomEvent::Reloaded
        | RoomEvent::GenerationEnded { .. }
        | RoomEvent::Staleness(_) => {
            return None;
        }
        RoomEvent::Entry(entry) => entry,
        RoomEvent::LargeEntry(large) => large.entry().clone(),
        RoomEvent::Marker(marker) => hub
            .entry(&marker.room, marker.id)
            .expect("history holds it in these tests"),
    };
    live.cursor = entry.seq();
    Some(TestDelivery::Entry(entry))
}
