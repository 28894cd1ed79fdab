//! Commits that are missing from the write-ahead log after a kill are noticed: no seq is
//! given twice in one generation.

use std::fs;

use super::model::{Model, room};
use super::{OpenError, SqliteStore, TestFolder, machine, options};
use crate::chat::log::Store as _;
use crate::chat::log::sqlite::folder::WAL;

const FRAME: usize = 4096 + 24;
const WAL_HEADER: usize = 32;
const COMMITS: u64 = 6;

/// A store as a process leaves it that was killed in its second run, at the start `a` of the
/// machine. Each commit of that run is in the log.
fn killed_store() -> TestFolder {
    let folder = TestFolder::new();
    drop(SqliteStore::open_on(&machine("b"), folder.path(), &options()).unwrap());
    let (mut store, restored) =
        SqliteStore::open_on(&machine("a"), folder.path(), &options()).unwrap();
    let mut model = Model::new(&restored.generations);
    for number in 1..=COMMITS {
        let text = "text ".repeat(2000);
        let record = model.publish(&room("a"), Model::draft(&text, number));
        store.commit(&[record]).unwrap();
    }
    folder.copy()
}

/// The last seq of the generation that ends when `folder` is opened at `boot`, if one does.
/// What follows gets ids that were never given.
fn ended_at(folder: &TestFolder, boot: &str) -> Result<Option<u64>, OpenError> {
    let (_store, restored) = SqliteStore::open_on(&machine(boot), folder.path(), &options())?;
    let mut ended = restored.generations.ended();
    let end = ended.next().map(|ended| ended.end);
    assert_eq!(ended.count(), 0);
    assert!(restored.seq == COMMITS || end.is_some());
    Ok(end)
}

fn with_wal(folder: &TestFolder, change: impl FnOnce(&mut Vec<u8>)) -> TestFolder {
    let copy = folder.copy();
    let path = copy.path().join(WAL);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, &bytes).unwrap();
    copy
}

/// Where each frame begins, and whether it ends a commit.
fn frames(folder: &TestFolder) -> Vec<(usize, bool)> {
    let bytes = fs::read(folder.path().join(WAL)).unwrap();
    let frames = (WAL_HEADER..bytes.len()).step_by(FRAME);
    let frames = frames.map(|at| (at, bytes[at + 4..at + 8] != [0; 4]));
    frames.collect()
}

#[test]
fn a_log_that_is_removed_after_a_kill_is_missed() {
    let killed = killed_store();
    assert_eq!(ended_at(&killed.copy(), "a").unwrap(), None);
    for boot in ["a", "b"] {
        let copy = killed.copy();
        fs::remove_file(copy.path().join(WAL)).unwrap();
        assert_eq!(ended_at(&copy, boot).unwrap(), Some(0), "{boot}");
    }
    // At the very start, too, and not after a clean end.
    let folder = TestFolder::new();
    let (store, _) = folder.open();
    let killed = folder.copy();
    assert!(fs::read(killed.path().join(WAL)).unwrap().is_empty());
    fs::remove_file(killed.path().join(WAL)).unwrap();
    assert_eq!(killed.open().1.generations.ended().count(), 1);
    drop(store);
    assert!(!folder.path().join(WAL).exists());
    assert_eq!(folder.open().1.generations.ended().count(), 0);
}

#[test]
fn a_log_with_a_bit_that_flipped_is_refused_or_begins_a_generation() {
    let killed = killed_store();
    let frames = frames(&killed);
    let mut random = fastrand::Rng::with_seed(22);
    let mut flips: Vec<_> = frames
        .iter()
        .enumerate()
        .flat_map(|(place, (at, _))| {
            let lost = frames[place..].iter().filter(|(_, is_commit)| *is_commit);
            let lost = lost.count();
            // In the salts or checksums, and in the page.
            [random.usize(8..24), random.usize(24..FRAME)].map(|more| (at + more, lost))
        })
        .collect();
    flips.extend((0..WAL_HEADER).map(|at| (at, COMMITS as usize)));
    for (at, lost) in flips {
        let flip = |bytes: &mut Vec<u8>| bytes[at] ^= 1 << (at % 8);
        let damaged = with_wal(&killed, flip);
        let before = fs::read(damaged.path().join(WAL)).unwrap();
        let end = Some(COMMITS - lost as u64);
        match ended_at(&damaged, "a") {
            Err(OpenError::Damaged(text)) => {
                assert!(lost > 1 && text.contains("write-ahead log"), "{at} {text}");
                assert!(fs::read(damaged.path().join(WAL)).unwrap() == before);
            }
            opened => assert!(lost == 1 && opened.unwrap() == end, "{at}"),
        }
        // The end of the machine may have been the reason.
        let opened = ended_at(&with_wal(&killed, flip), "b");
        assert_eq!(opened.unwrap(), end, "{at}");
    }
}

#[test]
fn frames_that_were_not_committed_begin_no_generation() {
    let killed = killed_store();
    let frames = frames(&killed);
    let (other, _) = frames.iter().find(|(_, is_commit)| !is_commit).unwrap();
    for more in [1, 23, 24, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME] {
        let longer = with_wal(&killed, |bytes| {
            let frame = bytes[*other..other + FRAME].to_vec();
            bytes.extend(frame.iter().cycle().take(more));
        });
        assert_eq!(ended_at(&longer, "a").unwrap(), None, "{more}");
    }
}
