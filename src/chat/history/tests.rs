use super::*;
use crate::chat::draft::{Draft, RetryKey};
use crate::protocol::{Epoch, EventId, MessageText, RoomName, UserName};

const ROOMY: HistoryLimits = HistoryLimits {
    count: 1000,
    bytes: 1 << 20,
};

/// Message `number` with seq `10 * number`, as if other rooms had messages in between.
fn entry(number: u64, client_id: Option<&str>) -> Entry {
    let mut draft = Draft {
        client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
        ..Draft::new(
            UserName::parse("Alice").unwrap(),
            MessageText::parse("hello", 100).unwrap(),
        )
    };
    let retry_key = RetryKey::take(&mut draft);
    let epoch: Epoch = "e".parse().unwrap();
    let id = EventId {
        epoch,
        seq: 10 * number,
    };
    Entry::encode(
        id,
        &RoomName::parse("lobby").unwrap(),
        number,
        &draft,
        retry_key,
        "2026-11-23T00:00:00.000Z",
    )
}

fn filled(limits: HistoryLimits, numbers: std::ops::RangeInclusive<u64>) -> History {
    let mut history = History::new(limits);
    numbers.for_each(|number| history.push(entry(number, None)));
    history
}

fn numbers<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
    entries.map(Entry::number).collect()
}

#[test]
fn since_and_until_return_the_messages_after_and_before_a_seq() {
    let history = filled(ROOMY, 1..=3);
    assert_eq!(numbers(history.since(0)), [1, 2, 3]);
    assert_eq!(numbers(history.since(10)), [2, 3]);
    assert_eq!(numbers(history.since(15)), [2, 3]);
    assert_eq!(numbers(history.since(30)), [0; 0]);
    assert_eq!(numbers(history.until(10)), [0; 0]);
    assert_eq!(numbers(history.until(25)), [1, 2]);
}

#[test]
fn history_is_bounded_by_count() {
    let history = filled(HistoryLimits { count: 2, ..ROOMY }, 1..=5);
    assert_eq!(numbers(history.since(0)), [4, 5]);
    assert_eq!((history.evicted_through(), history.first_number()), (30, 4));
}

#[test]
fn history_is_bounded_by_bytes() {
    let bytes = 3 * entry(1, None).cost();
    let history = filled(HistoryLimits { bytes, ..ROOMY }, 1..=5);
    assert_eq!(numbers(history.since(0)), [3, 4, 5]);
    assert_eq!(history.bytes(), bytes);
}

#[test]
fn a_limit_of_0_holds_no_message_and_still_counts_them() {
    let history = filled(HistoryLimits { count: 0, ..ROOMY }, 1..=5);
    assert_eq!(
        (history.len(), history.bytes(), history.next_number()),
        (0, 0, 6)
    );
    assert_eq!(history.number_after(20), Some(3));
}

#[test]
fn the_number_after_a_seq_is_known_while_its_id_is_remembered() {
    let limits = HistoryLimits { count: 2, ..ROOMY };
    let history = filled(limits, 1..=5);
    for (seq, number) in [(0, 1), (5, 1), (10, 2), (29, 3), (30, 4), (45, 5), (50, 6)] {
        assert_eq!(history.number_after(seq), Some(number), "after {seq}");
    }
    let last = MAX_EVICTED_IDS as u64 + 10;
    let long = filled(limits, 1..=last);
    assert_eq!(long.number_after(10), None);
    assert_eq!(long.number_after(79), None);
    assert_eq!(long.number_after(80), Some(9));
    assert_eq!(
        long.number_after(0),
        Some(1),
        "the first number is always known"
    );
}

#[test]
fn a_client_id_is_known_while_its_message_is_held() {
    let mut history = History::new(HistoryLimits { count: 1, ..ROOMY });
    history.push(entry(1, Some("a")));
    let id = ClientId::parse("a").unwrap();
    let held = history.find(&id).map(|(first, _)| first.number());
    assert_eq!(held, Some(1));
    history.push(entry(2, Some("b")));
    assert!(history.find(&id).is_none());
    assert_eq!(history.by_client_id.len(), 1);
}

#[test]
fn a_history_after_a_tombstone_continues_its_numbers_and_counts_no_lost_messages() {
    let history = History::after(ROOMY, 30, 4);
    assert_eq!((history.evicted_through(), history.first_number()), (30, 4));
    assert_eq!(history.number_after(10), None);
    assert_eq!(history.number_after(30), Some(4));
}

#[test]
fn eviction_frees_memory() {
    let mut history = History::new(ROOMY);
    (1..=1000).for_each(|number| history.push(entry(number, Some(&format!("c{number}")))));
    let full = history.capacity();
    (0..990).for_each(|_| history.evict_oldest());
    let remembered = history.evicted.seqs.capacity();
    assert!(history.capacity() - remembered < full / 8);
    assert_eq!(numbers(history.since(0)), (991..=1000).collect::<Vec<_>>());
}
