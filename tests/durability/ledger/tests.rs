//! The ledger reports exactly the planted violations.

use super::{Hello, ItemNo, Ledger, ReaderNo, StreamGap, Violation, Window};
use crate::event_id::Id;
use crate::item::Sent;
use crate::shown::{Page, Shown};

fn id(seq: u64) -> Id {
    format!("e-{seq}").parse().unwrap()
}

/// Ada sends message `n` to the room `a`, which will have the number `n`.
fn send(ledger: &mut Ledger, n: u64) -> ItemNo {
    ledger.sending(Sent {
        room: "a".into(),
        title: "Ada".into(),
        is_event: false,
        label: format!("Ada-{n}"),
        text: format!("Ada-{n} v0"),
        reply_to: None,
    })
}

/// Message `n` in this version, with the id `seq`.
fn shown(n: u64, seq: u64, version: u64) -> Shown {
    let edited = match version {
        0 => String::new(),
        _ => r#","edited_at":"then""#.to_owned(),
    };
    let json = format!(
        r#"{{"id":"e-{seq}","room":"a","number":{n},"name":"Ada","message":"Ada-{n} v{version}","created_at":"now"{edited}}}"#
    );
    Shown::parse(&json).unwrap()
}

fn deleted(n: u64, seq: u64) -> Shown {
    let json = format!(r#"{{"id":"e-{seq}","room":"a","number":{n},"deleted":true}}"#);
    Shown::parse(&json).unwrap()
}

/// A ledger with four answered messages, and Bob, who has read nothing.
fn four() -> (Ledger, ReaderNo) {
    let mut ledger = Ledger::default();
    let bob = ledger.add_reader("Bob", &["a"], Some(id(0)));
    for n in 1..=4 {
        send(&mut ledger, n);
        ledger.observe("Ada", &shown(n, n, 0), 0);
    }
    assert_eq!(ledger.violations(), []);
    (ledger, bob)
}

fn page(messages: Vec<Shown>) -> Page {
    Page {
        room: "a".into(),
        oldest: messages.first().map(|shown| shown.id.clone()),
        newest: messages.last().map(|shown| shown.id.clone()),
        messages,
    }
}

/// Adds a page of all of history.
fn read(ledger: &mut Ledger, messages: Vec<Shown>) {
    let since = ledger.now();
    ledger.page("page", &page(messages), &Window::default(), since, true);
}

fn by() -> String {
    "page".into()
}

#[test]
fn a_sound_history_has_no_violations() {
    let (mut ledger, bob) = four();
    let all: Vec<Shown> = (1..=4).map(|n| shown(n, n, 0)).collect();
    for shown in &all {
        ledger.entry(bob, &shown.id, shown, 0);
    }
    read(&mut ledger, all);
    ledger.finish();
    assert_eq!(ledger.violations(), []);
}

#[test]
fn a_message_that_is_gone_is_found_once() {
    let (mut ledger, _) = four();
    for _ in 0..2 {
        read(
            &mut ledger,
            vec![shown(1, 1, 0), shown(2, 2, 0), shown(3, 3, 0)],
        );
    }
    let gone = Violation::Gone {
        by: by(),
        id: id(4),
    };
    assert_eq!(ledger.violations(), [gone]);
    assert!(!ledger.is_each_loss_announced());
}

#[test]
fn a_message_that_only_a_reader_saw_is_known() {
    let (mut ledger, bob) = four();
    send(&mut ledger, 5);
    ledger.entry(bob, &id(5), &shown(5, 5, 0), 0);
    read(&mut ledger, (1..=4).map(|n| shown(n, n, 0)).collect());
    let gone = Violation::Gone {
        by: by(),
        id: id(5),
    };
    assert_eq!(ledger.violations(), [gone]);
}

#[test]
fn a_page_may_miss_what_was_answered_while_it_was_read() {
    let (mut ledger, _) = four();
    let since = ledger.now();
    send(&mut ledger, 5);
    ledger.observe("Ada", &shown(5, 5, 0), since);
    let four = page((1..=4).map(|n| shown(n, n, 0)).collect());
    ledger.page("page", &four, &Window::default(), since, true);
    assert_eq!(ledger.violations(), []);
}

#[test]
fn a_part_of_history_must_have_its_part() {
    let (mut ledger, _) = four();
    let since = ledger.now();
    let window = Window {
        after: Some(id(1)),
        before: Some(id(4)),
    };
    ledger.page("page", &page(vec![shown(2, 2, 0)]), &window, since, true);
    let gone = Violation::Gone {
        by: by(),
        id: id(3),
    };
    assert_eq!(ledger.violations(), [gone]);
    let last = page(vec![shown(3, 3, 0), shown(4, 4, 0)]);
    ledger.page("page", &last, &Window::default(), since, false);
    assert_eq!(ledger.violations().len(), 1);
}

#[test]
fn an_id_of_two_messages_is_found() {
    let (mut ledger, _) = four();
    send(&mut ledger, 5);
    ledger.observe("page", &shown(5, 4, 0), 0);
    let two = Violation::TwoMeanings {
        by: by(),
        id: id(4),
    };
    assert_eq!(ledger.violations(), [two]);
}

#[test]
fn an_id_of_a_change_and_of_a_message_is_found() {
    let (mut ledger, bob) = four();
    let first = ledger.observe("Ada", &shown(1, 1, 0), 0).unwrap();
    ledger
        .item_mut(first)
        .texts
        .request(Some("Ada-1 v1".into()));
    ledger.entry(bob, &id(5), &shown(1, 1, 1), 0);
    send(&mut ledger, 5);
    ledger.observe("page", &shown(5, 5, 0), 0);
    let two = Violation::TwoMeanings {
        by: by(),
        id: id(5),
    };
    assert_eq!(ledger.violations(), [two]);
}

#[test]
fn a_message_with_two_ids_is_found() {
    let (mut ledger, _) = four();
    ledger.observe("page", &shown(4, 5, 0), 0);
    let (first, second) = (id(4), id(5));
    let twice = Violation::SaidTwice {
        by: by(),
        first,
        second,
    };
    assert_eq!(ledger.violations(), [twice]);
}

#[test]
fn another_number_is_found() {
    let (mut ledger, _) = four();
    ledger.observe("page", &shown(4, 4, 0), 0);
    let mut other = shown(4, 4, 0);
    other.number = Some(5);
    ledger.observe("page", &other, 0);
    assert!(matches!(ledger.violations(), [Violation::Altered { .. }]));
}

#[test]
fn numbers_with_a_hole_are_found() {
    let (mut ledger, bob) = four();
    ledger.check_row("page", &[shown(1, 1, 0), shown(3, 3, 0)]);
    let hole = Violation::Hole {
        by: by(),
        id: id(3),
    };
    assert_eq!(ledger.violations(), [hole]);
    ledger.entry(bob, &id(1), &shown(1, 1, 0), 0);
    ledger.entry(bob, &id(3), &shown(3, 3, 0), 0);
    let of_bob = Violation::Hole {
        by: "Bob".into(),
        id: id(3),
    };
    assert_eq!(ledger.violations()[1..], [of_bob]);
}

#[test]
fn a_reader_that_misses_or_repeats_messages_is_found() {
    let (mut ledger, bob) = four();
    for n in [1, 2, 4] {
        ledger.entry(bob, &id(n), &shown(n, n, 0), 0);
    }
    ledger.entry(bob, &id(2), &shown(2, 2, 0), 0);
    ledger.finish();
    let by = || "Bob".to_owned();
    let expected = [
        Violation::Hole {
            by: by(),
            id: id(4),
        },
        Violation::Order {
            by: by(),
            id: id(2),
        },
        Violation::Hole {
            by: by(),
            id: id(2),
        },
        Violation::Again {
            by: by(),
            id: id(2),
        },
        Violation::Missed {
            by: by(),
            id: id(3),
        },
    ];
    assert_eq!(ledger.violations(), expected);
}

#[test]
fn a_change_that_is_undone_is_found() {
    let (mut ledger, bob) = four();
    let first = ledger.observe("Ada", &shown(1, 1, 0), 0).unwrap();
    ledger
        .item_mut(first)
        .texts
        .request(Some("Ada-1 v1".into()));
    ledger.observe("Ada", &shown(1, 1, 0), 0);
    assert_eq!(ledger.violations(), [], "it is not answered yet");
    ledger.acknowledge(first);
    let since = ledger.now();
    ledger.observe("page", &shown(1, 1, 0), since);
    assert!(matches!(ledger.violations(), [Violation::Undone { .. }]));
    ledger.entry(bob, &id(1), &shown(1, 1, 1), 0);
    ledger.entry(bob, &id(5), &shown(1, 1, 0), 0);
    assert!(matches!(
        ledger.violations()[1..],
        [Violation::Undone { .. }]
    ));
}

#[test]
fn a_deleted_text_that_comes_back_is_found() {
    let (mut ledger, bob) = four();
    let first = ledger.observe("Ada", &shown(1, 1, 0), 0).unwrap();
    ledger.item_mut(first).texts.request(None);
    ledger.entry(bob, &id(1), &deleted(1, 1), 0);
    assert_eq!(ledger.violations(), []);
    let since = ledger.now();
    ledger.observe("page", &shown(1, 1, 0), since);
    assert!(matches!(ledger.violations(), [Violation::Undone { .. }]));
}

#[test]
fn a_reader_with_an_old_state_is_found_at_the_end() {
    let (mut ledger, bob) = four();
    for n in 1..=4 {
        ledger.entry(bob, &id(n), &shown(n, n, 0), 0);
    }
    let first = ledger.observe("Ada", &shown(1, 1, 0), 0).unwrap();
    ledger.item_mut(first).texts.request(None);
    ledger.acknowledge(first);
    ledger.finish();
    let stale = Violation::Stale {
        by: "Bob".into(),
        id: id(1),
    };
    assert_eq!(ledger.violations(), [stale]);
}

#[test]
fn an_unknown_message_an_unknown_text_and_an_unknown_id_are_found() {
    let (mut ledger, _) = four();
    ledger.observe("page", &shown(9, 9, 0), 0);
    ledger.observe("page", &shown(1, 1, 7), 0);
    ledger.name("page", Some(&id(8)));
    ledger.finish();
    let [
        Violation::Nowhere { .. },
        Violation::Altered { .. },
        rest @ ..,
    ] = ledger.violations()
    else {
        panic!("{:?}", ledger.violations());
    };
    assert!(rest.contains(&Violation::Nowhere {
        by: by(),
        id: id(8)
    }));
}

#[test]
fn a_gap_a_new_epoch_and_another_cursor_are_found() {
    let (mut ledger, bob) = four();
    let hello = Hello {
        cursor: "f-0".parse().unwrap(),
        ping_ms: 1,
        rooms: Vec::new(),
    };
    ledger.hello(bob, &hello, 0);
    let gap = StreamGap {
        room: "a".into(),
        reason: "restart".into(),
        next: 1,
    };
    ledger.gap(bob, &hello.cursor, &gap);
    assert!(matches!(
        ledger.violations(),
        [
            Violation::Invalid { .. },
            Violation::NewEpoch { .. },
            Violation::Gap { .. }
        ]
    ));
}

#[test]
fn an_announced_loss_differs_from_a_silent_one() {
    let (mut ledger, bob) = four();
    read(&mut ledger, Vec::new());
    assert_eq!(ledger.violations().len(), 4);
    assert!(!ledger.is_each_loss_announced());
    let gap = StreamGap {
        room: "a".into(),
        reason: "restart".into(),
        next: 1,
    };
    ledger.gap(bob, &"f-0".parse().unwrap(), &gap);
    assert!(ledger.is_each_loss_announced());
}
