//! What was committed is restored: whole, in its present state, and no more.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::model::{Model, author, room};
use super::{TestFolder, contents, options, shown};
use crate::chat::change::Change;
use crate::chat::log::restored::Restored;
use crate::chat::log::{Record, Store as _};
use crate::chat::rooms::HubLimits;
use crate::protocol::MessageText;

/// A step of a hub.
#[derive(Debug, Clone)]
enum Step {
    Publish {
        room: u8,
        number: u64,
        text: String,
    },
    Edit {
        item: usize,
        text: String,
    },
    Delete {
        item: usize,
    },
    React {
        item: usize,
        number: u64,
    },
    Evict {
        room: u8,
        count: usize,
    },
    Forget {
        room: u8,
    },
    Tidy,
    /// The process is killed, or it stops.
    Restart {
        is_killed: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = || "[a-z\"\\\\\n{}]{0,12}(é|👍|,\"deleted\":true\\}|)x";
    let step = prop_oneof![
        8 => (0..4_u8, any::<u64>(), text()).prop_map(|(room, number, text)| Step::Publish {
            room,
            number,
            text,
        }),
        2 => (any::<usize>(), text()).prop_map(|(item, text)| Step::Edit { item, text }),
        1 => any::<usize>().prop_map(|item| Step::Delete { item }),
        3 => (any::<usize>(), 0..9_u64).prop_map(|(item, number)| Step::React { item, number }),
        2 => (0..4_u8, 1..6_usize).prop_map(|(room, count)| Step::Evict { room, count }),
        1 => (0..4_u8).prop_map(|room| Step::Forget { room }),
        1 => Just(Step::Tidy),
        1 => any::<bool>().prop_map(|is_killed| Step::Restart { is_killed }),
    ];
    prop::collection::vec(step, 1..60)
}

fn records_of(model: &mut Model, step: &Step) -> Vec<Record> {
    let name = |number: &u8| room(&format!("r{number}"));
    let item = |model: &Model, item: usize| {
        let rooms = model.rooms.keys();
        let items =
            rooms.flat_map(|room| model.items(room).into_iter().map(|seq| (room.clone(), seq)));
        let items: Vec<_> = items.collect();
        (!items.is_empty()).then(|| items[item % items.len()].clone())
    };
    let change = |model: &mut Model, place: usize, change: Change| {
        let (room, seq) = item(model, place)?;
        let author = crate::chat::author::Author::default();
        let own = model.rooms[&room].item(seq)?.author();
        let author = if matches!(change, Change::Edit(_)) {
            own
        } else {
            author
        };
        model.change(&room, seq, &change, author)
    };
    match step {
        Step::Publish { room, number, text } => {
            vec![model.publish(&name(room), Model::draft(text, *number))]
        }
        Step::Edit { item, text } => {
            let text = MessageText::parse(text, 100).unwrap();
            change(model, *item, Change::Edit(text))
                .into_iter()
                .collect()
        }
        Step::Delete { item } => change(model, *item, Change::Delete).into_iter().collect(),
        Step::React {
            item: place,
            number,
        } => {
            let found = item(model, *place);
            let record = found.and_then(|(room, seq)| model.react(&room, seq, *number));
            record.into_iter().collect()
        }
        Step::Evict { room, count } => model.evict(&name(room), *count).into_iter().collect(),
        Step::Forget { room } => model.forget(&name(room), 2),
        Step::Tidy | Step::Restart { .. } => Vec::new(),
    }
}

/// Whether the store has all that the model has. It may hold more of the oldest entries
/// of a room, whose eviction was not stored.
fn check(model: &Model, restored: &Restored) {
    assert_eq!(restored.seq, model.seq);
    assert_eq!(restored.dropped_through, model.dropped_through);
    assert_eq!(restored.forgotten, model.forgotten);
    let mut names: Vec<_> = restored.rooms.iter().map(|room| &room.name).collect();
    names.sort();
    assert!(names.iter().copied().eq(model.rooms.keys()));
    for room in &restored.rooms {
        let history = &model.rooms[&room.name];
        let held: Vec<_> = history.since(0).map(shown).collect();
        let restored: Vec<_> = room.entries.iter().map(shown).collect();
        assert!(restored.ends_with(&held), "{held:#?} {restored:#?}");
        assert_eq!(room.next, history.next_place());
        assert!(room.evicted_through <= history.evicted_through());
        let more = &room.entries[..restored.len() - held.len()];
        for entry in more {
            assert!(entry.seq() <= history.evicted_through());
            assert!(entry.seq() > room.evicted_through);
            if let Some(change) = history.item(entry.seq()) {
                assert_eq!(entry.json(), change.json(), "an old state");
            }
        }
        if more.is_empty() {
            assert_eq!(room.evicted_through, history.evicted_through());
        }
        let is_counted = history.place_after(0) == Some(crate::chat::place::Place::FIRST);
        assert!(is_counted || !room.is_counted_from_start);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_records_are_restored_after_any_end(steps in steps(), together in 1..5_usize) {
        let mut folder = TestFolder::new();
        let (mut store, restored) = folder.open();
        let mut model = Model::new(&restored.generations);
        let mut records = Vec::new();
        for step in &steps {
            records.extend(records_of(&mut model, step));
            if records.len() >= together || matches!(step, Step::Tidy | Step::Restart { .. }) {
                store.commit(&std::mem::take(&mut records)).unwrap();
            }
            match step {
                Step::Tidy => store.tidy().unwrap(),
                Step::Restart { is_killed } => {
                    if *is_killed {
                        let copy = folder.copy();
                        drop(store);
                        folder = copy;
                    } else {
                        drop(store);
                    }
                    let restored;
                    (store, restored) = folder.open();
                    check(&model, &restored);
                    // What the store still held is evicted again, as by a hub.
                    for room in &restored.rooms {
                        let through = model.rooms[&room.name].evicted_through();
                        if through > room.evicted_through {
                            records.push(Record::Evicted {
                                room: room.name.clone(),
                                count: 0,
                                through,
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        store.commit(&records).unwrap();
        check(&model, &folder.peek_copy());
        store.tidy().unwrap();
        let tidied = folder.peek_copy();
        check(&model, &tidied);
        for room in &tidied.rooms {
            prop_assert_eq!(room.evicted_through, model.rooms[&room.name].evicted_through());
        }
        drop(store);
        prop_assert_eq!(contents(&folder.peek().unwrap()), contents(&tidied));
    }
}

#[test]
fn an_evicted_message_is_not_restored_in_an_old_state() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let name = room("a");
    let mut records = vec![model.publish(&name, Model::draft("one", 1))];
    let mut edit = |model: &mut Model, text: &str| {
        let edit = Change::Edit(MessageText::parse(text, 100).unwrap());
        records.extend(model.change(&name, 1, &edit, author(1)));
        records.extend(model.evict(&name, usize::from(text == "two")));
    };
    edit(&mut model, "two");
    edit(&mut model, "three");
    assert_eq!(records.len(), 4);
    store.commit(&records).unwrap();
    check(&model, &folder.peek_copy());
}

impl TestFolder {
    fn peek_copy(&self) -> Restored {
        self.copy().peek().unwrap()
    }
}

/// A store with ten entries in each of three rooms.
fn three_rooms() -> (TestFolder, Model) {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    for number in 0..30 {
        let name = room(["a", "b", "c"][number as usize / 10]);
        let record = model.publish(&name, Model::draft("x", 6 * number + 1));
        store.commit(&[record]).unwrap();
    }
    (folder, model)
}

#[test]
fn memory_bounds_what_is_loaded() {
    let (folder, model) = three_rooms();
    let peek = |limits| {
        let options = super::StoreOptions {
            limits,
            ..options()
        };
        let restored = folder.peek_with(&options).unwrap();
        let rooms = restored.rooms.iter();
        let rooms: Vec<_> = rooms
            .map(|room| {
                assert_eq!(room.next, model.rooms[&room.name].next_place());
                let first = room
                    .entries
                    .first()
                    .map_or(u64::MAX, crate::chat::Entry::seq);
                let last = room.entries.len() as u64;
                assert!(room.entries.is_empty() || room.evicted_through + 1 == first || last == 10);
                (room.name.as_str().to_owned(), room.entries.len())
            })
            .collect();
        rooms
    };
    let of = |a, b, c| {
        let rooms = [("c", c), ("b", b), ("a", a)];
        rooms.map(|(name, count)| (name.to_owned(), count)).to_vec()
    };
    let limits = HubLimits::default;
    let mut all = peek(limits());
    all.sort();
    assert_eq!(all.iter().map(|(_, count)| count).sum::<usize>(), 30);
    let history = HubLimits {
        history: 3,
        ..limits()
    };
    let mut few = peek(history);
    few.sort();
    assert!(few.iter().all(|(_, count)| *count == 3));
    let costs = |name: &str, count: usize| -> usize {
        let history = model.rooms[&room(name)].since(0).rev();
        history.take(count).map(|entry| entry.cost()).sum()
    };
    // The rooms were used within the same millisecond or in order.
    let budget = HubLimits {
        history_budget: costs("a", 10) + costs("b", 10),
        ..limits()
    };
    let some = peek(budget);
    let loaded: usize = some.iter().map(|(_, count)| count).sum();
    assert!((18..=22).contains(&loaded), "{some:?}");
    let nothing = HubLimits {
        history_bytes: 10,
        ..limits()
    };
    let mut none = peek(nothing);
    none.sort();
    assert_eq!(none, {
        let mut none = of(0, 0, 0);
        none.sort();
        none
    });
}

#[test]
fn entries_that_are_not_loaded_are_deleted_and_the_numbers_go_on() {
    let (folder, mut model) = three_rooms();
    let nothing = HubLimits {
        history_bytes: 10,
        ..HubLimits::default()
    };
    let options = super::StoreOptions {
        limits: nothing,
        ..options()
    };
    let (mut store, _) = super::SqliteStore::open(folder.path(), &options).unwrap();
    store.tidy().unwrap();
    let record = model.publish(&room("a"), Model::draft("x", 1));
    store.commit(&[record]).unwrap();
    drop(store);
    let restored = folder.peek().unwrap();
    let counts: usize = restored.rooms.iter().map(|room| room.entries.len()).sum();
    assert_eq!(counts, 1);
    for room in &restored.rooms {
        assert_eq!(room.next, model.rooms[&room.name].next_place());
        assert!(room.evicted_through > 0);
    }
}

#[test]
fn bans_are_restored_with_their_ends_until_they_are_lifted() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let (name, until) = (room("a"), SystemTime::now() + Duration::from_secs(60));
    let mut records = vec![model.publish(&name, Model::draft("x", 1))];
    records.extend((1..=3).map(|number| Model::ban(&name, number, until)));
    records.push(Model::ban(&name, 3, until + Duration::from_secs(1)));
    records.push(Record::BansLifted {
        room: name.clone(),
        keys: vec![Model::ban_key(2), Model::ban_key(9)],
    });
    store.commit(&records).unwrap();
    let restored = folder.copy().peek().unwrap();
    let mut bans = restored.rooms[0].bans.clone();
    bans.sort_by_key(|(_, ban)| ban.until);
    let found: Vec<_> = bans
        .iter()
        .map(|(key, ban)| (*key, ban.message.seq))
        .collect();
    assert_eq!(found, [(Model::ban_key(1), 1), (Model::ban_key(3), 3)]);
    let left = bans[1].1.until.duration_since(until).unwrap();
    assert!((1000..1002).contains(&left.as_millis()), "{left:?}");
    store.commit(&model.forget(&name, 9)).unwrap();
    drop(store);
    let restored = folder.peek().unwrap();
    assert_eq!((restored.rooms.len(), restored.forgotten.len()), (0, 1));
}

#[test]
fn a_store_that_fills_up_fails_for_good_and_keeps_what_was_committed() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let name = room("a");
    store
        .commit(&[model.publish(&name, Model::draft("x", 1))])
        .unwrap();
    let before = contents(&folder.copy().peek().unwrap());
    store.fill_up();
    let record = model.publish(&name, Model::draft(&"y".repeat(100_000), 1));
    let error = store.commit(&[record]).unwrap_err().to_string();
    assert!(error.contains("full") && !error.contains('\n'), "{error}");
    let small = model.publish(&name, Model::draft("z", 1));
    assert!(store.commit(&[small]).is_err() && store.tidy().is_err());
    drop(store);
    assert_eq!(contents(&folder.peek().unwrap()), before);
}
