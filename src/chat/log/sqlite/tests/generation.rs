//! When a new generation begins, and how the chain is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::model::{Model, room};
use super::{SqliteStore, StoreOptions, TestFolder, contents, machine, options};
use crate::chat::log::Store as _;
use crate::chat::log::sqlite::machine::Machine;
use crate::config::SyncMode;

const BATCH: SyncMode = SyncMode::Batch(Duration::from_millis(1));

fn with_sync(sync: SyncMode) -> StoreOptions {
    StoreOptions { sync, ..options() }
}

/// How many generations have ended when a store is opened again at `boot`.
fn ended_after(sync: SyncMode, is_closed: bool, boot: Option<&str>) -> usize {
    let mut folder = TestFolder::new();
    let opened = SqliteStore::open_on(&machine("a"), folder.path(), &with_sync(sync));
    let (mut store, restored) = opened.unwrap();
    let mut model = Model::new(&restored.generations);
    store
        .commit(&[model.publish(&room("a"), Model::draft("x", 1))])
        .unwrap();
    if !is_closed {
        folder = folder.copy();
    }
    drop(store);
    let now = Machine {
        boot: boot.map(str::to_owned),
        now: SystemTime::now(),
    };
    // The mode of the last run counts, not that of this one.
    let opened = SqliteStore::open_on(&now, folder.path(), &with_sync(SyncMode::Full));
    let (_store, restored) = opened.unwrap();
    let ended: Vec<_> = restored.generations.ended().collect();
    for ended in &ended {
        assert_eq!((ended.epoch, ended.end), (model.generations.present(), 1));
        assert!(restored.generations.present() > ended.epoch);
    }
    assert_eq!(restored.rooms[0].entries[0].id(), model.generations.id(1));
    ended.len()
}

#[test]
fn a_generation_begins_after_the_end_of_a_machine_that_had_not_synced() {
    for sync in [BATCH, SyncMode::Off] {
        assert_eq!(ended_after(sync, false, Some("a")), 0);
        assert_eq!(ended_after(sync, false, Some("b")), 1);
        assert_eq!(ended_after(sync, false, None), 1);
        assert_eq!(ended_after(sync, true, Some("b")), 0);
    }
    for is_closed in [false, true] {
        assert_eq!(ended_after(SyncMode::Full, is_closed, Some("b")), 0);
    }
}

#[test]
fn generations_begin_on_request_with_later_epochs_whatever_the_clock_says() {
    let folder = TestFolder::new();
    let options = StoreOptions {
        new_generation: true,
        ..options()
    };
    let mut epochs = Vec::new();
    for now in [SystemTime::now(), UNIX_EPOCH, SystemTime::now(), UNIX_EPOCH] {
        let machine = Machine {
            boot: Some("a".to_owned()),
            now,
        };
        let (mut store, restored) =
            SqliteStore::open_on(&machine, folder.path(), &options).unwrap();
        let mut model = Model::new(&restored.generations);
        model.seq = restored.seq;
        let name = room(&format!("r{}", epochs.len()));
        store
            .commit(&[model.publish(&name, Model::draft("x", 1))])
            .unwrap();
        epochs.push(restored.generations.present());
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    let restored = folder.peek().unwrap();
    let ended: Vec<_> = restored
        .generations
        .ended()
        .map(|ended| ended.end)
        .collect();
    // The first was that of the new store, in which nothing was said.
    assert_eq!(ended, [0, 1, 2, 3]);
    for room in &restored.rooms {
        let place: usize = room.name.as_str()[1..].parse().unwrap();
        let entry = &room.entries[0];
        assert_eq!(
            (entry.id().epoch, entry.seq()),
            (epochs[place], place as u64 + 1)
        );
    }
}

#[test]
fn a_batch_is_synced_later_and_all_of_it_is_there_after_a_kill() {
    for sync in [BATCH, SyncMode::Off] {
        let folder = TestFolder::new();
        let (mut store, restored) = SqliteStore::open(folder.path(), &with_sync(sync)).unwrap();
        let mut model = Model::new(&restored.generations);
        for number in 0..50 {
            store
                .commit(&[model.publish(&room("a"), Model::draft("x", number))])
                .unwrap();
        }
        store.tidy().unwrap();
        let killed = folder.copy().peek().unwrap();
        assert_eq!(killed.seq, 50);
        drop(store);
        assert_eq!(contents(&folder.peek().unwrap()), contents(&killed));
    }
}
