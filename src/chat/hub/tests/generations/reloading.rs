//! Rooms and requests after the end of a generation while the hub runs.

use super::ends::edit;
use super::*;
use crate::chat::MAX_INLINE_BYTES;
use crate::chat::hub::tests::channel::next_event;
use crate::chat::log::reading::{Found, FoundEntries};
use crate::chat::room_event::RoomEvent;
use crate::chat::stored_entries::StoredEntries;

#[test]
fn a_reloaded_room_has_the_state_before_the_end() {
    let mut chain = Chain::begin(limits());
    chain.change("a", "1-3", &edit("kept")).unwrap();
    let saved = chain.hub.save();
    chain.change("a", "1-3", &edit("lost")).unwrap();
    chain.change("b", "1-2", &edit("lost")).unwrap();
    let mut reader = chain.live(&["a", "b"]);
    let reloaded = vec![saved.restored(&room("a"))];
    chain.end(saved.seq(), reloaded);
    assert_eq!(chain.texts("a"), ["x", "kept"]);
    // Nothing is known of it any more.
    assert_eq!(chain.texts("b"), [""; 0]);
    chain.publish(&["a", "b"]);
    let gaps = "a:restart:3:1-6 b:restart:2:2-4";
    assert_eq!(chain.rest(&mut reader), format!("{gaps} 2-5 2-6"));
    let from_start = "1-0 1-1 b:evicted:2:1-2 1-3 1-4 2-5 2-6";
    assert_eq!(chain.stream(Some("1-0"), Backlog::All), from_start);
}

#[test]
fn a_room_that_is_not_reloaded_is_emptied_and_its_numbers_go_on() {
    for history in [1, 1000] {
        let mut chain = Chain::begin(HubLimits {
            history,
            ..limits()
        });
        let mut reader = chain.live(&["a"]);
        chain.publish(&["a", "a", "a"]);
        assert_eq!(chain.rest(&mut reader), "1-4 1-5 1-6");
        chain.end(4, Vec::new());
        assert_eq!(chain.texts("a"), [""; 0]);
        chain.publish(&["a"]);
        assert_eq!(chain.rest(&mut reader), "a:restart:4:2-4 2-5");
        let all = chain.stream(Some("1-0"), Backlog::All);
        assert_eq!(all, "1-0 1-2 a:evicted:4:1-4 2-5");
    }
}

#[test]
fn evicted_entries_are_not_reloaded() {
    let mut chain = Chain::begin(HubLimits {
        history: 2,
        ..limits()
    });
    let saved = chain.hub.save();
    // It gets the gap of room a, and would get that of room b later.
    chain.publish(&["a", "b", "a", "b"]);
    chain.lose_since(&saved);
    assert_eq!(
        chain.stream(Some("1-0"), Backlog::All),
        "1-0 b:evicted:2:1-2 a:evicted:3:1-3"
    );
    chain.publish(&["a"]);
    assert_eq!(chain.page("a", None, None), ["2-4"]);
}

#[test]
fn a_reloaded_room_is_held_to_the_limits() {
    let mut chain = Chain::begin(limits());
    let saved = chain.hub.save();
    // A node that knows nothing of the room but its lost entry.
    let generations = Generations::restore([], chain.hub.epoch()).unwrap();
    let limits = HubLimits {
        history: 1,
        ..limits()
    };
    chain.hub = Hub::with_generations(limits, generations, 3);
    chain.publish(&["a"]);
    chain.end(3, vec![saved.restored(&room("a"))]);
    assert_eq!(chain.page("a", None, None), ["1-3"]);
    assert_eq!(
        chain.stream(Some("1-0"), Backlog::All),
        "1-0 a:evicted:2:1-1 1-3"
    );
}

#[tokio::test(start_paused = true)]
async fn the_tombstone_of_a_forgotten_room_is_set_back() {
    let mut chain = Chain::begin(limits());
    let saved = chain.hub.save();
    chain.publish(&["a", "b"]);
    idle_for(&chain.hub, 61).await;
    assert_eq!(chain.hub.room_count(), 0);
    chain.end(3, vec![saved.restored(&room("a"))]);
    let mut a = chain.subscribe(&["a"], Some("1-1"), Backlog::All);
    assert_eq!(chain.rest(&mut a), "a:evicted:3:1-3");
    // Nothing is known of the numbers that were lost.
    let mut b = chain.subscribe(&["b"], Some("1-0"), Backlog::All);
    assert_eq!(chain.rest(&mut b), "b:evicted:3:1-3");
    chain.publish(&["a", "b"]);
    assert_eq!(chain.rest(&mut a), "2-4");
    assert_eq!(chain.rest(&mut b), "2-5");
}

#[test]
fn readers_members_and_bans_stay() {
    let mut chain = Chain::begin(limits());
    let saved = chain.hub.save();
    let alice = attend(&chain.hub, &["a"], Some("Alice"));
    let until = SystemTime::now() + Duration::from_secs(60);
    assert!(chain.hub.ban(&room("a"), chain.id("1-1"), until).is_ok());
    chain.publish(&["a"]);
    chain.lose_since(&saved);
    assert_eq!((members(&chain.hub, "a"), chain.hub.readers()), (1, 1));
    assert_eq!(chain.hub.bans(&room("a")).len(), 1);
    drop(alice);
    assert_eq!(chain.hub.readers(), 0);
}

#[test]
fn lost_entries_are_not_found() {
    let mut chain = Chain::begin(limits());
    let saved = chain.hub.save();
    let until = SystemTime::now() + Duration::from_secs(60);
    let again = || Draft {
        author: author(),
        ..draft("x", Some("c"))
    };
    chain.hub.publish(&room("a"), again()).unwrap();
    chain.lose_since(&saved);
    for in_place in [false, true] {
        assert_eq!(
            chain.change("a", "1-4", &edit("y")),
            Err(ChangeError::NotFound)
        );
        let banned = chain.hub.ban(&room("a"), chain.id("1-4"), until);
        assert_eq!(banned.unwrap_err(), BanError::NotFound);
        assert_eq!(
            chain.page("a", Some("1-4"), None).len(),
            usize::from(in_place)
        );
        let published = chain.hub.publish(&room("a"), again()).unwrap();
        assert_eq!(matches!(published, Published::New(_)), !in_place);
        assert_eq!(chain.text(published.entry().id()), "2-4");
    }
    assert_eq!(chain.page("a", None, None), ["1-1", "1-3", "2-4"]);
}

#[test]
fn a_marker_of_a_lost_entry_is_not_that_of_another_one() {
    let mut chain = Chain::begin(HubLimits {
        channel_large: 0,
        ..limits()
    });
    let saved = chain.hub.save();
    let _reader = chain.live(&["a"]);
    let mut feed = chain.hub.feed();
    let large = "x".repeat(2 * MAX_INLINE_BYTES);
    let first = publish_text(&chain.hub, "a", &large);
    let second = publish_text(&chain.hub, "a", &large);
    let first_event = next_event(&mut feed);
    let RoomEvent::Marker(marker) = next_event(&mut feed) else {
        panic!("the first one takes all bytes: {first_event:?}");
    };
    assert_ne!(marker.id, first.id());
    assert_eq!(marker.id, second.id());
    chain.lose_since(&saved);
    chain.publish(&["a", "a"]);
    assert!(chain.hub.entry(&room("a"), marker.id).is_none());
    assert!(chain.hub.entry(&room("a"), chain.id("2-5")).is_some());
}

#[test]
fn a_page_that_was_planned_before_the_end_is_planned_again() {
    let mut chain = Chain::begin(HubLimits {
        history: 1,
        stored_history: 9,
        stored_history_budget: 1 << 20,
        ..limits()
    });
    let query = HistoryQuery {
        after: None,
        before: None,
        limit: 9,
    };
    let plan = || chain.hub.plan_page(&room("a"), query);
    let (planned, other) = (plan(), plan());
    let ids = planned.unread.clone();
    assert_eq!(ids.len(), 1);
    let found = Found::Entry(publish_text(&Hub::new(limits()), "a", "x"));
    let read = StoredEntries::new(&ids, FoundEntries::of(vec![found]), planned.as_of);
    assert!(planned.complete(&chain.hub.lock(), &read).is_some());
    chain.publish(&["b"]);
    chain.end(3, Vec::new());
    assert!(other.complete(&chain.hub.lock(), &read).is_none());
}
