//! Which rooms are forgotten, when, and how returning readers notice.

use super::*;
use crate::chat::Gap;
use crate::chat::history_size::HistorySize;

#[tokio::test(start_paused = true)]
async fn an_idle_room_is_forgotten_and_a_returning_reader_gets_a_gap() {
    let hub = Hub::new(limits());
    let first = id(&hub, publish_text(&hub, "a", "x").seq());
    let last = id(&hub, publish_text(&hub, "a", "y").seq());
    idle_for(&hub, 59).await;
    assert_eq!(hub.room_count(), 1);
    idle_for(&hub, 1).await;
    assert_eq!(
        (hub.room_count(), hub.lock().held()),
        (0, [HistorySize::default(); 2])
    );

    let mut missed = reader(&hub, "a", Some(Cursor::Id(first)));
    let expected = Gap {
        room: room("a"),
        reason: GapReason::Evicted,
        lost: None,
        next: 3,
        cursor: Cursor::Id(last),
    };
    assert!(matches!(missed.next().await, TestDelivery::Gap(gap) if gap == expected));
    let mut whole = reader(&hub, "a", Some(Cursor::Id(last)));
    let next = publish_text(&hub, "a", "z");
    assert_eq!(next.number(), Some(3), "numbers continue");
    assert!(matches!(whole.next().await, TestDelivery::Entry(entry) if entry.number() == Some(3)));
}

#[tokio::test(start_paused = true)]
async fn after_a_tombstone_is_dropped_even_a_reader_that_missed_nothing_gets_a_gap() {
    let hub = Hub::new(HubLimits {
        max_rooms: 2,
        default_room: room("c"),
        ..limits()
    });
    publish_text(&hub, "b", "x");
    idle_for(&hub, 60).await;
    publish_text(&hub, "a", "x");
    idle_for(&hub, 60).await;
    publish_text(&hub, "c", "x");
    let newest = id(&hub, publish_text(&hub, "d", "x").seq());
    idle_for(&hub, 60).await;
    // Four rooms were forgotten and two have tombstones.
    for name in ["a", "b"] {
        let mut returning = reader(&hub, name, Some(Cursor::Id(newest)));
        let first = tokio::time::timeout(Duration::from_secs(1), returning.next()).await;
        let Ok(TestDelivery::Gap(gap)) = first else {
            panic!("{name} starts without a gap: {first:?}")
        };
        assert_eq!(
            (gap.reason, gap.lost, gap.next),
            (GapReason::Evicted, None, 1)
        );
        drop(returning);
        hub.tick();
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_with_a_reader_is_kept_and_one_without_messages_is_forgotten_at_once() {
    let hub = Hub::new(limits());
    let (stays, leaves) = (reader(&hub, "a", None), reader(&hub, "b", None));
    drop(leaves);
    idle_for(&hub, 3600).await;
    assert_eq!(hub.room_count(), 1);
    drop(stays);
    hub.tick();
    assert_eq!(hub.room_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_housekeeping_pass_forgets_a_bounded_number_of_rooms() {
    let hub = Hub::new(HubLimits {
        max_rooms: 2000,
        ..limits()
    });
    for number in 0..1000 {
        publish_text(&hub, &format!("room{number}"), "x");
    }
    hub.tick();
    assert_eq!(hub.housekeeping_pass(Instant::now()), RemainingWork::None);
    tokio::time::advance(Duration::from_secs(60)).await;
    let mut passes = 0;
    loop {
        let before = hub.room_count();
        let remaining = hub.housekeeping_pass(Instant::now());
        assert!(before - hub.room_count() <= 64);
        passes += 1;
        if remaining == RemainingWork::None {
            break;
        }
    }
    assert_eq!(
        (hub.room_count(), passes),
        (0, 1000_usize.div_ceil(64)),
        "rooms left, and passes"
    );
    assert_eq!(hub.lock().held(), [HistorySize::default(); 2]);
}
