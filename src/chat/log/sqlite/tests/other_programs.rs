//! Other programs that change the files while a server has them open.

use std::fs;

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
