//! A hub with a store: what is assigned is shown once it is durable. These tests
//! commit by hand, without the committer's thread.

use std::thread;
use std::time::SystemTime;

use super::*;
use crate::chat::generations::Generations;
use crate::chat::log::committer::Committer;
use crate::chat::log::restored::{Restored, RestoredRoom};
use crate::chat::log::{Record, RecordBatch, Store, StoreError};
use crate::chat::place::Place;
use crate::chat::{Author, Ban, BanKey, Change, Commit, HistoryUnavailable, Requester};
use crate::config::DataSettings;

const QUEUE_BYTES: usize = 4000;

fn empty() -> Restored {
    Restored {
        generations: Generations::new(),
        seq: 0,
        dropped_through: 0,
        forgotten: Vec::new(),
        rooms: Vec::new(),
        excess: 0,
    }
}

fn settings(commit_queue: usize) -> DataSettings {
    DataSettings {
        commit_queue,
        ..DataSettings::default()
    }
}

fn stored() -> Arc<Hub> {
    Hub::restore(limits(), empty(), &settings(QUEUE_BYTES))
}

fn publish(hub: &Hub, text: &str, client_id: Option<&str>) -> Result<Published, PublishError> {
    let draft = Draft {
        author: Author::for_test(),
        ..draft(text, client_id)
    };
    hub.publish(&room("a"), draft)
}

fn pending(published: Published) -> (Entry, bool, Commit) {
    match published {
        Published::Pending {
            entry,
            is_new,
            commit,
        } => (entry, is_new, commit),
        other => panic!("{other:?}"),
    }
}

/// What the committer takes.
fn take(hub: &Hub) -> RecordBatch {
    hub.take_batch(&thread::current(), true)
}

/// Does what the committer does once `batch` is durable.
fn show(hub: &Hub, batch: RecordBatch) {
    for wait in hub.show_batch(batch) {
        let _ = wait.send(());
    }
}

fn commit(hub: &Hub) -> Vec<Record> {
    let batch = take(hub);
    let records = batch.records.clone();
    show(hub, batch);
    records
}

async fn is_done(commit: Commit) -> bool {
    tokio::select! {
        biased;
        done = commit.done() => done.is_ok(),
        () = std::future::ready(()) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_shown_once_it_is_durable() {
    let hub = stored();
    let mut reader = reader(&hub, "a", None);
    let (first, is_new, done) = pending(publish(&hub, "first", None).unwrap());
    let (second, ..) = pending(publish(&hub, "second", None).unwrap());
    assert_eq!((first.number(), second.number()), (Some(1), Some(2)));
    assert_eq!((first.seq(), second.seq(), is_new), (1, 2, true));
    let batch = take(&hub);
    assert_eq!(held(&hub, "a"), 0);
    assert!(reader.now().is_none());
    let late = hub.subscribe(options(&["a"], None)).unwrap().take_hello();
    let late = late.unwrap();
    assert_eq!(late.cursor, Cursor::Id(id(&hub, 0)));
    assert_eq!((late.rooms[0].newest, late.rooms[0].next), (None, 1));
    let (_third, ..) = pending(publish(&hub, "third", None).unwrap());
    show(&hub, batch);
    assert!(is_done(done).await);
    assert_eq!(held(&hub, "a"), 2, "the third is in the next batch");
    assert_eq!(std::iter::from_fn(|| reader.now()).count(), 2);
    commit(&hub);
    assert_eq!(held(&hub, "a"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_the_first_request() {
    let hub = stored();
    let (first, ..) = pending(publish(&hub, "hi", Some("c")).unwrap());
    let batch = take(&hub);
    let (again, is_new, done) = pending(publish(&hub, "hi", Some("c")).unwrap());
    assert_eq!((again.id(), is_new), (first.id(), false));
    let other = publish(&hub, "ho", Some("c")).unwrap_err();
    assert_eq!(other, PublishError::ClientIdReused);
    show(&hub, batch);
    commit(&hub);
    assert!(is_done(done).await);
    let again = publish(&hub, "hi", Some("c")).unwrap();
    assert!(matches!(again, Published::Duplicate(entry) if entry.id() == first.id()));
}

#[tokio::test(start_paused = true)]
async fn a_change_knows_the_changes_before_it() {
    let hub = stored();
    let (message, ..) = pending(publish(&hub, "one", Some("c")).unwrap());
    let requester = Requester {
        author: Author::for_test(),
        may_moderate: false,
    };
    let edit = |text: &str| Change::Edit(MessageText::parse(text, 100).unwrap());
    let change = |change: &Change| hub.change(&room("a"), message.id(), change, &requester);
    let (_, is_new, _) = pending(change(&edit("two")).unwrap());
    assert!(is_new);
    let (same, is_new, _) = pending(change(&edit("two")).unwrap());
    assert_eq!((same.id(), is_new), (message.id(), false));
    drop(pending(change(&Change::Delete).unwrap()));
    assert_eq!(change(&edit("three")).unwrap_err(), ChangeError::NotFound);
    let (retried, is_new, _) = pending(publish(&hub, "one", Some("c")).unwrap());
    let ends = |end: &str| retried.json_for_sender().ends_with(end.as_bytes());
    assert!(!is_new && ends("\"deleted\":true,\"client_id\":\"c\"}"));
    let records = commit(&hub);
    assert_eq!(records.len(), 3);
    let page = hub.page(
        &room("a"),
        HistoryQuery {
            after: None,
            before: None,
            limit: 10,
        },
    );
    assert_eq!(page.entries.len(), 1);
    assert!(page.entries[0].json().ends_with(b"\"deleted\":true}"));
    let again = change(&Change::Delete).unwrap();
    assert!(matches!(again, Published::Duplicate(_)));
}

#[tokio::test(start_paused = true)]
async fn a_restored_ban_holds() {
    let ban = Ban {
        message: "e-1".parse().unwrap(),
        name: None,
        until: SystemTime::now() + Duration::from_secs(60),
    };
    let key = BanKey::of(&Author::for_test()).unwrap();
    let bans = vec![(key, ban)];
    let hub = Hub::restore(
        limits(),
        Restored {
            generations: Generations::new(),
            seq: 1,
            dropped_through: 0,
            forgotten: Vec::new(),
            excess: 0,
            rooms: vec![RestoredRoom {
                name: room("a"),
                evicted_through: 0,
                next: Place::FIRST,
                is_counted_from_start: true,
                last_used: SystemTime::now(),
                older: Vec::new(),
                entries: Vec::new(),
                bans,
            }],
        },
        &settings(QUEUE_BYTES),
    );
    assert!(hub.is_banned(&room("a"), &Author::for_test()));
    assert!(!hub.is_banned(&room("b"), &Author::for_test()));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_takes_nothing_and_a_retry_is_still_found() {
    let hub = stored();
    drop(pending(publish(&hub, "first", Some("c")).unwrap()));
    commit(&hub);
    let unavailable = PublishError::HistoryUnavailable(HistoryUnavailable);
    let refused = (0..100).find_map(|_| publish(&hub, "more", None).err());
    assert_eq!(refused, Some(unavailable));
    let again = publish(&hub, "first", Some("c")).unwrap();
    assert!(matches!(again, Published::Duplicate(_)));
    let requester = Requester::default();
    let deleted = hub.change(
        &room("a"),
        id(&hub, 1),
        &Change::Delete,
        &Requester {
            may_moderate: true,
            ..requester
        },
    );
    assert_eq!(
        deleted.unwrap_err(),
        ChangeError::HistoryUnavailable(HistoryUnavailable)
    );
    let batch = take(&hub);
    assert!(
        publish(&hub, "more", None).is_err(),
        "it is not durable yet"
    );
    show(&hub, batch);
    drop(pending(publish(&hub, "more", None).unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_closed_log_refuses_and_so_do_those_who_wait() {
    let hub = stored();
    let (_, _, done) = pending(publish(&hub, "hi", None).unwrap());
    let batch = take(&hub);
    let (_, _, later) = pending(publish(&hub, "hi", None).unwrap());
    hub.close_log();
    drop(batch);
    assert_eq!(done.done().await, Err(HistoryUnavailable));
    assert_eq!(later.done().await, Err(HistoryUnavailable));
    assert!(publish(&hub, "hi", None).is_err());
    assert_eq!(held(&hub, "a"), 0);
}

#[tokio::test(start_paused = true)]
async fn evicted_entries_leave_the_store() {
    let hub = Hub::restore(
        HubLimits {
            history: 2,
            ..limits()
        },
        Restored {
            generations: Generations::new(),
            seq: 7,
            dropped_through: 0,
            forgotten: Vec::new(),
            rooms: Vec::new(),
            excess: 0,
        },
        &settings(1 << 20),
    );
    for _ in 0..4 {
        drop(pending(publish(&hub, "hi", None).unwrap()));
    }
    assert_eq!(commit(&hub).len(), 4);
    // The committer leaves them to the next commit, or to the next second.
    let batch = hub.take_batch(&thread::current(), false);
    assert!(batch.is_empty(), "{batch:?}");
    let evicted: Vec<_> = commit(&hub)
        .into_iter()
        .map(|record| match record {
            Record::Evicted { count, through, .. } => (count, through),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(evicted, [(1, 8), (1, 9)]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_entry_leaves_the_store_whether_memory_holds_it_or_not() {
    let hub = Hub::restore(
        HubLimits {
            history: 2,
            stored_history: 10,
            stored_history_budget: 1 << 20,
            history_age: Some(Duration::from_secs(30)),
            ..limits()
        },
        empty(),
        &settings(1 << 20),
    );
    let say = |count: usize| {
        (0..count).for_each(|_| drop(pending(publish(&hub, "hi", None).unwrap())));
        commit(&hub).len()
    };
    let sizes = || {
        let totals = hub.totals();
        (totals.older_entries, totals.history_entries)
    };
    assert_eq!((say(3), sizes()), (3, (1, 2)));
    idle_for(&hub, 20).await;
    assert_eq!((say(1), sizes()), (1, (2, 2)));
    idle_for(&hub, 10).await;
    assert_eq!(sizes(), (0, 1), "the third was in memory");
    assert!(hub.totals().older_bytes == 0);
    let records = commit(&hub);
    assert!(
        matches!(
            records[..],
            [Record::Evicted {
                count: 3,
                through: 3,
                ..
            }]
        ),
        "{records:?}"
    );
    idle_for(&hub, 20).await;
    assert_eq!(sizes(), (0, 0));
}

// Nothing answers reads here: the disk hangs.
#[tokio::test(start_paused = true)]
async fn a_read_that_is_not_answered_ends() {
    let hub = Hub::restore(
        HubLimits {
            history: 1,
            stored_history: 10,
            stored_history_budget: 1 << 20,
            ..limits()
        },
        empty(),
        &settings(1 << 20),
    );
    let (first, ..) = pending(publish(&hub, "one", None).unwrap());
    drop(pending(publish(&hub, "two", None).unwrap()));
    commit(&hub);
    let query = |limit| HistoryQuery {
        after: None,
        before: None,
        limit,
    };
    let lobby = room("a");
    let newest = hub.page_with_store(&lobby, query(1)).await.unwrap();
    assert_eq!(newest.entries.len(), 1);
    let begun = tokio::time::Instant::now();
    let page = hub.page_with_store(&lobby, query(2)).await;
    assert_eq!(page.err(), Some(HistoryUnavailable));
    let requester = Requester {
        author: Author::for_test(),
        may_moderate: true,
    };
    let deleted = hub.change_with_store(&lobby, first.id(), &Change::Delete, &requester);
    let unavailable = ChangeError::HistoryUnavailable(HistoryUnavailable);
    assert_eq!(deleted.await.unwrap_err(), unavailable);
    assert_eq!(begun.elapsed().as_secs(), 20, "ten for each");
}

#[tokio::test(start_paused = true)]
async fn a_room_is_kept_while_something_of_it_waits() {
    let hub = stored();
    drop(pending(publish(&hub, "hi", None).unwrap()));
    idle_for(&hub, 61).await;
    assert_eq!(hub.room_count(), 1);
    commit(&hub);
    idle_for(&hub, 61).await;
    assert_eq!(hub.room_count(), 0);
    let records = commit(&hub);
    assert!(
        matches!(records[..], [Record::Forgotten { .. }]),
        "{records:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_tombstone_uses_up_a_seq_once_it_is_durable() {
    let hub = stored();
    for name in ["a", "b", "c", "d"] {
        drop(pending(
            hub.publish(&room(name), draft("hi", None)).unwrap(),
        ));
        commit(&hub);
        idle_for(&hub, 61).await;
    }
    assert_eq!(hub.lock().newest(), 4);
    let records = commit(&hub);
    assert_eq!(hub.lock().newest(), 5);
    let dropped = records.iter().find_map(|record| match record {
        Record::TombstoneDropped { room, through } => Some((room.as_str(), *through)),
        _ => None,
    });
    assert_eq!(dropped, Some(("a", 5)));
    let (entry, ..) = pending(hub.publish(&room("b"), draft("hi", None)).unwrap());
    assert_eq!((entry.seq(), entry.number()), (6, Some(2)));
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_in_effect_at_once_and_stored() {
    let hub = stored();
    let (message, ..) = pending(publish(&hub, "hi", None).unwrap());
    commit(&hub);
    let until = SystemTime::now() + Duration::from_secs(60);
    let banned = hub.ban(&room("a"), message.id(), until).unwrap();
    assert!(hub.is_banned(&room("a"), &Author::for_test()));
    assert!(matches!(commit(&hub)[..], [Record::Banned { .. }]));
    assert!(is_done(banned).await);
    let lifted = hub.lift_ban(&room("a"), message.id()).unwrap().unwrap();
    let records = commit(&hub);
    assert!(matches!(&records[..], [Record::BansLifted { keys, .. }] if keys.len() == 1));
    assert!(is_done(lifted).await);
}

/// A store that holds nothing, or panics.
#[derive(Debug)]
struct EmptyStore {
    panics: bool,
}

impl Store for EmptyStore {
    fn commit(&mut self, _: &[Record]) -> Result<(), StoreError> {
        match self.panics {
            true => std::panic::resume_unwind(Box::new("a bug")),
            false => Ok(()),
        }
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn start(hub: &Arc<Hub>, panics: bool) -> Committer {
    Committer::start(hub, Box::new(EmptyStore { panics })).unwrap()
}

#[tokio::test]
async fn a_committer_stores_what_waits_before_it_ends_and_nothing_after() {
    let hub = stored();
    let committer = start(&hub, false);
    let (_, _, done) = pending(publish(&hub, "hi", None).unwrap());
    drop(committer);
    assert_eq!(done.done().await, Ok(()));
    assert!(publish(&hub, "hi", None).is_err());
    assert_eq!(held(&hub, "a"), 1);
}

#[tokio::test]
async fn a_committer_that_panics_is_a_failed_store() {
    let hub = stored();
    let committer = start(&hub, true);
    let (_, _, done) = pending(publish(&hub, "hi", None).unwrap());
    assert_eq!(done.done().await, Err(HistoryUnavailable));
    committer.failure().happens().await;
    assert!(committer.failure().error().is_some());
    assert!(publish(&hub, "hi", None).is_err());
}
