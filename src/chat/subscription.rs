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
use serde::Serialize;
use tokio::task::coop::unconstrained;
use tokio_stream::Stream as _;
use tokio_stream::wrappers::BroadcastStream;

use super::event_id::{Cursor, EventId};
use super::hub::{Hub, State, TooManyRooms};
use super::message::Frame;
use super::name::{RoomName, UserName};
use super::replay::{Seat, look};
use super::room::Live;
use crate::sse;

/// How much a stream of several rooms may hold back, waiting for its order,
/// before it counts as lagging.
const MAX_HELD_BYTES: usize = 256 * 1024;

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct Subscribe {
    /// Its rooms, each once.
    pub rooms: Vec<RoomName>,
    /// Where it was, if it was here before.
    pub cursor: Option<Cursor>,
    /// What it gets of the past if it was not.
    pub backlog: Backlog,
    /// The name under which it is a member of its rooms.
    pub name: Option<UserName>,
    /// Whether it is told who comes and leaves.
    pub presence: bool,
}

/// How many past messages of each room a new reader gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// At most this many.
    Last(usize),
    /// All that history holds.
    All,
}

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

/// One thing that a reader is told after that.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A message.
    Update(Frame),
    /// A hole.
    Gap(Gap),
    /// Who is here, or who came and left: a `presence` event.
    Presence(Bytes),
}

impl Delivery {
    /// The event as it goes over the wire.
    pub fn into_text(self) -> Bytes {
        match self {
            Self::Update(frame) => frame.text().clone(),
            Self::Gap(gap) => sse::Event::with_capacity(192)
                .event("gap")
                .id(gap.cursor)
                .json(&gap),
            Self::Presence(text) => text,
        }
    }

    /// About how many bytes that is.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Update(frame) => frame.text().len(),
            Self::Gap(gap) => gap.room.as_str().len() + 128,
            Self::Presence(text) => text.len(),
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

impl Subscription {
    pub(super) fn begin(hub: Arc<Hub>, wish: Subscribe) -> Result<Self, TooManyRooms> {
        debug_assert!(!wish.rooms.is_empty(), "a stream has a room");
        let (start, rooms) = {
            let state = &mut *hub.lock();
            hub.enter(state, &wish)?;
            let rooms = wish
                .rooms
                .iter()
                .filter_map(|room| hello_room(&hub, state, room));
            (Start::of(&hub, state, &wish), rooms.collect())
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
    fn replay(&mut self, state: &mut State) {
        let found = look(&state.rooms, self.hub.epoch(), &mut self.seats, self.cursor);
        self.queue.extend(found.deliveries);
        self.cursor = found.cursor;
        if !found.all {
            return;
        }
        for seat in &mut self.seats {
            let room = state
                .rooms
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
            return Poll::Pending;
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
        if self.queue.is_empty() && self.held.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn receive_all(&mut self, cx: &mut Context<'_>) -> Result<(), Lagged> {
        let mut bytes = 0;
        for seat in 0..self.live.len() {
            while let Poll::Ready(live) = self.poll_seat(seat, cx) {
                match live? {
                    Live::Update(frame) => {
                        bytes += frame.text().len();
                        self.held.push((seat, frame));
                    }
                    Live::Presence(text) => self.enqueue_presence(text),
                }
                if bytes > MAX_HELD_BYTES {
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

/// Where a stream goes on from.
struct Start {
    seats: Vec<Seat>,
    hello: Cursor,
    cursor: u64,
    /// Gaps that have no place in this epoch's order, so they come first.
    gaps: VecDeque<Delivery>,
}

impl Start {
    fn of(hub: &Hub, state: &State, wish: &Subscribe) -> Self {
        match wish.cursor {
            None => Self::new_reader(hub, state, wish),
            Some(Cursor::Id(id)) if id.epoch != hub.epoch() => {
                Self::stranger(hub, state, wish, GapReason::Restart, Cursor::Id(id))
            }
            Some(Cursor::Id(id)) if id.seq <= state.seq => Self::returning(state, wish, id),
            Some(_) => Self::stranger(hub, state, wish, GapReason::Unknown, Cursor::Unknown),
        }
    }

    fn new_reader(hub: &Hub, state: &State, wish: &Subscribe) -> Self {
        let seats = seats(state, wish, |history| {
            let first = match wish.backlog {
                Backlog::All => history.oldest(),
                Backlog::Last(most) => history.last(most).next(),
            };
            first.map_or(state.seq, |frame| frame.seq() - 1)
        });
        let cursor = lowest(&seats);
        Self {
            seats,
            hello: Cursor::Id(hub.id(cursor)),
            cursor,
            gaps: VecDeque::new(),
        }
    }

    fn returning(state: &State, wish: &Subscribe, id: EventId) -> Self {
        let mut seats = seats(state, wish, |_| id.seq);
        let alone = seats.len() == 1;
        for seat in &mut seats {
            seat.skip_through = 0;
            // A reader of several rooms may have been cut off between messages
            // of one and the gap of another, whose messages it then lost before
            // its cursor too. A count from the cursor would be too low.
            let history = &state.rooms[&seat.room].history;
            let counts = alone || id.seq >= history.evicted_through() || seat.next == Some(1);
            seat.next = seat.next.filter(|_| counts);
        }
        Self {
            seats,
            hello: Cursor::Id(id),
            cursor: id.seq,
            gaps: VecDeque::new(),
        }
    }

    /// The reader was somewhere else: a gap for each room, then all there is.
    ///
    /// The stream's cursor stays foreign until the last of the gaps, so that a
    /// reader cut off before it is told of all of them again.
    fn stranger(
        hub: &Hub,
        state: &State,
        wish: &Subscribe,
        reason: GapReason,
        foreign: Cursor,
    ) -> Self {
        let seats = seats(state, wish, super::history::History::evicted_through);
        let cursor = lowest(&seats);
        let last = seats.len() - 1;
        let gap = |(index, seat): (usize, &Seat)| {
            Delivery::Gap(Gap {
                room: seat.room.clone(),
                reason,
                lost: None,
                next: seat.next.unwrap_or(1),
                cursor: if index == last {
                    Cursor::Id(hub.id(cursor))
                } else {
                    foreign
                },
            })
        };
        let gaps = seats.iter().enumerate().map(gap).collect();
        Self {
            seats,
            hello: foreign,
            cursor,
            gaps,
        }
    }
}

/// A seat for each room, from the seq that `start` gives for its history.
fn seats(
    state: &State,
    wish: &Subscribe,
    start: impl Fn(&super::history::History) -> u64,
) -> Vec<Seat> {
    let seat = |room: &RoomName| {
        let history = &state.rooms.get(room)?.history;
        let skip_through = start(history);
        let next = history.number_after(skip_through);
        Some(Seat {
            room: room.clone(),
            skip_through,
            next,
            hole: GapReason::Evicted,
        })
    };
    wish.rooms.iter().filter_map(seat).collect()
}

fn lowest(seats: &[Seat]) -> u64 {
    seats
        .iter()
        .map(|seat| seat.skip_through)
        .min()
        .unwrap_or(0)
}

fn hello_room(hub: &Hub, state: &State, room: &RoomName) -> Option<HelloRoom> {
    let room = state.rooms.get(room)?;
    Some(HelloRoom {
        room: room.name.clone(),
        members: room.presence.count(),
        oldest: room.history.oldest().map(|frame| hub.id(frame.seq())),
        newest: room.history.newest().map(|frame| hub.id(frame.seq())),
        next: room.history.next_number(),
    })
}

#[cfg(test)]
mod tests;
