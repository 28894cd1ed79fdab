//! A stream that goes live by itself, through an outlet of its own: for whoever
//! has a transport of its own for each reader.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Progress, Subscription};
use crate::chat::delivery::{Delivery, GapReason};
use crate::chat::hub::Hub;
use crate::chat::membership::Membership;
use crate::chat::name::RoomName;
use crate::chat::outlet::{Lagged, Live, News, Outlet, OutletBounds};
use crate::chat::replay::Seat;
use crate::chat::room_key::RoomKey;

/// How far a stream of its own may be behind what is said before it is served
/// from history. It only has to cover the time until its task runs.
const BOUNDS: OutletBounds = OutletBounds {
    events: 128,
    bytes: 256 * 1024,
};

/// How many bytes one look takes: what is ready stays with the stream for as
/// long as its client takes nothing, in about 100 bytes for each message.
pub(super) const LOOK_BYTES: usize = 8 * 1024;
/// A stream that waits keeps its tables for so many deliveries at the most.
const KEPT_PLACES: usize = 8;

/// What a stream of its own goes live by.
#[derive(Debug)]
pub(super) struct Own {
    outlet: Arc<Outlet>,
    hub: Arc<Hub>,
    rooms: Arc<[RoomName]>,
    /// Everything since then comes through the outlet.
    live: bool,
    taken: Vec<Live>,
    /// Set while the budget of its replay is spent.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Subscription {
    /// The next thing to tell the reader. It never ends by itself.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(delivery) = self.hand_out() {
                return Poll::Ready(delivery);
            }
            let own = self.own.get_or_insert_with(|| Own::of(&self.membership));
            if let Some(pause) = &mut own.pause {
                ready!(pause.as_mut().poll(cx));
                own.pause = None;
            }
            if !own.live {
                self.look_for_more();
                continue;
            }
            own.taken.shrink_to(KEPT_PLACES);
            self.queue.shrink_to(KEPT_PLACES);
            match ready!(own.outlet.poll_take(cx, &mut own.taken)) {
                Ok(_) => {
                    for Live { room, news, .. } in own.taken.drain(..) {
                        enqueue(&mut self.queue, &self.seats, self.presence, room, news);
                    }
                }
                Err(Lagged) => {
                    own.live = false;
                    own.hub.counts.overran();
                    for seat in &mut self.seats {
                        seat.hole = GapReason::Lagged;
                    }
                }
            }
        }
    }

    fn look_for_more(&mut self) {
        let own = self.own.as_ref().expect("it is made before the first look");
        let outlet = Arc::clone(&own.outlet);
        let progress = self.look_on(&outlet, LOOK_BYTES, Instant::now().into_std());
        let own = self.own.as_mut().expect("it was there just now");
        match progress {
            Progress::More => {}
            Progress::Paused(until) => own.pause = Some(Box::pin(sleep_until(until.into()))),
            Progress::Live(_) => own.live = true,
        }
    }

    /// The same as a future, for those who have no context at hand.
    pub async fn next(&mut self) -> Delivery {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

fn enqueue(
    queue: &mut VecDeque<(usize, Delivery)>,
    seats: &[Seat],
    presence: bool,
    room: RoomKey,
    news: News,
) {
    let Some(seat) = seats.iter().position(|seat| seat.key == Some(room)) else {
        return;
    };
    match news {
        News::Update(frame) => queue.push_back((seat, Delivery::Update(frame))),
        News::Presence(event) if presence => queue.push_back((seat, Delivery::Presence(event))),
        News::Presence(_) => {}
    }
}

impl Own {
    pub(super) fn end_pause(&mut self) {
        self.pause = None;
    }

    fn of(membership: &Membership) -> Self {
        Self {
            outlet: Arc::new(Outlet::new(BOUNDS)),
            hub: Arc::clone(&membership.hub),
            rooms: Arc::clone(membership.rooms()),
            live: false,
            taken: Vec::new(),
            pause: None,
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.hub.detach(&self.rooms, &self.outlet);
    }
}
