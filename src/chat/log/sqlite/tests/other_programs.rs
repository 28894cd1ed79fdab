//! Other programs that change the files while a server has them open.

use std::fs;

use rusqlite::Connection;

use super::model::{Model, room};
use super::{SqliteStore, TestFolder};
use crate::chat::log::Store as _;
use crate::chat::log::sqlite::folder::{FILE, WAL};

#[test]
fn a_store_whose_files_are_removed_or_replaced_while_it_is_open_fails() {
    for (name, is_replaced) in [(FILE, false), (FILE, true), (WAL, false), (WAL, true)] {
        let folder = TestFolder::new();
        let (mut store, restored) = folder.open();
        let mut model = Model::new(&restored.generations);
        let mut commit = |store: &mut SqliteStore| {
            store.commit(&[model.publish(&room("a"), Model::draft("x", 1))])
        };
        commit(&mut store).unwrap();
        store.tidy().unwrap();
        let path = folder.path().join(name);
        match is_replaced {
            true => {
                let copy = folder.path().join("copy");
                fs::copy(&path, &copy).unwrap();
                fs::rename(&copy, &path).unwrap();
            }
            false => fs::remove_file(&path).unwrap(),
        }
        let error = store.tidy().unwrap_err().to_string();
        assert_eq!(error, format!("{name} was removed or replaced"));
        assert!(commit(&mut store).is_err());
    }
}

#[test]
fn a_lock_of_another_program_is_named_in_the_error() {
    let folder = TestFolder::new();
    let (mut store, restored) = folder.open();
    store.wait_for_no_lock();
    let mut model = Model::new(&restored.generations);
    let other = Connection::open(folder.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let record = model.publish(&room("a"), Model::draft("x", 1));
    let error = store.commit(&[record]).unwrap_err().to_string();
    assert_eq!(error, "another program holds a lock on history.sqlite3");
}
