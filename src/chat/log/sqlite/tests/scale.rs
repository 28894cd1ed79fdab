//! Many rooms.

use super::TestFolder;
use super::model::{Model, room};
use crate::chat::log::Store as _;
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
