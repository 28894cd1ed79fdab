//! Ids, numbers, retries, and the totals.

use super::*;

#[test]
fn ids_are_one_sequence_for_all_rooms_and_numbers_one_per_room() {
    let hub = Hub::new(limits());
    let published = [
        publish_text(&hub, "a", "x"),
        publish_text(&hub, "b", "x"),
        publish_text(&hub, "a", "x"),
    ];
    assert_eq!(
        published.map(|entry| (entry.seq(), entry.number())),
        [(1, Some(1)), (2, Some(1)), (3, Some(2))]
    );
}

#[test]
fn a_retry_with_the_same_client_id_in_the_same_room_is_deduplicated() {
    let hub = Hub::new(HubLimits {
        history: 1,
        ..limits()
    });
    let publish = |name, text| hub.publish(&room(name), draft(text, Some("c"))).unwrap();
    assert!(matches!(publish("a", "first"), Published::New(_)));
    let Published::Duplicate(first) = publish("a", "first") else {
        panic!("not deduplicated")
    };
    assert_eq!((first.seq(), first.number()), (1, Some(1)));
    assert!(matches!(publish("b", "other room"), Published::New(_)));
    publish_text(&hub, "a", "evicts the first");
    assert!(matches!(publish("a", "again"), Published::New(_)));
}

#[test]
fn a_different_request_with_a_client_id_of_history_is_refused_without_effect() {
    let hub = Hub::new(limits());
    let publish = |name, text| hub.publish(&room("a"), draft_of(name, text, Some("1")));
    assert!(matches!(publish("Alice", "hi"), Ok(Published::New(_))));
    let before = hub.totals();
    for (name, text) in [("Alice", "ho"), ("Bob", "hi"), ("Bob", "ho")] {
        let refused = publish(name, text);
        assert!(
            matches!(refused, Err(PublishError::ClientIdReused)),
            "{name} {text}: {refused:?}"
        );
    }
    assert_eq!(hub.totals(), before);
    assert!(matches!(
        publish("Alice", "hi"),
        Ok(Published::Duplicate(_))
    ));
}

#[tokio::test]
async fn totals_count_messages_replay_and_gaps() {
    let hub = Hub::new(HubLimits {
        history: 2,
        ..limits()
    });
    publish_text(&hub, "a", "é");
    let mut early = reader(&hub, "a", Some(Cursor::parse(b"no cursor of this server")));
    for text in ["two", "three"] {
        publish_text(&hub, "a", text);
    }
    let mut deliveries = Vec::new();
    while deliveries.len() < 4 {
        deliveries.push(early.next().await);
    }
    // The gap of its unknown cursor, then the gap of the evicted message.
    let gaps = |deliveries: &[TestDelivery]| {
        let is_gap = |delivery: &&TestDelivery| matches!(delivery, TestDelivery::Gap(_));
        deliveries.iter().filter(is_gap).count()
    };
    assert_eq!(gaps(&deliveries), 2, "{deliveries:?}");
    publish_text(&hub, "a", "live");
    early.next().await;
    let totals = hub.totals();
    assert_eq!(
        totals,
        crate::chat::Totals {
            rooms: 1,
            members: 0,
            readers: 1,
            history_entries: 2,
            history_bytes: totals.history_bytes,
            messages: 4,
            message_bytes: 2 + 3 + 5 + 4,
            events: 0,
            event_bytes: 0,
            changes: 0,
            presence_bytes: 0,
            resumes: 1,
            replayed: 2,
            replayed_bytes: totals.replayed_bytes,
            replays_waiting: 0,
            gaps: [1, 0, 1, 0],
            sent_events: 3,
            queued_bytes: 0,
            older_entries: 0,
            older_bytes: 0,
        }
    );
    assert!(totals.history_bytes > 0);
    assert!((200..400).contains(&totals.replayed_bytes), "{totals:?}");
}
