//! A store that was cut off or changed is refused, or starts with what was committed at
//! some time. It never has a hole, and nothing panics.

use std::collections::HashSet;
use std::fs;

use super::model::{Model, room};
use super::{OpenError, TestFolder, contents};
use crate::chat::change::Change;
use crate::chat::log::Store as _;
use crate::chat::log::sqlite::folder::{FILE, WAL};

const PAGE: usize = 4096;
const FRAME: usize = PAGE + 24;
const WAL_HEADER: usize = 32;

/// A store as a killed process leaves it, with all that it could start with.
struct Damaged {
    folder: TestFolder,
    states: HashSet<Vec<String>>,
}

impl Damaged {
    /// A part of the commits is in the file, the rest in the write-ahead log.
    fn new() -> Self {
        let folder = TestFolder::new();
        let (mut store, restored) = folder.open();
        let mut model = Model::new(&restored.generations);
        let mut states = HashSet::new();
        for number in 0..60_u64 {
            let name = room(&format!("r{}", number % 5));
            let text = "text ".repeat(1 + (number as usize * 37) % 300);
            let mut records = vec![model.publish(&name, Model::draft(&text, number))];
            records.extend(model.react(&name, model.items(&name)[0], number));
            if number % 7 == 0 {
                let item = model.items(&name)[0];
                let author = crate::chat::author::Author::default();
                records.extend(model.change(&name, item, &Change::Delete, author));
            }
            store.commit(&records).unwrap();
            if number == 30 {
                store.tidy().unwrap();
            }
            if number >= 30 {
                states.insert(contents(&folder.copy().peek().unwrap()));
            }
        }
        let killed = folder.copy();
        Self {
            folder: killed,
            states,
        }
    }

    /// Opens a copy in which `change` changed one file.
    fn try_with(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), OpenError> {
        let copy = self.folder.copy();
        let path = copy.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let restored = copy.peek()?;
        let found = contents(&restored);
        assert!(self.states.contains(&found), "{found:#?}");
        Ok(())
    }
}

#[test]
fn a_store_that_is_cut_off_starts_with_an_earlier_commit_or_is_refused() {
    let store = Damaged::new();
    let size = |name: &str| fs::metadata(store.folder.path().join(name)).unwrap().len() as usize;
    let (pages, frames) = (size(FILE) / PAGE, (size(WAL) - WAL_HEADER) / FRAME);
    assert!(pages > 5 && frames > 20, "{pages} {frames}");
    for page in 0..pages {
        let cut = store.try_with(FILE, |bytes| bytes.truncate(page * PAGE));
        assert!(cut.is_err() || page > 0, "{page}");
    }
    let mut started = 0;
    for frame in 0..frames {
        for more in [0, 30] {
            let end = WAL_HEADER + frame * FRAME + more;
            let cut = store.try_with(WAL, |bytes| bytes.truncate(end));
            started += usize::from(cut.is_ok());
        }
    }
    assert_eq!(started, 2 * frames, "the log may end anywhere");
    store.try_with(WAL, Vec::clear).unwrap();
}

#[test]
fn a_bit_that_flips_anywhere_leaves_no_hole_and_no_other_text() {
    let store = Damaged::new();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut refused, mut started) = (0, 0);
    for name in [FILE, WAL].into_iter().cycle().take(240) {
        let flips = random.usize(1..4);
        let opened = store.try_with(name, |bytes| {
            for _ in 0..flips {
                let at = random.usize(..bytes.len());
                bytes[at] ^= 1 << random.u8(..8);
            }
        });
        match opened {
            Ok(()) => started += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 30 && started > 30, "{refused} {started}");
}
