//! For tests: a reader of the hub without a transport. It does what a fan-out
//! worker does for each of its readers, for one.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use super::delivery::Delivery;
use super::feed::{Envelope, Feed, Lagged, RoomEvent};
use super::hub::Hub;
use super::subscription::{LiveFrom, Progress, Subscription};

/// A subscription that is followed into the channel.
#[derive(Debug)]
pub(super) struct TestReader {
    hub: Arc<Hub>,
    feed: Feed,
    /// `None` only while it is taken apart.
    subscription: Option<Subscription>,
    live: Option<LiveFrom>,
}

impl TestReader {
    pub(super) fn of(hub: &Arc<Hub>, subscription: Subscription) -> Self {
        Self {
            hub: Arc::clone(hub),
            feed: hub.feed(),
            subscription: Some(subscription),
            live: None,
        }
    }

    pub(super) fn subscription(&mut self) -> &mut Subscription {
        self.subscription.as_mut().expect("it is there")
    }

    /// What comes next, if it is there.
    pub(super) fn now(&mut self) -> Option<Delivery> {
        match self.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(delivery) => Some(delivery),
            Poll::Pending => None,
        }
    }

    pub(super) async fn next(&mut self) -> Delivery {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(delivery) = self.subscription().hand_out() {
                return Poll::Ready(delivery);
            }
            let Some(live) = &mut self.live else {
                match self.subscription().catch_up(Instant::now()) {
                    Progress::Live(live) => self.live = Some(live),
                    Progress::More => {}
                    Progress::Paused(_) => return Poll::Pending,
                }
                continue;
            };
            match ready!(self.feed.poll_next(cx)) {
                Ok(envelope) => {
                    let presence = self
                        .subscription
                        .as_ref()
                        .is_some_and(Subscription::wants_presence);
                    if let Some(delivery) = of_envelope(&self.hub, envelope, live, presence) {
                        return Poll::Ready(delivery);
                    }
                }
                Err(Lagged) => self.go_back(),
            }
        }
    }

    fn go_back(&mut self) {
        let (subscription, live) = (self.subscription.take(), self.live.take());
        let (subscription, live) = subscription.zip(live).expect("it was live");
        let presence = subscription.wants_presence();
        let membership = subscription.into_membership();
        self.subscription = Some(Subscription::resume(membership, presence, live.cursor));
    }
}

fn of_envelope(
    hub: &Hub,
    envelope: Envelope,
    live: &mut LiveFrom,
    presence: bool,
) -> Option<Delivery> {
    if envelope.position < live.position || !live.rooms.contains(&envelope.room) {
        return None;
    }
    let presence = |event| presence.then_some(Delivery::Presence(event));
    let frame = match envelope.event {
        RoomEvent::Presence(event) => return presence(event),
        RoomEvent::LargePresence(room) => return hub.presence_event(&room).and_then(presence),
        RoomEvent::Update(frame) => frame,
        RoomEvent::LargeUpdate(large) => large.frame().clone(),
        RoomEvent::Marker(marker) => hub
            .entry(&marker.room, marker.seq)
            .expect("history has it in these tests"),
    };
    live.cursor = frame.seq();
    Some(Delivery::Update(frame))
}
