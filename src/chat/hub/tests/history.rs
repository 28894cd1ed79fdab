//! Pages of history, and the budget of all histories.

use super::*;

#[test]
fn the_history_budget_evicts_from_the_busy_room_and_spares_the_quiet_one() {
    let hub = Hub::new(HubLimits {
        history_budget: 100_000,
        ..limits()
    });
    publish_text(&hub, "quiet", "x");
    let text = "x".repeat(1000);
    (0..500).for_each(|_| drop(publish_text(&hub, "busy", &text)));
    assert_eq!(held(&hub, "quiet"), 1);
    let [summed, counted] = hub.lock().held();
    assert_eq!(summed, counted);
    assert!(
        (90_000..=100_000).contains(&counted.memory.bytes),
        "{counted:?}"
    );
}

#[test]
fn the_history_budget_evicts_from_many_large_rooms_and_keeps_exact_totals() {
    let hub = Hub::new(HubLimits {
        history_budget: 200_000,
        max_rooms: 100,
        ..limits()
    });
    let text = "x".repeat(1000);
    for number in 0..50 {
        publish_text(&hub, &format!("quiet{number}"), "x");
    }
    for number in 0..1000 {
        publish_text(&hub, &format!("busy{}", number % 5), &text);
    }
    let [summed, counted] = hub.lock().held();
    assert_eq!(summed, counted);
    assert!(
        (195_000..=200_000).contains(&counted.memory.bytes),
        "{counted:?}"
    );
    let busy: Vec<usize> = (0..5)
        .map(|number| held(&hub, &format!("busy{number}")))
        .collect();
    let (least, most) = (busy.iter().min().unwrap(), busy.iter().max().unwrap());
    assert!(most - least <= most / 4, "{busy:?}");
    assert!((0..50).all(|number| held(&hub, &format!("quiet{number}")) == 1));
}

#[test]
fn a_page_is_the_requested_part_of_history() {
    let hub = Hub::new(limits());
    (0..5).for_each(|_| drop(publish_text(&hub, "a", "x")));
    let numbers = |after: Option<u64>, before: Option<u64>, limit| -> Vec<u64> {
        let cursor = |seq: Option<u64>| seq.map(|seq| Cursor::Id(id(&hub, seq)));
        let page = HistoryQuery {
            after: cursor(after),
            before: cursor(before),
            limit,
        };
        hub.page(&room("a"), page)
            .entries
            .iter()
            .filter_map(Entry::number)
            .collect()
    };
    assert_eq!(numbers(None, None, 2), [4, 5]);
    assert_eq!(numbers(None, Some(4), 2), [2, 3]);
    assert_eq!(numbers(Some(1), None, 2), [2, 3]);
    assert_eq!(numbers(Some(1), Some(4), 9), [2, 3]);
    assert_eq!(numbers(Some(1), Some(4), 1), [2]);
    assert_eq!(numbers(Some(9), None, 9), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn history_is_bounded_by_age_and_a_returning_reader_gets_a_gap() {
    let hub = Hub::new(HubLimits {
        history_age: Some(Duration::from_secs(30)),
        ..limits()
    });
    let _reader = reader(&hub, "a", None);
    let first = publish_text(&hub, "a", "first");
    tokio::time::advance(Duration::from_secs(10)).await;
    let second = publish_text(&hub, "a", "second");
    publish_text(&hub, "b", "in a room without readers");
    idle_for(&hub, 19).await;
    assert_eq!((held(&hub, "a"), held(&hub, "b")), (2, 1));
    idle_for(&hub, 1).await;
    assert_eq!((held(&hub, "a"), held(&hub, "b")), (1, 1));
    let [summed, counted] = hub.lock().held();
    assert_eq!(summed, counted);
    let mut returning = reader(&hub, "a", Some(Cursor::Id(id(&hub, 0))));
    let TestDelivery::Gap(gap) = returning.next().await else {
        panic!("a gap is first");
    };
    assert_eq!((gap.reason, gap.lost), (GapReason::Evicted, Some(1)));
    assert_eq!(gap.cursor, Cursor::Id(first.id()));
    let next = returning.next().await;
    assert!(matches!(next, TestDelivery::Entry(entry) if entry.id() == second.id()));
    idle_for(&hub, 10).await;
    assert_eq!((held(&hub, "a"), held(&hub, "b")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn many_old_entries_are_evicted_in_slices() {
    let hub = Hub::new(HubLimits {
        history_age: Some(Duration::from_secs(30)),
        ..limits()
    });
    for number in 0..300 {
        publish_text(&hub, "a", &number.to_string());
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    let now = tokio::time::Instant::now();
    assert_eq!(hub.housekeeping_pass(now), RemainingWork::Ready);
    assert_eq!(held(&hub, "a"), 300 - 128);
    assert_eq!(hub.housekeeping_pass(now), RemainingWork::Ready);
    assert_eq!(hub.housekeeping_pass(now), RemainingWork::None);
    assert_eq!(held(&hub, "a"), 0);
}
