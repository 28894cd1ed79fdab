//! What was deleted is in no file of the folder.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::TestFolder;
use super::model::{Model, room};
use crate::chat::author::Author;
use crate::chat::change::Change;
use crate::chat::log::reading::{StoreReader as _, StoredId};
use crate::chat::log::sqlite::SqliteReader;
use crate::chat::log::{Record, Store as _};
use crate::protocol::MessageText;

/// The files that hold `text`.
fn files_with(folder: &TestFolder, text: &str) -> Vec<String> {
    let finder = memchr::memmem::Finder::new(text);
    let files = folder.files().into_iter();
    let found = files.filter(|(_, bytes)| finder.find(bytes).is_some());
    found.map(|(name, _)| name).collect()
}

#[test]
fn a_deleted_message_is_erased_from_all_files() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let name = room("a");
    // The second does not fit into one page, the third is an event of a program.
    let texts = [
        ("first secret", 1),
        ("large secret", 7),
        ("event secret", 6),
    ];
    for (text, number) in texts {
        let text = if number == 7 {
            text.repeat(1000)
        } else {
            text.to_owned()
        };
        let record = model.publish(&name, Model::draft(&text, number));
        store.commit(&[record]).unwrap();
    }
    store.tidy().unwrap();
    for (text, _) in texts {
        assert!(!files_with(&folder, text).is_empty(), "{text}");
    }
    // An earlier state is erased, too.
    let edit = Change::Edit(MessageText::parse("other secret", 100).unwrap());
    let own = model.rooms[&name].item(1).unwrap().author();
    let edited = model.change(&name, 1, &edit, own).unwrap();
    store.commit(&[edited]).unwrap();
    for seq in 1..=3 {
        let deleted = model.change(&name, seq, &Change::Delete, Author::default());
        store.commit(&[deleted.unwrap()]).unwrap();
    }
    store.tidy().unwrap();
    for (text, _) in texts.into_iter().chain([("other secret", 0)]) {
        assert_eq!(files_with(&folder, text), [""; 0], "{text}");
    }
    drop(store);
    for (text, _) in texts {
        assert_eq!(files_with(&folder, text), [""; 0], "{text}");
    }
    assert_eq!(folder.peek().unwrap().rooms[0].entries.len(), 6);
}

#[test]
fn a_message_that_is_deleted_after_its_eviction_is_erased() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let name = room("a");
    let secret = "evicted secret";
    let mut records = vec![model.publish(&name, Model::draft(secret, 1))];
    records.extend(model.react(&name, 1, 1));
    store.commit(&records).unwrap();
    // Not stored yet when the message is deleted.
    let evicted = model.evict(&name, 1).unwrap();
    let deleted = model
        .change(&name, 1, &Change::Delete, Author::default())
        .unwrap();
    assert!(matches!(&deleted, Record::Entry { current: None, .. }));
    store.commit(&[evicted, deleted]).unwrap();
    store.tidy().unwrap();
    assert_eq!(files_with(&folder, secret), [""; 0]);
}

#[test]
fn a_message_that_was_moved_within_the_file_is_erased() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let mut random = fastrand::Rng::with_seed(7);
    let rooms: Vec<_> = (0..20).map(|number| room(&format!("r{number}"))).collect();
    // Rows of different lengths are inserted, changed and deleted everywhere.
    for _ in 0..40 {
        let mut records = Vec::new();
        for _ in 0..50 {
            let name = &rooms[random.usize(..rooms.len())];
            let text = format!("secret {}. {}", model.seq, "x".repeat(random.usize(..600)));
            records.push(model.publish(name, Model::draft(&text, random.u64(..).max(1))));
            let items = model.items(name);
            let item = items[random.usize(..items.len())];
            records.extend(model.react(name, item, random.u64(..50)));
            if random.u8(..4) == 0 {
                records.extend(model.evict(name, random.usize(..8)));
            }
        }
        store.commit(&records).unwrap();
        store.tidy().unwrap();
    }
    for _ in 0..100 {
        let name = &rooms[random.usize(..rooms.len())];
        let items = model.items(name);
        let item = items[random.usize(..items.len())];
        let Some(deleted) = model.change(name, item, &Change::Delete, Author::default()) else {
            continue;
        };
        store.commit(&[deleted]).unwrap();
        let text = format!("secret {}. ", item - 1);
        // After a crash, too.
        let crashed = folder.copy();
        crashed.open().0.tidy().unwrap();
        assert_eq!(files_with(&crashed, &text), [""; 0], "{text}");
        store.tidy().unwrap();
        assert_eq!(files_with(&folder, &text), [""; 0], "{text}");
    }
}

#[test]
fn reads_do_not_delay_an_erasure() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let name = room("a");
    let ids: Vec<_> = (1..=200)
        .map(|seq| StoredId {
            room: name.clone(),
            seq,
            cost: 0,
        })
        .collect();
    let records = (0..200).map(|_| model.publish(&name, Model::draft("one of many", 1)));
    store.commit(&records.collect::<Vec<_>>()).unwrap();
    let mut reader = SqliteReader::open(folder.path(), &store, restored.generations).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let (found, error) = reader.read(&ids);
                assert_eq!((found.len(), error), (200, None));
            }
        });
        for round in 0..30 {
            let secret = format!("secret of round {round}");
            let record = model.publish(&name, Model::draft(&secret, 1));
            store.commit(&[record]).unwrap();
            let seq = model.seq;
            let deleted = model.change(&name, seq, &Change::Delete, Author::default());
            store.commit(&[deleted.unwrap()]).unwrap();
            store.tidy().unwrap();
            let left = files_with(&folder, &secret);
            if !left.is_empty() {
                is_done.store(true, Ordering::Relaxed);
            }
            assert_eq!(left, [""; 0], "{secret}");
        }
        is_done.store(true, Ordering::Relaxed);
    });
}
