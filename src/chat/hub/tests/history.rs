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
    assert!((90_000..=100_000).contains(&counted.0), "{counted:?}");
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
    assert!((195_000..=200_000).contains(&counted.0), "{counted:?}");
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
