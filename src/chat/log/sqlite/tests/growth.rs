//! The files stay as large as they are once history is full: rows of what is evicted are
//! deleted, in slices, and their pages are used again.

use std::fs;

use super::model::{Model, room};
use super::{SqliteStore, TestFolder};
use crate::chat::author::Author;
use crate::chat::change::Change;
use crate::chat::generations::Generations;
use crate::chat::log::sqlite::folder::WAL;
use crate::chat::log::{Record, Store as _};
use crate::protocol::{MessageText, RoomName};

const ROOMS: usize = 8;
/// Entries that a room holds.
const HISTORY: usize = 25;
/// Records of a commit, about.
const RECORDS: usize = 20;
/// Commits between two quiet moments.
const COMMITS: usize = 10;
/// The most bytes of the write-ahead log. In a quiet moment about 4 MiB of it are moved into
/// the file, by an estimate that is low for rows of these lengths; only from 64 MiB on does a
/// commit do it by itself.
const MAX_WAL: u64 = 32 << 20;

/// A hub with a short history. Its first rooms get most of the entries.
struct Load {
    model: Model,
    rooms: Vec<RoomName>,
    /// Entries that each room got.
    counts: [usize; ROOMS],
    deletes: bool,
    random: fastrand::Rng,
}

impl Load {
    fn new(generations: &Generations, deletes: bool) -> Self {
        Self {
            model: Model::new(generations),
            rooms: (0..ROOMS)
                .map(|number| room(&format!("r{number}")))
                .collect(),
            counts: [0; ROOMS],
            deletes,
            random: fastrand::Rng::with_seed(22),
        }
    }

    /// Whether each room has replaced its history at least once.
    fn is_full(&self) -> bool {
        self.counts.iter().all(|count| *count >= 2 * HISTORY)
    }

    fn held(&self) -> usize {
        self.model.rooms.values().map(|history| history.len()).sum()
    }

    /// The records of one commit.
    fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < RECORDS {
            let place = self.random.usize(..ROOMS).min(self.random.usize(..ROOMS));
            let name = self.rooms[place].clone();
            let Some(record) = self.entry(&name) else {
                continue;
            };
            records.push(record);
            self.counts[place] += 1;
            let excess = self.model.rooms[&name].len().saturating_sub(HISTORY);
            records.extend(self.model.evict(&name, excess));
        }
        records
    }

    /// A message, an event or a change, if it changes something.
    fn entry(&mut self, name: &RoomName) -> Option<Record> {
        let length = self.random.usize(1..1500);
        let text = "x".repeat(length);
        let items = self.model.items(name);
        let draw = self.random.u8(..10);
        if draw < 6 || items.is_empty() {
            let draft = Model::draft(&text, self.random.u64(1..));
            return Some(self.model.publish(name, draft));
        }
        let item = items[self.random.usize(..items.len())];
        match draw {
            6 | 7 => self.model.react(name, item, self.random.u64(..50)),
            8 if self.deletes => self
                .model
                .change(name, item, &Change::Delete, Author::default()),
            _ => {
                let author = self.model.rooms[name].item(item)?.author();
                let edit = Change::Edit(MessageText::parse(&text, 1 << 20).unwrap());
                self.model.change(name, item, &edit, author)
            }
        }
    }
}

/// Commits, and the quiet moment after them, in which all garbage is deleted.
fn run(store: &mut SqliteStore, load: &mut Load) {
    for _ in 0..COMMITS {
        store.commit(&load.records()).unwrap();
    }
    store.tidy().unwrap();
    assert_eq!(rows(store), load.held());
}

fn rows(store: &SqliteStore) -> usize {
    let rows = store.number("SELECT count(*) FROM entries");
    usize::try_from(rows).unwrap()
}

/// Pages of the file, the free ones included: it never has fewer.
fn pages(store: &SqliteStore) -> i64 {
    store.number("PRAGMA page_count")
}

fn wal_bytes(folder: &TestFolder) -> u64 {
    fs::metadata(folder.path().join(WAL)).unwrap().len()
}

#[test]
fn once_history_is_full_the_files_grow_no_more() {
    for deletes in [true, false] {
        let folder = TestFolder::new();
        let (mut store, restored) = folder.open();
        let mut load = Load::new(&restored.generations, deletes);
        while !load.is_full() {
            run(&mut store, &mut load);
        }
        let (full, entries) = (pages(&store), load.model.seq);
        let mut most_wal = 0;
        while load.model.seq < 3 * entries {
            run(&mut store, &mut load);
            most_wal = most_wal.max(wal_bytes(&folder));
        }
        let end = pages(&store);
        // Lengths are drawn, so the bytes that are held vary by some percent.
        assert!(end <= full + full / 5, "{full} pages, then {end}");
        assert!(most_wal <= MAX_WAL, "{most_wal} bytes of the log");
    }
}

#[test]
fn rows_of_a_forgotten_room_are_deleted_in_slices() {
    const ENTRIES: usize = 10_000;
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let name = room("a");
    let records: Vec<_> = (0..ENTRIES)
        .map(|_| model.publish(&name, Model::draft("x", 1)))
        .collect();
    store.commit(&records).unwrap();
    store.commit(&model.forget(&name, 9)).unwrap();
    let mut left = vec![rows(&store)];
    while left.last() != Some(&0) {
        store.tidy().unwrap();
        left.push(rows(&store));
    }
    assert_eq!(left, [9488, 5392, 1296, 0]);
}
