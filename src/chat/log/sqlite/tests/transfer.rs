//! Backups, exports and imports hold all of a store, and begin new generations.

use super::super::transfer::TransferError;
use super::super::{BackupError, backup, export, import};
use super::model::{Model, room};
use super::{FILE, OpenError, TestFolder, contents, shown};
use crate::chat::author::Author;
use crate::chat::change::Change;
use crate::chat::log::Store as _;
use crate::chat::log::restored::Restored;
use crate::chat::log::sqlite::SqliteStore;

/// An open store with everything in it.
pub(super) fn full_store(folder: &TestFolder) -> SqliteStore {
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    let mut records = Vec::new();
    for number in 0..40 {
        let name = room(&format!("r{}", number % 4));
        records.push(model.publish(&name, Model::draft("text \"x\"\n{}", number)));
        records.extend(model.react(&name, model.items(&name)[0], number));
    }
    let until = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
    records.push(Model::ban(&room("r2"), 2, until));
    records.extend(model.change(&room("r1"), 2, &Change::Delete, Author::default()));
    records.extend(model.evict(&room("r2"), 3));
    for name in ["r3", "r0"] {
        records.extend(model.forget(&room(name), 1));
    }
    store.commit(&records).unwrap();
    store.tidy().unwrap();
    store
}

/// The contents but the generations, of which a copy begins one.
fn check_copy(copy: &TestFolder, of: &Restored) {
    let (_store, restored) = copy.open();
    let ended: Vec<_> = restored.generations.ended().collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].epoch, ended[0].end),
        (of.generations.present(), of.seq)
    );
    assert_eq!(contents(&restored)[1..], contents(of)[1..]);
}

#[test]
fn a_backup_of_an_open_store_is_whole_and_begins_a_generation() {
    let (folder, copy) = (TestFolder::new(), TestFolder::new());
    let store = full_store(&folder);
    let bytes = backup(folder.path(), copy.path()).unwrap();
    assert!(bytes > 10_000, "{bytes}");
    check_copy(&copy, &folder.copy().peek().unwrap());
    for (from, to) in [(&folder, &copy), (&TestFolder::new(), &folder)] {
        let error = backup(from.path(), to.path()).unwrap_err();
        let is_refused = matches!(
            error,
            BackupError::Store(OpenError::Missing) | BackupError::Target(OpenError::Occupied)
        );
        assert!(is_refused, "{error:?}");
    }
    drop(store);
    assert_eq!(folder.files().len(), 2, "the store and its lock");
}

#[test]
fn a_backup_of_a_damaged_store_names_it_and_leaves_nothing() {
    let (folder, parent) = (TestFolder::new(), TestFolder::new());
    drop(full_store(&folder));
    let file = folder.path().join(FILE);
    let whole = std::fs::read(&file).unwrap();
    let text = b"text \\\"x\\\"";
    let in_text = whole.windows(text.len()).rposition(|part| part == text);
    // A page, and one letter of a text.
    for (from, count) in [(4096, 4096), (in_text.unwrap(), 1)] {
        let mut bytes = whole.clone();
        bytes[from..from + count].fill(b'~');
        std::fs::write(&file, bytes).unwrap();
        let error = backup(folder.path(), &parent.path().join("a/b")).unwrap_err();
        assert!(
            matches!(error, BackupError::Store(OpenError::Damaged(_))),
            "{error:?}"
        );
        assert!(!parent.path().exists());
    }
}

#[test]
fn an_import_that_is_refused_leaves_no_folder() {
    let parent = TestFolder::new();
    std::fs::create_dir_all(parent.path().join("a")).unwrap();
    let error = import(&parent.path().join("a/b/c"), &mut &b"x"[..]).unwrap_err();
    assert!(matches!(error, TransferError::Line(1, _)), "{error:?}");
    let left = std::fs::read_dir(parent.path().join("a")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn an_export_of_an_open_store_is_imported_as_it_was() {
    let (folder, copy) = (TestFolder::new(), TestFolder::new());
    let store = full_store(&folder);
    let mut lines = Vec::new();
    let count = export(folder.path(), &mut lines).unwrap();
    assert_eq!(count, lines.split(|byte| *byte == b'\n').count() as u64 - 1);
    let text = String::from_utf8(lines.clone()).unwrap();
    assert!(
        text.starts_with("{\"store\":{\"format\":1,\"seq\":"),
        "{text}"
    );
    assert_eq!(import(copy.path(), &mut &*lines).unwrap(), count);
    let restored = folder.copy().peek().unwrap();
    check_copy(&copy, &restored);
    let entries = restored.rooms.iter().flat_map(|room| &room.entries);
    assert_eq!(
        text.matches("{\"entry\":").count(),
        entries.map(shown).count()
    );
    drop(store);
    assert!(matches!(
        import(copy.path(), &mut &*lines),
        Err(TransferError::Store(OpenError::Occupied))
    ));
}
