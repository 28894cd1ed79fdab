//! Which messages the channel carries, and which are read from history.

use std::task::{Context, Poll, Waker};

use super::*;
use crate::chat::{MAX_INLINE_BYTES, RoomEvent};

/// The next event of the channel.
pub(super) fn next_event(feed: &mut Feed) -> RoomEvent {
    let mut cx = Context::from_waker(Waker::noop());
    match feed.poll_next(&mut cx) {
        Poll::Ready(envelope) => envelope.unwrap().event,
        Poll::Pending => panic!("nothing was sent"),
    }
}

#[test]
fn messages_over_the_inline_limit_are_sent_as_large() {
    let hub = Hub::new(HubLimits {
        history: 1,
        ..limits()
    });
    let _reader = attend(&hub, &["a"], None);
    let mut feed = hub.feed();
    let mut next = || next_event(&mut feed);
    let bytes = |text: usize| {
        publish_text(&hub, "a", &"x".repeat(text))
            .event(crate::chat::EventForm::Raw)
            .chunk()
            .len()
    };
    // Measured at a similar size: the chunk's size then has as many digits.
    let overhead = bytes(5000) - 5000;
    assert!(matches!(next(), RoomEvent::Entry(_)));
    let text = MAX_INLINE_BYTES - overhead;
    assert_eq!(bytes(text), MAX_INLINE_BYTES);
    assert!(matches!(next(), RoomEvent::Entry(_)));
    publish_text(&hub, "a", &"x".repeat(text + 1));
    let RoomEvent::LargeEntry(_) = next() else {
        panic!("a large message");
    };
}

#[test]
fn large_messages_beyond_the_bytes_of_the_channel_are_read_from_history() {
    let hub = Hub::new(HubLimits {
        history: 2,
        history_bytes: 16 << 20,
        history_budget: 16 << 20,
        ..limits()
    });
    let _reader = attend(&hub, &["a"], None);
    let mut feed = hub.feed();
    let mut next = || next_event(&mut feed);
    let publish_large =
        |bytes: usize| match hub.publish(&room("a"), draft(&"x".repeat(bytes), None)) {
            Ok(Published::New(entry)) => entry.id(),
            other => panic!("{other:?}"),
        };
    publish_large(2 * LARGE);
    let id = publish_large(MAX_INLINE_BYTES);
    let RoomEvent::LargeEntry(first) = next() else {
        panic!("one message of any size is sent");
    };
    let RoomEvent::Marker(marker) = next() else {
        panic!("the second message exceeds the bytes of the channel");
    };
    assert_eq!((&marker.room, marker.id), (&room("a"), id));
    assert_eq!(hub.entry(&marker.room, id).unwrap().id(), id);
    drop(first);
    (0..2).for_each(|_| assert!(publish_large(LARGE / 3) > id));
    assert!(
        matches!(next(), RoomEvent::LargeEntry(_)),
        "the bytes of the first are free again"
    );
    assert!(matches!(next(), RoomEvent::LargeEntry(_)));
    assert!(
        hub.entry(&marker.room, id).is_none(),
        "history has evicted it"
    );
}
