//! The checker reports exactly the planted violations.

use super::{Violation, check};
use crate::event_id::Id;
use crate::record::{Begins, Changed, Gap, Reading, Record, Requested, Seen, Sent, Shown};

/// Message `seq` of the room `a`, with the same number, in the epoch `e`.
fn shown(seq: u64) -> Shown {
    in_epoch("e", seq, seq, seq)
}

/// The `n`th message of Ada.
fn in_epoch(epoch: &str, seq: u64, number: u64, n: u64) -> Shown {
    Shown {
        id: id(epoch, seq),
        room: "a".into(),
        number,
        name: "Ada".into(),
        text: format!("text {n}"),
        client_id: format!("Ada-{n}"),
    }
}

fn id(epoch: &str, seq: u64) -> Id {
    Id {
        epoch: epoch.into(),
        seq,
    }
}

fn hello(cursor: &str, next: u64) -> Seen {
    Seen::Hello {
        cursor: cursor.into(),
        next: vec![("a".into(), next)],
    }
}

fn gap(cursor: &str, reason: &str, lost: Option<u64>, next: u64) -> Seen {
    Seen::Gap(Gap {
        cursor: cursor.into(),
        room: "a".into(),
        reason: reason.into(),
        lost,
        next,
    })
}

fn update(seq: u64) -> Seen {
    Seen::Update(shown(seq))
}

/// The messages of Ada.
fn six() -> Vec<Shown> {
    (1..=6).map(shown).collect()
}

/// The violations in the events of Bob, when Ada has published six acknowledged
/// messages in one epoch.
fn violations(seen: Vec<Seen>) -> Vec<Violation> {
    check(&record(seen, &six()))
}

fn record(seen: Vec<Seen>, answers: &[Shown]) -> Record {
    let sent = |answer: &Shown| Sent {
        room: answer.room.clone(),
        writer: answer.name.clone(),
        n: answer.client_id[4..].parse().unwrap(),
        client_id: answer.client_id.clone(),
        text: answer.text.clone(),
        answer: Some(answer.clone()),
        changes: Vec::new(),
    };
    Record {
        sent: answers.iter().map(sent).collect(),
        final_messages: answers.last().cloned().into_iter().collect(),
        readings: vec![Reading {
            reader: "Bob".into(),
            rooms: vec!["a".into()],
            begins: Begins::Now,
            seen,
            stayed: true,
        }],
    }
}

/// Bob sees hello, then these messages.
fn sees(seqs: &[u64]) -> Vec<Seen> {
    let updates = seqs.iter().map(|&seq| update(seq));
    std::iter::once(hello("e-0", 1)).chain(updates).collect()
}

fn bob() -> String {
    "Bob".into()
}

#[test]
fn a_valid_record_has_no_violations() {
    assert_eq!(violations(sees(&[1, 2, 3, 4, 5, 6])), []);
    let mut cut = sees(&[1, 2]);
    cut.extend([Seen::Cut, hello("e-2", 4), update(3), update(4)]);
    cut.extend([Seen::Bye { retry_ms: 1 }, Seen::Ended, hello("e-4", 7)]);
    cut.extend([gap("e-5", "evicted", Some(1), 6), update(6)]);
    assert_eq!(violations(cut), []);
}

#[test]
fn an_announced_restart_is_valid() {
    // Message 2 was acknowledged and lost with its epoch.
    let answers = vec![shown(1), shown(2), in_epoch("f", 1, 1, 3)];
    let mut seen = sees(&[1]);
    seen.extend([Seen::Cut, hello("e-1", 1), gap("f-0", "restart", None, 1)]);
    seen.push(Seen::Update(answers[2].clone()));
    assert_eq!(check(&record(seen, &answers)), []);
}

#[test]
fn a_message_lost_with_its_epoch_may_be_published_in_the_next() {
    let again = in_epoch("f", 1, 1, 2);
    let mut seen = sees(&[1, 2]);
    seen.extend([Seen::Cut, hello("e-2", 1), gap("f-0", "restart", None, 1)]);
    seen.push(Seen::Update(again.clone()));
    assert_eq!(check(&record(seen, &[shown(1), again])), []);
}

#[test]
fn a_loss_is_found() {
    // In the middle the numbers show it, too.
    let wrong = violations(sees(&[1, 2, 4, 5, 6]));
    let hole = Violation::Hole {
        reader: bob(),
        id: id("e", 4),
        after: 2,
    };
    let lost = Violation::Lost {
        reader: bob(),
        id: id("e", 3),
    };
    assert_eq!(wrong, [hole, lost]);
}

#[test]
fn a_loss_at_the_end_is_found() {
    let wrong = Violation::NotThere {
        reader: bob(),
        room: "a".into(),
    };
    assert_eq!(violations(sees(&[1, 2, 3, 4, 5])), [wrong]);
}

#[test]
fn a_loss_at_the_beginning_is_found() {
    let wrong = violations(sees(&[2, 3, 4, 5, 6]));
    let lost = Violation::Lost {
        reader: bob(),
        id: id("e", 1),
    };
    assert!(wrong.contains(&lost), "{wrong:?}");
}

#[test]
fn an_acknowledged_message_that_no_reader_saw_is_found() {
    // The numbers have no gap: two messages have the same one.
    let mut answers = six();
    answers.insert(3, in_epoch("e", 100, 3, 9));
    let wrong = check(&record(sees(&[1, 2, 3, 4, 5, 6]), &answers));
    let lost = Violation::Lost {
        reader: bob(),
        id: id("e", 100),
    };
    assert!(wrong.contains(&lost), "{wrong:?}");
}

#[test]
fn two_messages_with_one_number_are_found() {
    let answers = vec![shown(1), shown(2), in_epoch("e", 3, 2, 3)];
    let wrong = check(&record(sees(&[1, 2]), &answers));
    let twice = Violation::NumberTwice {
        room: "a".into(),
        number: 2,
    };
    assert!(wrong.contains(&twice), "{wrong:?}");
}

#[test]
fn a_duplicate_is_found() {
    let mut again = sees(&[1, 2, 3]);
    again.extend([Seen::Cut, hello("e-3", 4), update(3), update(4)]);
    again.extend([update(5), update(6)]);
    let twice = Violation::Again {
        reader: bob(),
        id: id("e", 3),
    };
    let order = Violation::IdOrder {
        reader: bob(),
        id: "e-3".into(),
    };
    assert_eq!(violations(again), [order, twice]);
}

#[test]
fn a_wrong_order_is_found() {
    let wrong = violations(sees(&[1, 3, 2, 4, 5, 6]));
    let order = Violation::IdOrder {
        reader: bob(),
        id: "e-2".into(),
    };
    assert!(wrong.contains(&order), "{wrong:?}");
}

#[test]
fn a_message_that_was_not_sent_is_found() {
    let mut seen = sees(&[1, 2, 3, 4, 5, 6]);
    seen.push(Seen::Update(in_epoch("e", 7, 7, 7)));
    assert_eq!(violations(seen), [Violation::Nowhere(id("e", 7))]);
}

#[test]
fn a_changed_text_is_found() {
    let mut answers = six();
    answers[3].text.push('!');
    let mut record = record(sees(&[1, 2, 3, 4, 5, 6]), &answers);
    assert_eq!(check(&record), [Violation::TwoFaces(id("e", 4))]);
    record.readings[0].seen[4] = Seen::Update(record.sent[3].answer.clone().unwrap());
    record.sent[3].text = "text 4".into();
    assert_eq!(check(&record), [Violation::Altered(id("e", 4))]);
}

#[test]
fn a_message_published_twice_is_found() {
    let mut seen = sees(&[1, 2, 3, 4, 5, 6]);
    seen.push(Seen::Update(in_epoch("e", 7, 7, 6)));
    let twice = Violation::SaidTwice {
        client_id: "Ada-6".into(),
    };
    assert_eq!(violations(seen), [twice]);
}

#[test]
fn a_writer_s_broken_order_is_found() {
    let answers = vec![shown(1), in_epoch("e", 2, 2, 3), in_epoch("e", 3, 3, 2)];
    let mut seen = vec![hello("e-0", 1)];
    seen.extend(answers.iter().cloned().map(Seen::Update));
    let order = Violation::WriterOrder {
        writer: "Ada".into(),
        n: 2,
    };
    assert_eq!(check(&record(seen, &answers)), [order]);
}

#[test]
fn a_gap_with_a_wrong_count_is_found() {
    for bad in [
        gap("e-3", "evicted", Some(3), 4),
        gap("e-3", "lagged", Some(1), 4),
        gap("e-3", "unknown", None, 4),
        gap("e-1", "evicted", None, 2),
    ] {
        let mut seen = sees(&[1]);
        seen.extend([bad.clone(), update(4), update(5), update(6)]);
        let wrong = violations(seen);
        let is_bad = |wrong: &Violation| matches!(wrong, Violation::BadGap { .. });
        assert!(wrong.iter().any(is_bad), "{bad:?}: {wrong:?}");
    }
}

#[test]
fn a_gap_that_is_too_small_is_found() {
    let mut seen = sees(&[1]);
    seen.extend([gap("e-2", "evicted", Some(1), 3), update(4)]);
    seen.extend([update(5), update(6)]);
    let lost = Violation::Lost {
        reader: bob(),
        id: id("e", 3),
    };
    assert!(violations(seen).contains(&lost));
}

#[test]
fn a_restart_without_a_gap_is_found() {
    let answers = vec![shown(1), in_epoch("f", 1, 1, 2)];
    let mut seen = sees(&[1]);
    seen.extend([Seen::Cut, hello("e-1", 1)]);
    seen.push(Seen::Update(answers[1].clone()));
    let silent = Violation::SilentRestart {
        reader: bob(),
        id: id("f", 1),
    };
    assert_eq!(check(&record(seen, &answers)), [silent]);
}

#[test]
fn a_gap_of_a_restart_without_a_restart_is_found() {
    let mut seen = sees(&[1, 2]);
    seen.extend([Seen::Cut, hello("e-2", 3), gap("e-2", "restart", None, 3)]);
    seen.extend([3, 4, 5, 6].map(update));
    let wrong = violations(seen);
    assert!(
        matches!(&wrong[..], [Violation::BadGap { .. }]),
        "{wrong:?}"
    );
}

#[test]
fn a_stream_resumed_elsewhere_is_found() {
    let mut seen = sees(&[1, 2, 3]);
    seen.extend([Seen::Cut, hello("e-2", 4)]);
    seen.extend([4, 5, 6].map(update));
    let wrong = Violation::BadHello {
        reader: bob(),
        cursor: "e-2".into(),
    };
    assert_eq!(violations(seen), [wrong]);
}

#[test]
fn invalid_data_is_found() {
    let mut seen = sees(&[1, 2, 3, 4, 5, 6]);
    seen.push(Seen::Invalid("a moose".into()));
    seen.extend([Seen::Bye { retry_ms: 1 }, hello("e-6", 7)]);
    let wrong = violations(seen);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    let is_odd = |wrong: &Violation| matches!(wrong, Violation::Invalid { .. });
    assert!(wrong.iter().all(is_odd), "{wrong:?}");
}

#[test]
fn a_backlog_may_begin_anywhere_but_not_after_now() {
    for (first, is_sound) in [(1, true), (3, true), (4, true), (5, false)] {
        let mut seen = vec![hello("e-0", 4)];
        seen.extend((first..=6).map(update));
        let mut record = record(seen, &six());
        record.readings[0].begins = Begins::Past;
        assert_eq!(check(&record).is_empty(), is_sound, "from {first}");
    }
}

#[test]
fn a_reader_without_hello_begins_at_one() {
    for (first, is_sound) in [(1, true), (2, false)] {
        let seen = (first..=6).map(update).collect();
        let mut record = record(seen, &six());
        record.readings[0].begins = Begins::AtOne;
        assert_eq!(check(&record).is_empty(), is_sound, "from {first}");
    }
}

#[test]
fn a_reader_that_left_need_not_see_later_messages() {
    let mut record = record(sees(&[1, 2]), &six());
    record.readings[0].stayed = false;
    assert_eq!(check(&record), []);
}

/// The record of Bob's events, when Ada has edited her second message twice and
/// deleted her third.
fn with_changes(seen: Vec<Seen>) -> Record {
    let mut record = record(seen, &six());
    let change = |text: Option<&str>| Requested {
        text: text.map(str::to_owned),
        is_acknowledged: true,
    };
    record.sent[1].changes = vec![change(Some("text 2 a")), change(Some("text 2 b"))];
    record.sent[2].changes = vec![change(None)];
    record
}

/// A change of message `of`, with the event id `at`.
fn change(at: u64, of: u64, text: Option<&str>) -> Seen {
    Seen::Change(Changed {
        at: Some(id("e", at)),
        id: id("e", of),
        room: "a".into(),
        number: of,
        text: text.map(str::to_owned),
    })
}

#[test]
fn changes_that_end_in_the_present_states_are_valid() {
    // Live; replayed; of a message that was replaced at its own place; replayed with
    // the deleted message as a change in its own place.
    let mut live = sees(&[1, 2, 3, 4, 5, 6]);
    live.extend([change(7, 2, Some("text 2 a")), change(8, 3, None)]);
    live.push(change(9, 2, Some("text 2 b")));
    assert_eq!(check(&with_changes(live)), []);
    let mut edited = shown(2);
    edited.text = "text 2 b".into();
    let mut replayed = vec![
        hello("e-0", 1),
        update(1),
        Seen::Update(edited),
        change(3, 3, None),
    ];
    replayed.extend([4, 5, 6].map(update));
    replayed.extend([change(8, 3, None), change(9, 2, Some("text 2 b"))]);
    assert_eq!(check(&with_changes(replayed)), []);
    let mut lost = sees(&[1, 2, 3]);
    lost.extend([gap("e-5", "evicted", Some(0), 4), update(6)]);
    let mut record = with_changes(lost);
    record.sent.drain(3..5);
    record.sent[3].answer.as_mut().unwrap().number = 4;
    record.final_messages.clear();
    record.readings[0].seen[5] = Seen::Update(record.sent[3].answer.clone().unwrap());
    assert_eq!(
        check(&record),
        [],
        "what was shown before a gap may be stale"
    );
}

#[test]
fn a_change_that_did_not_arrive_is_found() {
    let stale = |number| Violation::Stale {
        reader: bob(),
        id: id("e", number),
    };
    let mut seen = sees(&[1, 2, 3, 4, 5, 6]);
    seen.extend([change(7, 2, Some("text 2 a")), change(8, 3, None)]);
    assert_eq!(check(&with_changes(seen.clone())), [stale(2)]);
    seen.remove(8);
    seen.push(change(9, 2, Some("text 2 b")));
    assert_eq!(check(&with_changes(seen)), [stale(3)]);
}

#[test]
fn a_change_that_was_not_requested_is_found() {
    for (wrong, violation) in [
        (
            change(7, 2, Some("text 2 c")),
            Violation::Altered(id("e", 2)),
        ),
        (change(7, 4, None), Violation::Altered(id("e", 4))),
        (change(7, 9, None), Violation::Nowhere(id("e", 9))),
    ] {
        let mut seen = sees(&[1, 2, 3, 4, 5, 6]);
        seen.extend([wrong, change(8, 3, None), change(9, 2, Some("text 2 b"))]);
        assert_eq!(check(&with_changes(seen)), [violation]);
    }
}

#[test]
fn a_change_out_of_order_is_found() {
    let mut seen = sees(&[1, 2, 3, 4, 5, 6]);
    seen.extend([change(9, 2, Some("text 2 b")), change(8, 3, None)]);
    let order = Violation::IdOrder {
        reader: bob(),
        id: "e-8".into(),
    };
    assert_eq!(check(&with_changes(seen)), [order]);
}
