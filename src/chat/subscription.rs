//! One reader's stream: a cursor that replays from history, goes live, and goes
//! back to replaying when it lags. A slow reader, a returning one and a new one
//! are the same case in the same code.
//!
//! It does not know its transport: whoever drives it polls it when there is
//! room for more, and drops it at the end, however the end comes.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::coop::unconstrained;
use tokio_stream::Stream as _;
use tokio_stream::wrappers::BroadcastStream;

use super::delivery::{Delivery, GapReason, Hello};
use super::hub::Hub;
use super::message::Frame;
use super::name::UserName;
use super::replay::{Seat, look};
use super::room::Live;
use super::rooms::{Rooms, TooManyRooms};
use super::start::{Start, Subscribe, hello_room};

/// How much a stream of several rooms may hold back, waiting for its order,
/// before it counts as lagging.
const MAX_HELD_BYTES: usize = 256 * 1024;

/// One reader's stream. Dropping it leaves its rooms.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    seats: Vec<Seat>,
    name: Option<UserName>,
    presence: bool,
    hello: Option<Hello>,
    /// What is ready to be handed out.
    queue: VecDeque<Delivery>,
    /// The seq of the last thing put into `queue`: of its rooms' messages, all
    /// up to here were handed out, are in `queue`, or were announced as lost.
    cursor: u64,
    /// One receiver a seat, in the same order; empty while replaying.
    live: Vec<BroadcastStream<Live>>,
    /// Messages received ahead of their turn: with their seats, any order.
    held: Vec<(usize, Frame)>,
}

/// A receiver has lost something: back to history.
struct Lagged;

impl Hub {
    /// Begins a stream.
    ///
    /// # Errors
    ///
    /// [`TooManyRooms`] when one of its rooms would be one too many; it then
    /// has entered none.
    pub fn subscribe(self: &Arc<Self>, wish: Subscribe) -> Result<Subscription, TooManyRooms> {
        Subscription::begin(Arc::clone(self), wish)
    }
}

impl Subscription {
    fn begin(hub: Arc<Hub>, wish: Subscribe) -> Result<Self, TooManyRooms> {
        let (start, rooms) = {
            let rooms = &mut *hub.lock();
            hub.enter(rooms, wish.rooms.as_slice(), wish.name.as_ref())?;
            let told = wish
                .rooms
                .as_slice()
                .iter()
                .filter_map(|room| hello_room(rooms, room));
            (Start::of(rooms, &wish), told.collect())
        };
        // Not under the lock: what drops a subscription takes it. What is said
        // from here on is found in history by the first poll.
        Ok(Self {
            hub,
            seats: start.seats,
            name: wish.name,
            presence: wish.presence,
            hello: Some(Hello {
                cursor: start.hello,
                rooms,
            }),
            queue: start.gaps,
            cursor: start.cursor,
            live: Vec::new(),
            held: Vec::new(),
        })
    }

    /// The first thing to tell the reader: there once, then gone.
    pub fn take_hello(&mut self) -> Option<Hello> {
        self.hello.take()
    }

    /// The next thing to tell the reader. It never ends by itself.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(delivery) = self.queue.pop_front() {
                return Poll::Ready(delivery);
            }
            if self.live.is_empty() {
                let hub = Arc::clone(&self.hub);
                self.replay(&mut hub.lock());
            } else if let Err(Lagged) = ready!(self.poll_live(cx)) {
                self.live.clear();
                self.held.clear();
            }
        }
    }

    /// The same as a future, for those who have no context at hand.
    pub async fn next(&mut self) -> Delivery {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Looks into history; goes live, under the same lock, if that was all.
    fn replay(&mut self, rooms: &mut Rooms) {
        let found = look(rooms, &mut self.seats, self.cursor);
        self.queue.extend(found.deliveries);
        self.cursor = found.cursor;
        if !found.all {
            return;
        }
        for seat in &mut self.seats {
            let room = rooms
                .get_mut(&seat.room)
                .expect("a room with a reader is kept");
            seat.hole = GapReason::Lagged;
            self.live.push(BroadcastStream::new(room.go_live()));
            if self.presence {
                self.queue
                    .push_back(Delivery::Presence(room.presence.snapshot(&seat.room)));
            }
        }
    }

    fn poll_live(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lagged>> {
        match self.live.len() {
            1 => self.poll_one_room(cx),
            _ => self.poll_many_rooms(cx),
        }
    }

    /// One room: its channel has the order already.
    fn poll_one_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lagged>> {
        match ready!(self.poll_seat(0, cx)) {
            Ok(Live::Update(frame)) => self.enqueue(0, frame),
            Ok(Live::Presence(text)) => self.enqueue_presence(text),
            Err(Lagged) => return Poll::Ready(Err(Lagged)),
        }
        Poll::Ready(Ok(()))
    }

    /// Many rooms: receive all that is there, hand out in id order what can't
    /// be preceded any more by something still to come. That is all up to the
    /// seq that was published before the receiving began.
    fn poll_many_rooms(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lagged>> {
        let complete_through = self.hub.published();
        // tokio's budget would make a channel look empty that is not, and so
        // break the order; what is received here is bounded by the channels.
        let receive = std::future::poll_fn(|cx| Poll::Ready(self.receive_all(cx)));
        let Poll::Ready(received) = Future::poll(pin!(unconstrained(receive)), cx) else {
            unreachable!("it is always ready, and its budget is not limited");
        };
        if received.is_err() {
            return Poll::Ready(Err(Lagged));
        }
        self.held.sort_unstable_by_key(|(_, frame)| frame.seq());
        let ready = self
            .held
            .partition_point(|(_, frame)| frame.seq() <= complete_through);
        for (seat, frame) in self.held.drain(..ready).collect::<Vec<_>>() {
            self.enqueue(seat, frame);
        }
        if self.queue.is_empty() {
            if !self.held.is_empty() {
                // A publisher is between its channel and `published`: any moment now.
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn receive_all(&mut self, cx: &mut Context<'_>) -> Result<(), Lagged> {
        let mut bytes: usize = self.held.iter().map(|(_, frame)| frame.text().len()).sum();
        for seat in 0..self.live.len() {
            while let Poll::Ready(live) = self.poll_seat(seat, cx) {
                match live? {
                    Live::Update(frame) => {
                        bytes += frame.text().len();
                        self.held.push((seat, frame));
                    }
                    Live::Presence(text) => self.enqueue_presence(text),
                }
                if bytes > MAX_HELD_BYTES && self.held.len() > 1 {
                    return Err(Lagged);
                }
            }
        }
        Ok(())
    }

    fn poll_seat(&mut self, seat: usize, cx: &mut Context<'_>) -> Poll<Result<Live, Lagged>> {
        match ready!(pin!(&mut self.live[seat]).poll_next(cx)) {
            Some(Ok(live)) => Poll::Ready(Ok(live)),
            // The channel can't end while this reader holds its room, but if it
            // did, history would be the place to look.
            Some(Err(_)) | None => Poll::Ready(Err(Lagged)),
        }
    }

    fn enqueue(&mut self, seat: usize, frame: Frame) {
        let seat = &mut self.seats[seat];
        debug_assert!(frame.seq() > self.cursor, "ids strictly increase");
        debug_assert!(
            seat.next.is_none_or(|next| next == frame.number()),
            "numbers have no silent hole"
        );
        seat.next = Some(frame.number() + 1);
        self.cursor = frame.seq();
        self.queue.push_back(Delivery::Update(frame));
    }

    fn enqueue_presence(&mut self, text: Bytes) {
        if self.presence {
            self.queue.push_back(Delivery::Presence(text));
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Receivers first: dropping them takes their channels' locks, and the
        // hub's must not be held for that.
        self.live.clear();
        self.hub
            .leave(self.seats.iter().map(|seat| &seat.room), self.name.as_ref());
    }
}

#[cfg(test)]
mod tests;
