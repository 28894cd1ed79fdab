//! A store that can't be opened is refused with one line, and left as it was.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use rusqlite::Connection;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::model::{Model, room};
use super::{OpenError, SqliteStore, StoreOptions, TestFolder, contents, options};
use crate::chat::log::Store as _;
use crate::chat::log::sqlite::folder::{FILE, WAL};
use crate::chat::log::sqlite::{backup, export, import};
use crate::chat::rooms::HubLimits;

/// A store with one message, closed.
fn folder_with_store() -> TestFolder {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    store
        .commit(&[model.publish(&room("a"), Model::draft("x", 1))])
        .unwrap();
    folder
}

/// Why the store is refused. Nothing in the folder is changed.
fn refusal(folder: &TestFolder) -> OpenError {
    let before = folder.files();
    let error = SqliteStore::open(folder.path(), &options()).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n') && text.contains(';'), "{text}");
    assert!(folder.files() == before, "{text}");
    error
}

#[test]
fn a_folder_is_made_for_this_user_alone_and_holds_a_store() {
    let folder = TestFolder::new();
    let dir = folder.path().join("x/y");
    let (store, restored) = SqliteStore::open(&dir, &options()).unwrap();
    assert_eq!((restored.seq, restored.rooms.len()), (0, 0));
    let mode = fs::metadata(&dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    drop(store);
    let (_store, again) = SqliteStore::open(&dir, &options()).unwrap();
    assert_eq!(again.generations.present(), restored.generations.present());
}

#[test]
fn files_are_for_this_user_alone_whatever_the_permissions_of_the_folder() {
    let folders = [TestFolder::new(), TestFolder::new(), TestFolder::new()];
    for folder in &folders {
        fs::create_dir(folder.path()).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let [folder, copied, imported] = &folders;
    let (store, _) = folder.open();
    let mut names = Vec::new();
    let mut check = |folder: &TestFolder| {
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file:?}");
            names.push(file.file_name());
        }
    };
    check(folder);
    backup(folder.path(), copied.path()).unwrap();
    check(copied);
    let mut lines = Vec::new();
    export(folder.path(), &mut lines).unwrap();
    import(imported.path(), &mut &*lines).unwrap();
    check(imported);
    assert_eq!(names.len(), 4 + 1 + 1, "{names:?}");
    drop(store);
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    assert!(matches!(refusal(&folder), OpenError::InUse));
    store
        .commit(&[model.publish(&room("a"), Model::draft("x", 1))])
        .unwrap();
    drop(store);
    assert_eq!(folder.open().1.seq, 1);
}

#[test]
fn a_path_that_is_no_folder_or_can_t_be_made_is_refused() {
    let folder = TestFolder::new();
    fs::write(folder.path(), "x").unwrap();
    for dir in [folder.path().to_owned(), folder.path().join("x")] {
        let error = SqliteStore::open(&dir, &options()).unwrap_err();
        assert!(matches!(error, OpenError::NotAFolder), "{error}");
    }
    fs::remove_file(folder.path()).unwrap();
    let error = SqliteStore::open("/proc/sse-chat".as_ref(), &options()).unwrap_err();
    assert!(matches!(error, OpenError::Access(_)), "{error}");
}

#[test]
fn a_file_of_another_program_is_refused() {
    let folder = TestFolder::new();
    fs::create_dir(folder.path()).unwrap();
    let file = folder.path().join(FILE);
    fs::write(&file, "text ".repeat(100)).unwrap();
    assert!(matches!(refusal(&folder), OpenError::Foreign));
    fs::remove_file(&file).unwrap();
    Connection::open(&file)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    assert!(matches!(refusal(&folder), OpenError::Foreign));
}

#[test]
fn a_file_that_is_not_a_regular_one_is_refused_at_once() {
    for name in [FILE, WAL, "history.sqlite3-shm", "history.lock"] {
        for kind in ["pipe", "link", "dangling link", "folder"] {
            let folder = folder_with_store();
            let path = folder.path().join(name);
            let target = folder.path().join("target");
            if fs::rename(&path, &target).is_err() {
                fs::write(&target, "").unwrap();
            }
            match kind {
                "pipe" => mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap(),
                "folder" => fs::create_dir(&path).unwrap(),
                _ => symlink("target", &path).unwrap(),
            }
            if kind == "dangling link" {
                fs::remove_file(&target).unwrap();
            }
            let names = || {
                let files = fs::read_dir(folder.path()).unwrap();
                let names = files.map(|file| file.unwrap().file_name());
                names.collect::<BTreeSet<_>>()
            };
            let (before, is) = (names(), fs::symlink_metadata(&path).unwrap().file_type());
            let error = SqliteStore::open(folder.path(), &options()).unwrap_err();
            let is_refused = matches!(error, OpenError::NotAFile(file) if file == name);
            assert!(is_refused, "{name} {kind} {error}");
            assert_eq!(names(), before, "{name} {kind}");
            assert_eq!(fs::symlink_metadata(&path).unwrap().file_type(), is);
        }
    }
}

#[test]
fn a_format_of_the_future_is_refused() {
    let folder = folder_with_store();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    let error = refusal(&folder);
    assert!(matches!(error, OpenError::Newer { format: 2 }), "{error}");
}

#[test]
fn a_missing_table_row_or_file_is_damage() {
    for sql in [
        "DROP TABLE bans",
        "DROP INDEX changes",
        "DELETE FROM state",
        "DELETE FROM generations",
        "DELETE FROM rooms",
        "DELETE FROM entries",
        "UPDATE entries SET room = 7",
        "UPDATE entries SET state = 'y'",
        "UPDATE entries SET seq = 9",
        "UPDATE state SET seq = 7",
        "UPDATE rooms SET name = 'b'",
        "INSERT INTO generations VALUES (7, 'e', NULL, 0)",
        "INSERT INTO bans VALUES (1, x'00', 'e-1', NULL, 1, 0)",
    ] {
        let folder = folder_with_store();
        let connection = Connection::open(folder.path().join(FILE)).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        assert!(matches!(refusal(&folder), OpenError::Damaged(_)), "{sql}");
    }
    let folder = folder_with_store();
    fs::rename(folder.path().join(FILE), folder.path().join(WAL)).unwrap();
    assert!(matches!(refusal(&folder), OpenError::Damaged(_)));
}

#[test]
fn all_of_a_store_is_checked_on_request() {
    let folder = folder_with_store();
    let options = StoreOptions {
        check: true,
        ..options()
    };
    folder.peek_with(&options).unwrap();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection
        .execute_batch(
            "CREATE INDEX more ON entries (room); PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema \
             WHERE name = 'rooms') WHERE name = 'more'",
        )
        .unwrap();
    drop(connection);
    // It is of no use to the store.
    folder.peek().unwrap();
    let error = folder.peek_with(&options).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
}

#[test]
fn the_check_reads_rows_that_are_not_loaded() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    for number in 1..=3 {
        store
            .commit(&[model.publish(&room("a"), Model::draft("x", number))])
            .unwrap();
    }
    drop(store);
    let with_check = |check| StoreOptions {
        check,
        limits: HubLimits {
            history: 1,
            stored_history: 100,
            ..HubLimits::default()
        },
        ..options()
    };
    folder.peek_with(&with_check(true)).unwrap();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection
        .execute("UPDATE entries SET address = 'x' WHERE seq = 1", [])
        .unwrap();
    drop(connection);
    let restored = folder.peek_with(&with_check(false)).unwrap();
    assert_eq!(restored.rooms[0].entries.len(), 1);
    let error = folder.peek_with(&with_check(true)).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
}

#[test]
fn a_store_that_is_moved_or_left_by_a_killed_process_opens() {
    let folder = folder_with_store();
    let (mut store, restored) = folder.open();
    let mut model = Model::new(&restored.generations);
    model.seq = restored.seq;
    store
        .commit(&[model.publish(&room("b"), Model::draft("x", 1))])
        .unwrap();
    let before = contents(&folder.copy().peek().unwrap());
    let killed = folder.copy();
    let moved = TestFolder::new();
    drop(store);
    fs::rename(killed.path(), moved.path()).unwrap();
    let (_store, restored) = moved.open();
    assert_eq!(contents(&restored), before);
    assert_eq!(restored.rooms.len(), 2);
}

#[test]
fn the_free_space_of_a_folder_is_known() {
    let folder = TestFolder::new();
    assert!(super::super::free_bytes(folder.path()).is_err());
    fs::create_dir(folder.path()).unwrap();
    assert!(super::super::free_bytes(folder.path()).unwrap() > 0);
}
