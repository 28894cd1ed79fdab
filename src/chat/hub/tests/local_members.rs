//! What other nodes are to know of the members here.

use super::*;
use crate::chat::member_outbox::MemberChange;

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn text(change: &MemberChange) -> String {
    let sign = if change.joins { '+' } else { '-' };
    format!("{}{sign}{}", change.room.as_str(), change.name.as_str())
}

/// Takes at most `most` changes: the room, `+` or `-`, and the name of each.
fn take(hub: &Hub, most: usize) -> Vec<String> {
    let changes = hub.take_member_changes(most).changes;
    assert!(changes.len() <= most);
    changes.iter().map(text).collect()
}

/// Takes all changes, `most` at a time.
fn take_all(hub: &Hub, most: usize) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let taken = hub.take_member_changes(most);
        all.extend(taken.changes.iter().map(text));
        if !taken.has_more {
            return all;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_is_queued_at_once_and_a_leave_after_the_grace_period() {
    let hub = Hub::new(limits());
    let wake = hub.share_members();
    wake.notified().await;
    assert_eq!(take_all(&hub, 9), [""; 0]);
    let ann = attend(&hub, &["b", "a"], Some("Ann"));
    wake.notified().await;
    let again = attend(&hub, &["a"], Some("Ann"));
    let nameless = attend(&hub, &["a"], None);
    assert_eq!(take_all(&hub, 1), ["b+Ann", "a+Ann"]);
    drop((again, nameless, ann));
    idle_for(&hub, 4).await;
    assert_eq!(take(&hub, 9), [""; 0]);
    idle_for(&hub, 1).await;
    tokio::time::timeout(Duration::from_secs(1), wake.notified())
        .await
        .unwrap();
    let mut left = take(&hub, 9);
    left.sort();
    assert_eq!(left, ["a-Ann", "b-Ann"]);
    assert_eq!(hub.room_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_changed_is_queued_at_once_and_a_short_visit_not_at_all() {
    let hub = Hub::new(limits());
    hub.share_members();
    let ada = attend(&hub, &["a"], Some("Ada"));
    assert_eq!(take_all(&hub, 9), ["a+Ada"]);
    let _bea = hub.subscribe(SubscribeOptions {
        was: Some(user("Ada")),
        ..options(&["a"], Some("Bea"))
    });
    drop(ada);
    assert_eq!(take(&hub, 9), ["a+Bea", "a-Ada"]);
    drop(attend(&hub, &["a"], Some("Cy")));
    idle_for(&hub, 5).await;
    assert_eq!(take(&hub, 9), [""; 0], "the join and the leave cancel out");
}

#[test]
fn a_hub_that_shares_nothing_queues_nothing() {
    let hub = Hub::new(limits());
    let _ann = attend(&hub, &["a"], Some("Ann"));
    let taken = hub.take_member_changes(9);
    assert!(taken.changes.is_empty() && !taken.has_more);
    assert_eq!(hub.take_unread_rooms(9), []);
    hub.remote_changed(1, "n1", &room("a"), &[(user("Bob"), true)]);
    assert!(!hub.remote_left(2, "n1"));
    assert_eq!(members(&hub, "a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_begins_anew_lists_all_its_members_in_parts() {
    let hub = Hub::new(limits());
    let _early = attend(&hub, &["b"], Some("Early"));
    hub.share_members();
    assert_eq!(take_all(&hub, 9), ["b+Early"], "it was there before");
    let names: Vec<String> = (0..2000)
        .map(|number| format!("name {number:04}"))
        .collect();
    let enter = |name: &String| attend(&hub, &["a", "c"], Some(name));
    let mut streams: Vec<_> = names.iter().map(enter).collect();
    let there: Vec<_> = (0..3000)
        .map(|number| (user(&format!("m {number}")), true))
        .collect();
    hub.remote_changed(1, "n1", &room("a"), &there);
    assert_eq!(take_all(&hub, 100).len(), 4000);
    hub.list_all_members();
    let first = take(&hub, 1500);
    assert!(first.len() <= 1024, "{}", first.len());
    // Some that were listed and some that were not leave and come.
    streams.drain(..3);
    streams.drain(streams.len() - 3..);
    let _new = [
        attend(&hub, &["a"], Some("A")),
        attend(&hub, &["c"], Some("Z")),
    ];
    idle_for(&hub, 5).await;
    let mut known: std::collections::BTreeSet<String> = first.into_iter().collect();
    for change in take_all(&hub, 700) {
        match change.split_once('-') {
            Some((room, name)) => assert!(known.remove(&format!("{room}+{name}")), "{change}"),
            None => assert!(known.insert(change.clone()), "{change}"),
        }
    }
    assert_eq!(known.len(), 2 * 1994 + 3);
    assert!(
        ["a+A", "b+Early", "c+Z", "c+name 1996"]
            .iter()
            .all(|name| known.contains(*name))
    );
    assert!(!known.contains("a+name 0000") && !known.contains("c+name 1997"));
}

#[tokio::test(start_paused = true)]
async fn queued_changes_are_at_most_the_members_that_were_taken_and_those_that_are() {
    let hub = Hub::new(limits());
    hub.share_members();
    let enter = |number| attend(&hub, &["a"], Some(&format!("name {number}")));
    for round in 0..4 {
        let streams: Vec<_> = (0..10).map(|number| enter(round * 10 + number)).collect();
        if round == 0 {
            take_all(&hub, 99);
        }
        let waiting = hub.lock().queued_member_changes();
        assert!(waiting <= 20, "{waiting} in round {round}");
        drop(streams);
        idle_for(&hub, 5).await;
    }
    assert_eq!(take(&hub, 99).len(), 10, "those that were taken leave");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_wanted_of_each_new_room_and_of_all_after_a_loss() {
    let hub = Hub::new(limits());
    publish_text(&hub, "a", "x");
    let wake = hub.share_members();
    let _reader = attend(&hub, &["b"], None);
    wake.notified().await;
    assert_eq!(hub.take_unread_rooms(1), [room("b")]);
    assert_eq!(hub.take_unread_rooms(1), [room("a")]);
    assert_eq!(hub.take_unread_rooms(1), [room("b")], "all were to be read");
    assert_eq!(hub.take_unread_rooms(9), []);
    drop(attend(&hub, &["c"], None));
    assert_eq!(hub.take_unread_rooms(9), [], "it is forgotten");
    publish_text(&hub, "c", "x");
    assert_eq!(hub.take_unread_rooms(9), [room("c")]);
    hub.read_all_rooms();
    assert_eq!(hub.take_unread_rooms(2), [room("a"), room("b")]);
    assert_eq!(hub.take_unread_rooms(2), [room("c")]);
    assert_eq!(hub.take_unread_rooms(2), []);
}
