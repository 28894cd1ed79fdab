//! Members at other nodes, as a task of the server brings them.

use super::*;
use crate::chat::remote_snapshot::{RemoteSnapshot, SnapshotProgress};
use crate::protocol::PresenceEvent;

/// A hub that shares its members.
fn shared_hub(limits: HubLimits) -> Arc<Hub> {
    let hub = Hub::new(limits);
    hub.share_members();
    hub
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn change(hub: &Hub, number: u64, node: &str, name: &str, changes: &[(&str, bool)]) {
    let changes = changes.iter().map(|(name, joins)| (user(name), *joins));
    let changes: Vec<_> = changes.collect();
    hub.remote_changed(number, node, &room(name), &changes);
}

fn snapshot(name: &str, as_of: u64, nodes: &[(&str, &[&str])]) -> RemoteSnapshot {
    let nodes = nodes.iter().map(|(node, names)| {
        let names = names.iter().map(|name| user(name));
        (*node, names.collect())
    });
    RemoteSnapshot::new(room(name), as_of, nodes)
}

/// Lets a snapshot replace what is known. Returns how it ended.
fn set(hub: &Hub, mut snapshot: RemoteSnapshot) -> SnapshotProgress {
    loop {
        match hub.set_remote(&mut snapshot) {
            SnapshotProgress::More => {}
            end => return end,
        }
    }
}

/// The names of `GET /rooms/{room}/members`.
fn names(hub: &Hub, name: &str) -> Vec<String> {
    let members: serde_json::Value = serde_json::from_slice(&hub.members(&room(name))).unwrap();
    let listed = members["members"].as_array().unwrap();
    let name = |member: &serde_json::Value| member["name"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = listed.iter().map(name).collect();
    names.sort();
    names
}

/// The next presence event.
fn next_event(reader: &mut TestReader) -> Option<PresenceEvent> {
    let text = reader.now()?.event().text();
    let text = std::str::from_utf8(&text).unwrap();
    let data = text.strip_prefix("event: presence\ndata: ").unwrap();
    Some(serde_json::from_str(data.trim_end()).unwrap())
}

fn many(first: usize, number: usize) -> Vec<(UserName, bool)> {
    let numbers = first..first + number;
    numbers
        .map(|number| (user(&format!("name {number}")), true))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn members_at_other_nodes_are_in_hello_lists_and_events() {
    let hub = shared_hub(limits());
    let mut watcher = TestReader::of(&hub, attend(&hub, &["a"], Some("Ann")));
    assert_eq!(next_event(&mut watcher).unwrap().count, 1);
    hub.tick();
    next_event(&mut watcher).unwrap();
    change(
        &hub,
        1,
        "n1",
        "a",
        &[("Bob", true), ("Cy", true), ("Cy", false)],
    );
    change(&hub, 2, "n2", "a", &[("Bob", true), ("Dan", true)]);
    change(&hub, 3, "n2", "z", &[("Eve", true)]);
    assert_eq!(names(&hub, "a"), ["Ann", "Bob", "Dan"]);
    assert_eq!(hub.rooms(None, 9)[0].members, 3);
    assert_eq!(hub.room_count(), 1, "rooms that are not here are ignored");
    let mut stream = attend(&hub, &["a"], None);
    assert_eq!(stream.take_hello().unwrap().rooms[0].members, 3);
    idle_for(&hub, 1).await;
    let event = next_event(&mut watcher).unwrap();
    let joined: Vec<_> = event
        .joined
        .unwrap()
        .into_iter()
        .map(|member| member.name)
        .collect();
    assert_eq!(
        (event.count, joined),
        (3, vec!["Bob".to_owned(), "Dan".to_owned()])
    );
    assert!(!hub.remote_left(4, "n2"));
    assert_eq!(names(&hub, "a"), ["Ann", "Bob"]);
    idle_for(&hub, 1).await;
    let left = next_event(&mut watcher).unwrap().left.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(hub.lock().members(), (1, 1), "those here");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_members_of_a_node_come_and_go_in_parts_and_as_counts() {
    let hub = shared_hub(limits());
    let mut watcher = TestReader::of(&hub, attend(&hub, &["a"], None));
    let _b = attend(&hub, &["b"], None);
    next_event(&mut watcher).unwrap();
    for number in 0..50 {
        hub.remote_changed(
            number + 1,
            "n1",
            &room("a"),
            &many(number as usize * 200, 200),
        );
    }
    hub.remote_changed(51, "n1", &room("b"), &many(0, 10));
    change(&hub, 52, "n2", "a", &[("name 7", true)]);
    assert_eq!((members(&hub, "a"), members(&hub, "b")), (10_000, 10));
    idle_for(&hub, 1).await;
    assert_eq!(
        next_event(&mut watcher),
        Some(PresenceEvent::count("a".to_owned(), 10_000))
    );
    assert_eq!(next_event(&mut watcher), None);
    loop {
        let before = members(&hub, "a") + members(&hub, "b");
        let has_more = hub.remote_left(53, "n1");
        let left = before - members(&hub, "a") - members(&hub, "b");
        assert!(left <= 128, "{left} in one part");
        if !has_more {
            break;
        }
        assert!(left >= 127, "{left}, and one of them stays");
    }
    assert_eq!(names(&hub, "a"), ["name 7"]);
    assert_eq!(members(&hub, "b"), 0);
    idle_for(&hub, 1).await;
    let event = next_event(&mut watcher).unwrap();
    assert_eq!(
        (event.count, event.members.map(|list| list.len())),
        (1, Some(1))
    );
    assert_eq!(next_event(&mut watcher), None);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_replaces_what_is_known_in_parts_and_without_a_leave_of_names_that_moved() {
    let hub = shared_hub(limits());
    let mut watcher = TestReader::of(&hub, attend(&hub, &["a"], None));
    hub.remote_changed(1, "n1", &room("a"), &many(0, 100));
    change(&hub, 2, "n2", "a", &[("Zoe", true)]);
    hub.tick();
    while next_event(&mut watcher).is_some() {}
    let moved = many(0, 100).into_iter().map(|(name, _)| name);
    let new = many(500, 300).into_iter().map(|(name, _)| name);
    let nodes = [("n3", moved.collect()), ("n4", new.collect())];
    let mut snapshot = RemoteSnapshot::new(room("a"), 9, nodes);
    let (mut before, mut parts) = (101, 0);
    let end = loop {
        let progress = hub.set_remote(&mut snapshot);
        let now = members(&hub, "a");
        assert!(now.abs_diff(before) <= 128, "{before} then {now}");
        (before, parts) = (now, parts + 1);
        if progress != SnapshotProgress::More {
            break progress;
        }
    };
    assert_eq!((end, before), (SnapshotProgress::Done, 400));
    assert!(parts >= 8, "{parts}");
    assert!(!hub.remote_left(10, "n1") && !hub.remote_left(11, "n2"));
    assert_eq!(members(&hub, "a"), 400, "they have no members any more");
    assert!(hub.remote_left(12, "n4"));
    assert!(hub.remote_left(12, "n4"));
    assert!(!hub.remote_left(12, "n4"));
    assert_eq!(
        set(&hub, self::snapshot("a", 12, &[])),
        SnapshotProgress::Done
    );
    assert_eq!(members(&hub, "a"), 0);
    assert!(hub.lock().other_nodes().is_empty());
}

#[test]
fn a_snapshot_has_all_changes_up_to_its_number_and_no_later_ones() {
    let hub = shared_hub(limits());
    let _reader = attend(&hub, &["a"], None);
    let _other = attend(&hub, &["b"], None);
    change(&hub, 3, "n1", "a", &[("Ann", true)]);
    let known = |as_of| snapshot("a", as_of, &[("n1", &["Bob"])]);
    assert_eq!(set(&hub, known(2)), SnapshotProgress::Outdated);
    assert_eq!(names(&hub, "a"), ["Ann"]);
    assert_eq!(set(&hub, known(7)), SnapshotProgress::Done);
    change(&hub, 6, "n1", "a", &[("Bob", false), ("Ann", true)]);
    assert_eq!(names(&hub, "a"), ["Bob"], "the snapshot had this change");
    change(&hub, 7, "n1", "a", &[("Ann", false), ("Bob", true)]);
    assert_eq!(names(&hub, "a"), ["Bob"]);
    change(&hub, 8, "n1", "a", &[("Ann", true)]);
    assert_eq!(names(&hub, "a"), ["Ann", "Bob"]);
    // A node has left since the snapshot of a room in which it was not known.
    assert!(!hub.remote_left(9, "n1"));
    let late = snapshot("b", 8, &[("n1", &["Bob"])]);
    assert_eq!(set(&hub, late), SnapshotProgress::Outdated);
    assert_eq!(members(&hub, "b"), 0);
    assert_eq!(set(&hub, snapshot("z", 9, &[])), SnapshotProgress::NoRoom);
}

#[test]
fn numbers_may_begin_anew_when_all_rooms_are_read_again() {
    let hub = shared_hub(limits());
    let _reader = attend(&hub, &["a"], None);
    change(&hub, 70, "n1", "a", &[("Ann", true)]);
    assert!(!hub.remote_left(71, "n2"));
    hub.read_all_rooms();
    assert_eq!(names(&hub, "a"), ["Ann"], "until it is read");
    let known = snapshot("a", 2, &[("n3", &["Bob"])]);
    assert_eq!(set(&hub, known), SnapshotProgress::Done);
    change(&hub, 3, "n3", "a", &[("Cy", true)]);
    assert_eq!(names(&hub, "a"), ["Bob", "Cy"]);
}

#[test]
fn a_snapshot_ends_with_its_room() {
    let hub = shared_hub(limits());
    let reader = attend(&hub, &["a"], None);
    let mut late = snapshot("a", 1, &[("n1", &["Ann"])]);
    assert_eq!(hub.set_remote(&mut late), SnapshotProgress::More);
    assert_eq!(members(&hub, "a"), 1);
    drop(reader);
    let _reader = attend(&hub, &["a"], None);
    assert_eq!(hub.set_remote(&mut late), SnapshotProgress::NoRoom);
    assert_eq!(members(&hub, "a"), 0);
}

#[tokio::test(start_paused = true)]
async fn members_at_other_nodes_keep_no_room_and_are_freed_with_it() {
    let hub = shared_hub(limits());
    let reader = attend(&hub, &["a"], None);
    publish_text(&hub, "b", "x");
    for name in ["a", "b"] {
        change(&hub, 1, "n1", name, &[("Ann", true), ("Bob", true)]);
        change(&hub, 2, "n2", name, &[("Ann", true)]);
    }
    assert_eq!(hub.lock().other_nodes().len(), 2);
    drop(reader);
    assert_eq!(hub.room_count(), 1, "it never had a message");
    assert_eq!(hub.lock().other_nodes()["n1"], 1);
    idle_for(&hub, 61).await;
    assert_eq!(hub.room_count(), 0);
    assert!(hub.lock().other_nodes().is_empty());
}

#[test]
fn members_at_other_nodes_take_no_place_of_the_limit_and_have_a_bound_of_their_own() {
    let hub = shared_hub(HubLimits {
        max_members: 2,
        ..limits()
    });
    let enter = |name| hub.subscribe(options(&["a"], Some(name)));
    let _ann = enter("Ann").unwrap();
    hub.remote_changed(1, "n1", &room("a"), &many(0, 20));
    assert_eq!(
        (members(&hub, "a"), hub.dropped_remote_names()),
        (1 + 16, 4)
    );
    let _seven = enter("name 7").unwrap();
    assert_eq!(members(&hub, "a"), 17);
    assert!(matches!(enter("name 8"), Err(SubscribeError::MemberLimit)));
    hub.remote_changed(2, "n1", &room("a"), &[(user("name 1"), false)]);
    assert_eq!(
        set(&hub, snapshot("a", 3, &[("n1", &["Cy", "Dan"])])),
        SnapshotProgress::Done
    );
    change(&hub, 4, "n2", "a", &[("Eve", true)]);
    assert_eq!(names(&hub, "a"), ["Ann", "Cy", "Eve", "name 7"]);
}
