//! Many rooms and many entries. The ignored tests print figures: run them in a release
//! build.

use std::time::{Duration, Instant};

use super::model::{Model, room};
use super::{SqliteStore, StoreOptions, TestFolder, options};
use crate::chat::log::{Record, Store as _};
use crate::chat::rooms::HubLimits;
use crate::config::SyncMode;
use crate::protocol::RoomName;

#[test]
fn ten_thousand_rooms_are_stored_and_restored() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let rooms: Vec<_> = (0..10_000)
        .map(|number| room(&format!("r{number}")))
        .collect();
    let publish = |name: &RoomName| model.publish(name, Model::draft("x", 1));
    let records: Vec<_> = rooms.iter().map(publish).collect();
    for records in records.chunks(1000) {
        store.commit(records).unwrap();
    }
    let forgotten: Vec<_> = rooms[..1000]
        .iter()
        .flat_map(|name| model.forget(name, 500))
        .collect();
    store.commit(&forgotten).unwrap();
    store.tidy().unwrap();
    drop(store);
    let (_store, restored) = folder.open();
    assert_eq!(
        (restored.rooms.len(), restored.forgotten.len()),
        (9000, 500)
    );
    assert_eq!((restored.seq, restored.dropped_through), (10_500, 10_500));
    assert!(restored.rooms.iter().all(|room| room.entries.len() == 1));
}

/// The time that this process has used the processor.
fn processor_time() -> Duration {
    let times = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = times.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

#[test]
#[ignore = "prints figures of a release build"]
fn a_million_entries_are_loaded() {
    let folder = TestFolder::on_disk();
    let sync = StoreOptions {
        sync: SyncMode::Off,
        ..options()
    };
    let (mut store, restored) = SqliteStore::open(folder.path(), &sync).unwrap();
    let mut model = Model::new(&restored.generations);
    let rooms: Vec<_> = (0..1000)
        .map(|number| room(&format!("room-{number}")))
        .collect();
    let text = "a message of some eighty characters, as people write them in rooms of a chat. ";
    let begun = Instant::now();
    for _ in 0..1000 {
        let publish = |name: &RoomName| model.publish(name, Model::draft(text, 1));
        let records: Vec<_> = rooms.iter().map(publish).collect();
        store.commit(&records).unwrap();
        store.tidy().unwrap();
    }
    println!("written in {:?}", begun.elapsed());
    drop(store);
    let bytes: usize = folder.files().iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} MiB", bytes >> 20);
    for budget in [256 << 20, usize::MAX] {
        let limits = HubLimits {
            history_budget: budget,
            ..HubLimits::default()
        };
        let options = StoreOptions {
            limits,
            ..sync.clone()
        };
        let begun = Instant::now();
        let restored = folder.peek_with(&options).unwrap();
        let entries: usize = restored.rooms.iter().map(|room| room.entries.len()).sum();
        println!("{entries} entries loaded in {:?}", begun.elapsed());
    }
}

#[test]
#[ignore = "prints figures of a release build"]
fn commits_are_measured() {
    for sync in [
        SyncMode::Full,
        SyncMode::Batch(Duration::from_millis(100)),
        SyncMode::Off,
    ] {
        for (rooms, together) in [(1, 1), (1, 128), (1000, 1), (1000, 128)] {
            let folder = TestFolder::on_disk();
            let options = StoreOptions { sync, ..options() };
            let (mut store, restored) = SqliteStore::open(folder.path(), &options).unwrap();
            let mut model = Model::new(&restored.generations);
            let names: Vec<_> = (0..rooms)
                .map(|number| room(&format!("room-{number}")))
                .collect();
            let text = "a message of some eighty characters, as people write them in a chat.";
            let commits = if together == 1 { 2000 } else { 400 };
            // Rooms keep ten entries, so that as many are evicted as are published.
            let mut next = 0;
            let batches: Vec<Vec<Record>> = (0..commits)
                .map(|_| {
                    let mut records = Vec::new();
                    for _ in 0..together {
                        let name = &names[next % rooms];
                        next += 1;
                        records.push(model.publish(name, Model::draft(text, 1)));
                        if model.items(name).len() > 10 {
                            records.extend(model.evict(name, 1));
                        }
                    }
                    records
                })
                .collect();
            let (begun, processor) = (Instant::now(), processor_time());
            let mut tidied = Instant::now();
            for records in &batches {
                store.commit(records).unwrap();
                if tidied.elapsed() > Duration::from_secs(1) {
                    tidied = Instant::now();
                    store.tidy().unwrap();
                }
            }
            let count = (commits * together) as u32;
            println!(
                "{sync:?} {rooms} rooms, {together} together: {:?} and {:?} of the processor each, \
                 {:?} each commit",
                begun.elapsed() / count,
                (processor_time() - processor) / count,
                begun.elapsed() / commits as u32,
            );
        }
    }
}
