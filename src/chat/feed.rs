//! The channel from the rooms to the fan-out workers: one sender, and one
//! receiver for each worker for its life.
//!
//! Everything is sent under the hub's lock, after it is in history, so that the
//! order of the channel is the order of ids, over all rooms. A slot is free when
//! every worker has read it. A worker that is more slots behind than there are
//! has [`Lagged`]: its readers go back to history.
//!
//! tokio rounds the number of slots up to a power of two. A send without a
//! receiver is no error. A `recv` future that is dropped takes its waker along,
//! so a [`Feed`] keeps the one that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::Instant;
use tokio_util::sync::ReusableBoxFuture;

use super::message::Frame;
use super::room_key::RoomKey;
use crate::protocol::RoomName;
use crate::sse;

/// An event of at most this many bytes waits in the channel, whatever else does:
/// at most one for each slot.
pub const MAX_INLINE_BYTES: usize = 8 * 1024;

/// One event on its way to the workers.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Counts what was sent: the first event has 0.
    pub position: u64,
    /// Where it happened.
    pub room: RoomKey,
    /// What happened.
    pub event: RoomEvent,
    /// When it happened.
    pub at: Instant,
}

/// What happened in a room.
#[derive(Debug, Clone)]
pub enum RoomEvent {
    /// A message.
    Update(Frame),
    /// Members joined or left: for readers that get presence.
    Presence(sse::Encoded),
    /// A large message.
    LargeUpdate(Arc<Large>),
    /// A large message that waits in history: [`Hub::entry`](super::Hub::entry).
    Marker(Box<Marker>),
    /// A presence event that is too large for the channel:
    /// [`Hub::presence_event`](super::Hub::presence_event) has one of its place.
    LargePresence(RoomName),
}

/// A large message, and its share of the bytes that such messages may have.
#[derive(Debug)]
pub struct Large {
    frame: Frame,
    bytes: usize,
    /// Bytes of all large messages in the channel.
    total: Arc<AtomicUsize>,
}

impl Large {
    /// The message.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Where in history a message is.
#[derive(Debug, Clone)]
pub struct Marker {
    /// Its room.
    pub room: RoomName,
    /// Its seq.
    pub seq: u64,
}

impl RoomEvent {
    /// Whether it is for readers that get presence.
    pub fn is_presence(&self) -> bool {
        matches!(self, Self::Presence(_) | Self::LargePresence(_))
    }

    /// A presence event, or the marker of a large one.
    pub(super) fn presence(room: &RoomName, event: sse::Encoded) -> Self {
        match event.chunk().len() <= MAX_INLINE_BYTES {
            true => Self::Presence(event),
            false => Self::LargePresence(room.clone()),
        }
    }
}

/// Events were overwritten before this receiver read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged;

/// The sending side, under the hub's lock.
#[derive(Debug)]
pub(super) struct Channel {
    sender: Sender<Envelope>,
    slots: usize,
    /// How many events were sent.
    sent: u64,
    /// Bytes of the large messages that wait. Added to under the hub's lock only,
    /// so that the bound holds.
    large: Arc<AtomicUsize>,
    /// Most of them, but for one of any size. Beyond it a marker waits, and the
    /// worker looks for the message in history.
    max_large: usize,
}

impl Channel {
    pub(super) fn new(slots: usize, max_large: usize) -> Self {
        Self {
            sender: broadcast::channel(slots).0,
            // As tokio rounds them.
            slots: slots.next_power_of_two(),
            sent: 0,
            large: Arc::default(),
            max_large,
        }
    }

    /// The position of the next event.
    pub(super) fn position(&self) -> u64 {
        self.sent
    }

    /// A receiver of what is sent from now on.
    pub(super) fn feed(&self) -> Feed {
        Feed {
            idle: Some(self.sender.subscribe()),
            waiting: ReusableBoxFuture::new(std::future::pending()),
            position: self.sent,
        }
    }

    /// A message as it is sent.
    pub(super) fn update(&self, room: &RoomName, frame: &Frame) -> RoomEvent {
        let bytes = frame.event().chunk().len();
        if bytes <= MAX_INLINE_BYTES {
            return RoomEvent::Update(frame.clone());
        }
        let waiting = self.large.load(Ordering::Relaxed);
        if waiting > 0 && waiting + bytes > self.max_large {
            return RoomEvent::Marker(Box::new(Marker {
                room: room.clone(),
                seq: frame.seq(),
            }));
        }
        self.large.fetch_add(bytes, Ordering::Relaxed);
        RoomEvent::LargeUpdate(Arc::new(Large {
            frame: frame.clone(),
            bytes,
            total: Arc::clone(&self.large),
        }))
    }

    pub(super) fn send(&mut self, room: RoomKey, event: RoomEvent, at: Instant) {
        let envelope = Envelope {
            position: self.sent,
            room,
            event,
            at,
        };
        self.sent += 1;
        // An error says that there is no worker.
        let _ = self.sender.send(envelope);
    }

    /// Whether events wait for workers in more than a quarter of the slots. What
    /// can wait does then, so that it pushes no message out.
    pub(super) fn is_crowded(&self) -> bool {
        self.sender.len() > self.slots / 4
    }
}

type Received = (Result<Envelope, RecvError>, Receiver<Envelope>);

/// The receiving side.
#[derive(Debug)]
pub struct Feed {
    /// `None` while `waiting` has it.
    idle: Option<Receiver<Envelope>>,
    /// The future that holds the waker of a worker that sleeps.
    waiting: ReusableBoxFuture<'static, Received>,
    /// The position after the last event that was read.
    position: u64,
}

impl Feed {
    /// The position after the last event that was read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next event. Pending, also once the hub is gone, while there is none.
    ///
    /// # Errors
    ///
    /// [`Lagged`] when some were overwritten before they were read. What is left
    /// comes after it.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Envelope, Lagged>> {
        let next = ready!(self.poll_receive(cx));
        if let Ok(envelope) = &next {
            self.position = envelope.position + 1;
        }
        Poll::Ready(next)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Envelope, Lagged>> {
        if let Some(mut receiver) = self.idle.take() {
            let taken = receiver.try_recv();
            if let Err(TryRecvError::Empty) = taken {
                self.waiting.set(receive(receiver));
            } else {
                self.idle = Some(receiver);
                return match taken {
                    Ok(envelope) => Poll::Ready(Ok(envelope)),
                    Err(TryRecvError::Lagged(_)) => Poll::Ready(Err(Lagged)),
                    Err(TryRecvError::Closed | TryRecvError::Empty) => Poll::Pending,
                };
            }
        }
        let (received, receiver) = ready!(self.waiting.poll(cx));
        self.idle = Some(receiver);
        match received {
            Ok(envelope) => Poll::Ready(Ok(envelope)),
            Err(RecvError::Lagged(_)) => Poll::Ready(Err(Lagged)),
            Err(RecvError::Closed) => Poll::Pending,
        }
    }
}

async fn receive(mut receiver: Receiver<Envelope>) -> Received {
    (receiver.recv().await, receiver)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::counting_waker::CountingWaker;

    fn send(channel: &mut Channel) {
        let event = sse::Event::with_capacity(0).json(&1);
        channel.send(
            RoomKey::default(),
            RoomEvent::Presence(event),
            Instant::now(),
        );
    }

    fn next(feed: &mut Feed) -> Poll<Result<u64, Lagged>> {
        let next = feed.poll_next(&mut Context::from_waker(Waker::noop()));
        next.map_ok(|envelope| envelope.position)
    }

    #[test]
    fn each_receiver_gets_every_event_once_from_when_it_was_made() {
        let mut channel = Channel::new(16, 1 << 20);
        send(&mut channel);
        let mut feeds = [channel.feed(), channel.feed()];
        (0..3).for_each(|_| send(&mut channel));
        for feed in &mut feeds {
            let positions: Vec<_> = std::iter::from_fn(|| match next(feed) {
                Poll::Ready(position) => Some(position.unwrap()),
                Poll::Pending => None,
            })
            .collect();
            assert_eq!(positions, [1, 2, 3]);
        }
        send(&mut channel);
        assert_eq!(next(&mut feeds[0]), Poll::Ready(Ok(4)));
        assert_eq!(channel.position(), 5);
    }

    #[test]
    fn a_receiver_that_lags_learns_it_once_and_gets_what_is_left() {
        let mut channel = Channel::new(4, 1 << 20);
        let mut feed = channel.feed();
        (0..6).for_each(|_| send(&mut channel));
        assert_eq!(next(&mut feed), Poll::Ready(Err(Lagged)));
        for position in 2..6 {
            assert_eq!(next(&mut feed), Poll::Ready(Ok(position)));
        }
        assert_eq!(next(&mut feed), Poll::Pending);
    }

    #[test]
    fn slots_are_a_power_of_two() {
        let mut channel = Channel::new(20, 1 << 20);
        let mut feed = channel.feed();
        (0..32).for_each(|_| send(&mut channel));
        assert_eq!(next(&mut feed), Poll::Ready(Ok(0)), "20 became 32");
    }

    #[test]
    fn a_slot_is_free_when_every_receiver_has_read_it() {
        let mut channel = Channel::new(16, 1 << 20);
        let (mut fast, mut slow) = (channel.feed(), channel.feed());
        (0..5).for_each(|_| send(&mut channel));
        assert!(channel.is_crowded());
        while next(&mut fast).is_ready() {}
        assert!(channel.is_crowded());
        while next(&mut slow).is_ready() {}
        assert!(!channel.is_crowded());
    }

    #[test]
    fn a_receiver_that_sleeps_is_woken_once() {
        let mut channel = Channel::new(16, 1 << 20);
        let mut feed = channel.feed();
        let wakes = Arc::new(CountingWaker::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        assert!(feed.poll_next(&mut cx).is_pending());
        assert!(feed.poll_next(&mut cx).is_pending());
        (0..3).for_each(|_| send(&mut channel));
        assert_eq!(wakes.count(), 1);
        assert!(feed.poll_next(&mut cx).is_ready());
    }

    #[test]
    fn a_receiver_outlives_its_hub() {
        let mut channel = Channel::new(16, 1 << 20);
        let mut feed = channel.feed();
        send(&mut channel);
        drop(channel);
        assert!(next(&mut feed).is_ready());
        assert_eq!(next(&mut feed), Poll::Pending);
    }

    /// In whatever way two threads interleave, no event and no waking is lost.
    #[test]
    fn what_another_thread_sends_arrives_or_is_reported_as_lost() {
        for slots in [1, 2, 1024] {
            let mut channel = Channel::new(slots, 1 << 20);
            let (mut feed, stop) = (channel.feed(), AtomicBool::new(false));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            let consume = async {
                let mut expected = None;
                for _ in 0..10_000 {
                    let next = std::future::poll_fn(|cx| feed.poll_next(cx));
                    match tokio::time::timeout(Duration::from_secs(60), next).await {
                        Ok(Ok(envelope)) if expected.is_some_and(|at| at != envelope.position) => {
                            return Err("a hole that was not reported");
                        }
                        Ok(Ok(envelope)) => expected = Some(envelope.position + 1),
                        Ok(Err(Lagged)) => expected = None,
                        Err(_) => return Err("a receiver that waits was not woken"),
                    }
                }
                Ok(())
            };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        send(&mut channel);
                    }
                });
                let consumed = runtime.block_on(consume);
                stop.store(true, Ordering::Relaxed);
                assert_eq!(consumed, Ok(()));
            });
        }
    }
}
