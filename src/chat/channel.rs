//! The channel from the rooms to the fan-out workers: one sender, and one
//! receiver ([`Feed`]) for each worker.
//!
//! Events are sent under the hub's lock, after history has them, so the order of
//! the channel is the order of ids over all rooms. A slot is free when every
//! worker has read it. A worker that is further behind than the number of slots
//! has [`Lagged`](super::Lagged); its readers go back to history.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast::{self, Sender};
use tokio::time::Instant;

use super::entry::Entry;
use super::feed::Feed;
use super::room_event::{Envelope, HistoryMarker, LargeEntry, MAX_INLINE_BYTES, RoomEvent};
use super::room_key::RoomKey;
use crate::protocol::RoomName;

/// The sending side, under the hub's lock.
#[derive(Debug)]
pub(super) struct Channel {
    sender: Sender<Envelope>,
    slots: usize,
    /// The number of events sent.
    sent: u64,
    /// Bytes of the large messages in the channel. Added to under the hub's lock
    /// only, so that the bound holds.
    large_bytes: Arc<AtomicUsize>,
    /// Most large bytes in the channel, except that one message of any size is
    /// always accepted. Beyond it a marker is sent, and workers read the message
    /// from history.
    max_large_bytes: usize,
}

impl Channel {
    pub(super) fn new(slots: usize, max_large_bytes: usize) -> Self {
        Self {
            sender: broadcast::channel(slots).0,
            // As tokio rounds them.
            slots: slots.next_power_of_two(),
            sent: 0,
            large_bytes: Arc::default(),
            max_large_bytes,
        }
    }

    /// The position of the next event.
    pub(super) fn position(&self) -> u64 {
        self.sent
    }

    /// A receiver of the events that are sent from now on.
    pub(super) fn feed(&self) -> Feed {
        Feed::new(self.sender.subscribe(), self.sent)
    }

    /// The event that is sent for an entry.
    pub(super) fn update(&self, room: &RoomName, entry: &Entry) -> RoomEvent {
        let bytes = entry.content_bytes();
        if bytes <= MAX_INLINE_BYTES {
            return RoomEvent::Entry(entry.clone());
        }
        let in_channel = self.large_bytes.load(Ordering::Relaxed);
        if in_channel > 0 && in_channel + bytes > self.max_large_bytes {
            return RoomEvent::Marker(Box::new(HistoryMarker {
                room: room.clone(),
                id: entry.id(),
            }));
        }
        let large = LargeEntry::new(entry.clone(), &self.large_bytes);
        RoomEvent::LargeEntry(Arc::new(large))
    }

    /// Sends an event of all rooms.
    pub(super) fn send_to_all(&mut self, event: RoomEvent, at: Instant) {
        debug_assert!(event.is_of_all_rooms());
        self.send(RoomKey::default(), event, at);
    }

    pub(super) fn send(&mut self, room: RoomKey, event: RoomEvent, at: Instant) {
        let envelope = Envelope {
            position: self.sent,
            room,
            event,
            at,
        };
        self.sent += 1;
        // The only error is that there is no receiver.
        let _ = self.sender.send(envelope);
    }

    /// Whether more than a quarter of the slots are in use. Presence events then
    /// wait, so that they overwrite no message.
    pub(super) fn is_crowded(&self) -> bool {
        self.sender.len() > self.slots / 4
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;
    use crate::chat::entry::Provenance;
    use crate::chat::{Lagged, Place};
    use crate::counting_waker::CountingWaker;
    use crate::protocol::PublishedEvent;
    use crate::sse;

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

    /// An event of a program with a payload of `count` NULs. Each is six bytes of
    /// JSON.
    fn nuls(count: usize) -> Entry {
        let event = PublishedEvent {
            id: "e-1".parse().unwrap(),
            room: "a".into(),
            event: "tick".into(),
            data: "\0".repeat(count).into(),
            created_at: "2026-11-28T01:02:03.004Z".into(),
        };
        Entry::event_of_program(&event, Place::FIRST, Provenance::default())
    }

    #[test]
    fn both_forms_of_an_event_count_as_large() {
        let channel = Channel::new(16, 50_000);
        let room = RoomName::parse("a").unwrap();
        let sent = |count| channel.update(&room, &nuls(count));
        assert!(matches!(sent(1000), RoomEvent::Entry(_)));
        let first = sent(4096);
        assert!(matches!(first, RoomEvent::LargeEntry(_)));
        assert!(
            matches!(sent(4096), RoomEvent::Marker(_)),
            "28 KiB are in it"
        );
        drop(first);
        assert!(matches!(sent(4096), RoomEvent::LargeEntry(_)));
    }

    #[test]
    fn each_receiver_gets_every_event_since_its_creation_once() {
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
    fn a_lagging_receiver_gets_one_error_and_then_the_events_that_are_left() {
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
    fn the_number_of_slots_is_rounded_up_to_a_power_of_two() {
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
    fn a_sleeping_receiver_is_woken_once() {
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
    fn a_receiver_can_outlive_its_hub() {
        let mut channel = Channel::new(16, 1 << 20);
        let mut feed = channel.feed();
        send(&mut channel);
        drop(channel);
        assert!(next(&mut feed).is_ready());
        assert_eq!(next(&mut feed), Poll::Pending);
    }

    /// However two threads interleave, no event and no wakeup is lost.
    #[test]
    fn events_of_another_thread_arrive_or_are_reported_as_lost() {
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
                            return Err("events are missing that were not reported as lost");
                        }
                        Ok(Ok(envelope)) => expected = Some(envelope.position + 1),
                        Ok(Err(Lagged)) => expected = None,
                        Err(_) => return Err("a waiting receiver was not woken"),
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
