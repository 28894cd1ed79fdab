//! A stream that goes live by itself, through an outlet of its own: for whoever
//! has a transport of its own for each reader.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Subscription;
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

/// What a stream of its own goes live by.
#[derive(Debug)]
pub(super) struct Own {
    outlet: Arc<Outlet>,
    hub: Arc<Hub>,
    rooms: Arc<[RoomName]>,
    /// Everything since then comes through the outlet.
    live: bool,
    taken: Vec<Live>,
}

impl Subscription {
    /// The next thing to tell the reader. It never ends by itself.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(delivery) = self.hand_out() {
                return Poll::Ready(delivery);
            }
            let own = self.own.get_or_insert_with(|| Own::of(&self.membership));
            if !own.live {
                let outlet = Arc::clone(&own.outlet);
                let joined = self.catch_up(&outlet).is_some();
                self.own.as_mut().expect("it is there").live = joined;
                continue;
            }
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
    fn of(membership: &Membership) -> Self {
        Self {
            outlet: Arc::new(Outlet::new(BOUNDS)),
            hub: Arc::clone(&membership.hub),
            rooms: Arc::clone(membership.rooms()),
            live: false,
            taken: Vec::new(),
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.hub.detach(&self.rooms, &self.outlet);
    }
}
