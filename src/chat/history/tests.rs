use super::*;
use crate::chat::author::{Author, Fingerprint};
use crate::chat::change::{Change, Requester};
use crate::chat::draft::{Draft, DraftContent, RetryKey};
use crate::chat::entry::Provenance;
use crate::chat::evicted_marks::MAX_EVICTED_MARKS;
use crate::protocol::{
    ChangedEntry, EditKey, Emoji, Epoch, EventId, MessageText, PublishedEvent, RoomName, UserName,
};

const ROOMY: HistoryLimits = HistoryLimits {
    count: 1000,
    bytes: 1 << 20,
    stored: 0,
};
const AT: &str = "2026-11-23T00:00:00.000Z";

fn id(seq: u64) -> EventId {
    let epoch: Epoch = "e".parse().unwrap();
    EventId { epoch, seq }
}

/// Message `number` with seq `10 * number`, as if other rooms had messages in between.
fn entry(number: u64, client_id: Option<&str>) -> Entry {
    let place = Place {
        number,
        counted: number - 1,
    };
    message_at(10 * number, place, client_id)
}

fn message_at(seq: u64, place: Place, client_id: Option<&str>) -> Entry {
    let mut draft = Draft {
        client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
        ..Draft::new(
            UserName::parse("Alice").unwrap(),
            MessageText::parse("hello", 100).unwrap(),
        )
    };
    let provenance = Provenance::new(RetryKey::take(&mut draft), draft.author);
    let DraftContent::Message(message) = &draft.content else {
        unreachable!("it is a message");
    };
    let room = RoomName::parse("lobby").unwrap();
    Entry::message(id(seq), &room, place, message, provenance, AT)
}

/// Adds an event.
fn push_event(history: &mut History, seq: u64) {
    let event = PublishedEvent {
        id: id(seq),
        room: "lobby".into(),
        event: "news".into(),
        data: "hello".into(),
        created_at: AT.into(),
    };
    let place = history.next_place();
    history.push(Entry::event_of_program(
        &event,
        place,
        Provenance::default(),
    ));
}

#[test]
fn a_client_id_of_two_held_messages_is_that_of_the_last() {
    let mut history = History::new(ROOMY);
    // A store may hold an evicted message again, besides one with its client id.
    history.push(entry(1, Some("c")));
    history.push(entry(2, Some("c")));
    history.evict_oldest();
    let id = ClientId::parse("c").unwrap();
    assert_eq!(history.find(&id).unwrap().0.seq(), 20);
    history.evict_oldest();
    assert!(history.find(&id).is_none());
}

/// Adds a message.
fn push_message(history: &mut History, seq: u64) {
    history.push(message_at(seq, history.next_place(), None));
}

/// Changes the message or event `item`.
fn push_change(history: &mut History, seq: u64, item: u64, change: &Change) {
    let key = EditKey::parse("0123456789abcdef").unwrap();
    let requester = Requester {
        author: Author {
            edit_key: Some(Fingerprint::of_edit_key(&key)),
            ..Author::default()
        },
        may_moderate: true,
    };
    let present = history.item(item).unwrap();
    let new = change.apply(present, &requester, AT).unwrap().unwrap();
    let announced = present.change(
        id(seq),
        history.next_place(),
        &new.state,
        new.reactions.clone(),
    );
    let own = history.get(item).map(|own| match &new.state {
        ChangedEntry::Message(message) => own.with_state(message, new.reactions.clone()),
        ChangedEntry::Deleted(deleted) => own.deleted(deleted),
    });
    history.push_change(announced, own);
}

fn seqs<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
    entries.map(Entry::seq).collect()
}

fn filled(limits: HistoryLimits, numbers: std::ops::RangeInclusive<u64>) -> History {
    let mut history = History::new(limits);
    numbers.for_each(|number| history.push(entry(number, None)));
    history
}

fn numbers<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
    entries.filter_map(Entry::number).collect()
}

#[test]
fn since_and_items_between_return_what_is_after_and_before_a_seq() {
    let history = filled(ROOMY, 1..=3);
    assert_eq!(numbers(history.since(0)), [1, 2, 3]);
    assert_eq!(numbers(history.since(10)), [2, 3]);
    assert_eq!(numbers(history.since(15)), [2, 3]);
    assert_eq!(numbers(history.since(30)), [0; 0]);
    assert_eq!(numbers(history.items_between(0, 10)), [0; 0]);
    assert_eq!(numbers(history.items_between(0, 25)), [1, 2]);
    assert_eq!(numbers(history.items_between(10, u64::MAX)), [2, 3]);
    assert_eq!(numbers(history.items_between(20, 10)), [0; 0]);
}

fn number_after(history: &History, seq: u64) -> Option<u64> {
    history.place_after(seq).map(|place| place.number)
}

#[test]
fn history_is_bounded_by_count() {
    let history = filled(HistoryLimits { count: 2, ..ROOMY }, 1..=5);
    assert_eq!(numbers(history.since(0)), [4, 5]);
    assert_eq!(
        (history.evicted_through(), history.first_place().number),
        (30, 4)
    );
}

#[test]
fn history_is_bounded_by_bytes() {
    let bytes = 3 * entry(1, None).cost();
    let history = filled(HistoryLimits { bytes, ..ROOMY }, 1..=5);
    assert_eq!(numbers(history.since(0)), [3, 4, 5]);
    assert_eq!(history.size().memory.bytes, bytes);
}

#[test]
fn a_limit_of_0_holds_no_message_and_still_counts_them() {
    let history = filled(HistoryLimits { count: 0, ..ROOMY }, 1..=5);
    assert_eq!(
        (
            history.len(),
            history.size().memory.bytes,
            history.next_place().number
        ),
        (0, 0, 6)
    );
    assert_eq!(number_after(&history, 20), Some(3));
}

#[test]
fn the_number_after_a_seq_is_known_while_its_id_is_remembered() {
    let limits = HistoryLimits { count: 2, ..ROOMY };
    let history = filled(limits, 1..=5);
    for (seq, number) in [(0, 1), (5, 1), (10, 2), (29, 3), (30, 4), (45, 5), (50, 6)] {
        assert_eq!(number_after(&history, seq), Some(number), "after {seq}");
    }
    let last = MAX_EVICTED_MARKS as u64 + 10;
    let long = filled(limits, 1..=last);
    assert_eq!(number_after(&long, 10), None);
    assert_eq!(number_after(&long, 79), None);
    assert_eq!(number_after(&long, 80), Some(9));
    assert_eq!(
        number_after(&long, 0),
        Some(1),
        "the first number is always known"
    );
}

#[test]
fn a_client_id_is_known_while_its_message_is_held() {
    let mut history = History::new(HistoryLimits { count: 1, ..ROOMY });
    history.push(entry(1, Some("a")));
    let id = ClientId::parse("a").unwrap();
    let held = history.find(&id).and_then(|(first, _)| first.number());
    assert_eq!(held, Some(1));
    history.push(entry(2, Some("b")));
    assert!(history.find(&id).is_none());
    assert_eq!(history.by_client_id.len(), 1);
}

#[test]
fn a_history_after_a_tombstone_continues_its_numbers_and_counts_no_lost_messages() {
    let next = Place {
        number: 4,
        counted: 6,
    };
    let history = History::after(ROOMY, 30, next);
    assert_eq!(
        (history.evicted_through(), history.first_place().number),
        (30, 4)
    );
    assert_eq!(number_after(&history, 10), None);
    assert_eq!(number_after(&history, 30), Some(4));
}

#[test]
fn eviction_frees_memory() {
    let mut history = History::new(ROOMY);
    (1..=1000).for_each(|number| history.push(entry(number, Some(&format!("c{number}")))));
    let full = history.capacity();
    (0..990).for_each(|_| history.evict_oldest());
    let remembered = history.evicted.capacity();
    assert!(history.capacity() - remembered < full / 8);
    assert_eq!(numbers(history.since(0)), (991..=1000).collect::<Vec<_>>());
}

#[test]
fn events_and_changes_have_no_number_and_only_items_are_counted() {
    let mut history = History::new(ROOMY);
    push_message(&mut history, 1);
    push_event(&mut history, 2);
    push_message(&mut history, 3);
    push_change(&mut history, 4, 1, &Change::Delete);
    push_event(&mut history, 5);
    assert_eq!(seqs(history.since(0)), [1, 2, 3, 4, 5]);
    assert_eq!(seqs(history.items_between(0, 9)), [1, 2, 3, 5]);
    assert_eq!(
        (history.oldest_item(), history.newest_item()),
        (Some(1), Some(5))
    );
    assert_eq!((history.len(), history.items()), (5, 4));
    let places = [(1, 0), (2, 1), (2, 2), (3, 3), (3, 3), (3, 4)];
    for (seq, (number, counted)) in places.into_iter().enumerate() {
        let place = Place { number, counted };
        assert_eq!(history.place_after(seq as u64), Some(place), "after {seq}");
    }
    // The same is known of entries that are evicted.
    (0..5).for_each(|_| history.evict_oldest());
    for (seq, (number, counted)) in places.into_iter().enumerate() {
        let place = Place { number, counted };
        assert_eq!(history.place_after(seq as u64), Some(place), "after {seq}");
    }
    assert_eq!(
        (history.oldest_item(), history.evicted_through()),
        (None, 5)
    );
}

#[test]
fn a_change_replaces_the_earlier_one_and_the_state_in_its_own_place() {
    let react = |name| {
        let emoji = Emoji::parse("👍").unwrap();
        Change::React(emoji, UserName::parse(name).unwrap())
    };
    let mut history = History::new(ROOMY);
    push_message(&mut history, 1);
    push_message(&mut history, 2);
    push_change(&mut history, 3, 1, &react("Ada"));
    push_change(&mut history, 4, 2, &react("Ada"));
    push_change(&mut history, 5, 1, &Change::Delete);
    assert_eq!(seqs(history.since(0)), [1, 2, 4, 5], "5 replaces 3, not 4");
    let json = r#"{"id":"e-1","room":"lobby","number":1,"deleted":true}"#;
    for seq in [1, 5] {
        assert_eq!(history.get(seq).unwrap().json(), json);
    }
    let costs = history.since(0).map(Entry::cost);
    assert_eq!(history.size().memory.bytes, costs.sum::<usize>());
    // Evicted, its state is that of the change.
    history.evict_oldest();
    assert_eq!(history.item(1).unwrap().json(), json);
    (0..3).for_each(|_| history.evict_oldest());
    assert!(history.item(1).is_none() && history.changes.is_empty());
    assert_eq!(history.size().memory.bytes, 0);
}

#[test]
fn a_deleted_event_leaves_no_payload() {
    let mut history = History::new(ROOMY);
    push_event(&mut history, 1);
    push_change(&mut history, 2, 1, &Change::Delete);
    let json = r#"{"id":"e-1","room":"lobby","deleted":true}"#;
    for entry in history.since(0) {
        assert_eq!(entry.json(), json);
    }
    assert_eq!(history.items(), 1);
}
