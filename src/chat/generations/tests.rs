use std::time::Duration;

use super::*;

/// The epochs and ends of generations.
type Ended<'a> = &'a [(&'a str, u64)];

fn epoch(text: &str) -> Epoch {
    text.parse().unwrap()
}

fn chain(ended: Ended<'_>, present: &str) -> Generations {
    restored(ended, present).unwrap()
}

fn restored(ended: Ended<'_>, present: &str) -> Result<Generations, BadGenerations> {
    let ended = ended.iter().map(|&(text, end)| EndedGeneration {
        epoch: epoch(text),
        end,
    });
    Generations::restore(ended, epoch(present))
}

fn beyond(end: u64, next: &str) -> CursorPlace {
    let next = epoch(next);
    CursorPlace::Beyond { end, next }
}

#[test]
fn an_id_has_the_epoch_in_which_its_seq_was_assigned() {
    let cases: &[(Ended<'_>, &[&str])] = &[
        (&[], &["p-0", "p-1", "p-2", "p-3"]),
        (&[("a", 0)], &["a-0", "p-1", "p-2", "p-3"]),
        (&[("a", 2)], &["a-0", "a-1", "a-2", "p-3", "p-4"]),
        (&[("a", 1), ("b", 3)], &["a-0", "a-1", "b-2", "b-3", "p-4"]),
        // Nothing was published in `b` and `c`.
        (
            &[("a", 1), ("b", 1), ("c", 1), ("d", 2)],
            &["a-0", "a-1", "d-2", "p-3"],
        ),
    ];
    for (ended, ids) in cases {
        let generations = chain(ended, "p");
        for (seq, id) in ids.iter().enumerate() {
            let seq = seq as u64;
            assert_eq!(generations.id(seq).to_string(), *id, "{ended:?}");
            let id = id.parse().unwrap();
            assert_eq!(generations.seq_of(id), Some(seq), "{ended:?}");
            assert_eq!(generations.place(id), CursorPlace::At(seq), "{ended:?}");
            assert_eq!(generations.is_present(seq), id.epoch == epoch("p"));
        }
    }
}

#[test]
fn a_cursor_is_at_its_seq_beyond_an_end_or_foreign() {
    let generations = chain(&[("a", 5), ("b", 5), ("c", 9)], "d");
    let cases = [
        ("a-0", CursorPlace::At(0)),
        ("a-5", CursorPlace::At(5)),
        ("a-6", beyond(5, "b")),
        ("a-18446744073709551615", beyond(5, "b")),
        ("b-0", CursorPlace::At(0)),
        ("b-5", CursorPlace::At(5)),
        ("b-6", beyond(5, "c")),
        ("c-5", CursorPlace::At(5)),
        ("c-9", CursorPlace::At(9)),
        ("c-10", beyond(9, "d")),
        ("d-0", CursorPlace::At(0)),
        ("d-9", CursorPlace::At(9)),
        ("d-10", CursorPlace::At(10)),
        ("d-99", CursorPlace::At(99)),
        ("0-1", CursorPlace::Foreign),
        ("bb-1", CursorPlace::Foreign),
        ("e-0", CursorPlace::Foreign),
    ];
    for (cursor, place) in cases {
        assert_eq!(
            generations.place(cursor.parse().unwrap()),
            place,
            "{cursor}"
        );
    }
}

#[test]
fn an_id_that_no_entry_has_is_that_of_none() {
    let generations = chain(&[("a", 5), ("b", 5), ("c", 9)], "d");
    for id in ["a-6", "b-5", "c-5", "c-10", "d-9", "x-1"] {
        assert_eq!(generations.seq_of(id.parse().unwrap()), None, "{id}");
    }
}

#[test]
fn a_generation_begins_later_than_the_last_whatever_the_clock_says() {
    let mut generations = Generations::new();
    let now = SystemTime::now();
    let clocks = [now, SystemTime::UNIX_EPOCH, now + Duration::from_secs(1)];
    for (end, clock) in clocks.into_iter().enumerate() {
        let before = generations.present();
        generations.begin_next(end as u64, clock);
        assert!(generations.present() > before);
        let last = generations.ended().last();
        let end = end as u64;
        assert_eq!(last, Some(EndedGeneration { epoch: before, end }));
        assert!(generations.is_present(end + 1));
    }
}

#[test]
fn lost_entries_are_lost_to_earlier_generations_too() {
    let mut generations = chain(&[("a", 5), ("b", 9)], "c");
    generations.begin_next(7, SystemTime::now());
    let d = generations.present();
    assert_eq!(generations.place("b-8".parse().unwrap()), beyond(7, "c"));
    generations.begin_next(3, SystemTime::now());
    let ends: Vec<_> = generations.ended().map(|ended| ended.end).collect();
    assert_eq!(ends, [3, 3, 3, 3]);
    assert_eq!(generations.place("a-5".parse().unwrap()), beyond(3, "b"));
    let lost = EventId { epoch: d, seq: 8 };
    let next = generations.present();
    let place = CursorPlace::Beyond { end: 3, next };
    assert_eq!(generations.place(lost), place);
    assert_eq!(generations.id(4).epoch, next);
}

#[test]
fn generations_are_restored_as_they_were() {
    let mut generations = Generations::new();
    for end in [4, 4, 9] {
        generations.begin_next(end, SystemTime::now());
    }
    let restored = Generations::restore(generations.ended(), generations.present()).unwrap();
    assert!(restored.ended().eq(generations.ended()));
    for seq in 0..12 {
        assert_eq!(restored.id(seq), generations.id(seq));
    }
}

#[test]
fn only_the_last_thousand_are_kept() {
    let mut generations = Generations::new();
    let first = generations.id(1);
    for end in 1..=MAX_ENDED as u64 {
        generations.begin_next(end, SystemTime::UNIX_EPOCH);
    }
    assert_eq!(generations.place(first), CursorPlace::At(1));
    generations.begin_next(2_000, SystemTime::UNIX_EPOCH);
    assert_eq!(generations.ended().len(), MAX_ENDED);
    assert_eq!(generations.place(first), CursorPlace::Foreign);
    assert_eq!(generations.seq_of(first), None);
    let oldest = generations.ended().next().unwrap().epoch;
    assert_eq!(generations.id(1).epoch, oldest, "a valid cursor");
}

#[test]
fn generations_out_of_order_are_refused() {
    let cases: &[(Ended<'_>, &str)] = &[
        (&[("b", 1), ("a", 2)], "c"),
        (&[("a", 1), ("a", 2)], "c"),
        (&[("a", 2), ("b", 1)], "c"),
        (&[("a", 1)], "a"),
        (&[("b", 1)], "a"),
        (&[], "zzzzzzzz"),
        (&[("a", 1)], "zzzzzzzzzzzzzzzz"),
    ];
    for (ended, present) in cases {
        assert_eq!(restored(ended, present).unwrap_err(), BadGenerations);
    }
}

#[test]
fn a_position_in_the_channel_has_the_epoch_that_was_present_there() {
    let [a, b] = ["a", "b"].map(|epoch| epoch.parse::<Epoch>().unwrap());
    let mut ends = GenerationEnds::default();
    assert_eq!(ends.ended_since(0), None);
    ends.push(3, a);
    ends.push(5, b);
    let since = |position| ends.ended_since(position);
    assert_eq!([0, 3].map(since), [Some(a); 2]);
    assert_eq!([4, 5].map(since), [Some(b); 2]);
    assert_eq!([6, u64::MAX].map(since), [None; 2]);
}

#[test]
fn a_position_before_the_known_generations_is_foreign() {
    let (mut generations, mut ends) = (Generations::new(), GenerationEnds::default());
    for position in 0..MAX_ENDED as u64 + 9 {
        ends.push(position, generations.present());
        generations.begin_next(1, SystemTime::UNIX_EPOCH);
    }
    let place = |position| {
        let epoch = ends.ended_since(position).unwrap();
        generations.place(EventId { epoch, seq: 1 })
    };
    assert_eq!([0, 8].map(place), [CursorPlace::Foreign; 2]);
    assert_eq!(place(9), CursorPlace::At(1));
}
