use super::*;
use crate::chat::test_reader::{TestDelivery, TestReader};
use crate::chat::{Draft, Gap, HubLimits, Published, RoomList};
use crate::protocol::{Backlog, EventId, MessageText, RoomName, UserName};

fn hub(history: usize) -> Arc<Hub> {
    Hub::new(HubLimits {
        history,
        history_bytes: 16 << 20,
        history_budget: 64 << 20,
        max_rooms: 200,
        default_room: rooms(&["a"]).remove(0),
        max_members: 100_000,
        max_typing_members: 50,
        stored_history: 0,
        stored_history_budget: 0,
        history_age: None,
        room_idle: std::time::Duration::from_secs(60),
        presence_rate: 1 << 20,
        presence_rate_total: 8 << 20,
        channel_slots: 256,
        channel_large: 1 << 20,
    })
}

fn rooms(names: &[&str]) -> Vec<RoomName> {
    names
        .iter()
        .map(|name| RoomName::parse(name).unwrap())
        .collect()
}

fn reader(hub: &Arc<Hub>, names: &[&str], cursor: Option<&str>, backlog: Backlog) -> TestReader {
    TestReader::of(hub, subscribe(hub, names, cursor, backlog))
}

fn subscribe(
    hub: &Arc<Hub>,
    names: &[&str],
    cursor: Option<&str>,
    backlog: Backlog,
) -> Subscription {
    let cursor = cursor.map(|cursor| Cursor::parse(cursor.as_bytes()));
    hub.subscribe(SubscribeOptions {
        cursor,
        backlog,
        ..SubscribeOptions::to(RoomList::new(rooms(names)).unwrap())
    })
    .unwrap()
}

fn publish(hub: &Hub, name: &str) -> u64 {
    publish_text(hub, name, "x")
}

fn publish_text(hub: &Hub, name: &str, text: &str) -> u64 {
    let draft = Draft::new(
        UserName::parse("Alice").unwrap(),
        MessageText::parse(text, usize::MAX).unwrap(),
    );
    match hub.publish(&RoomName::parse(name).unwrap(), draft).unwrap() {
        Published::New(entry) => entry.seq(),
        other => panic!("{other:?}"),
    }
}

async fn seqs(reader: &mut TestReader, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    for _ in 0..count {
        match reader.next().await {
            TestDelivery::Entry(entry) => seqs.push(entry.seq()),
            other => panic!("{other:?}"),
        }
    }
    seqs
}

fn has_nothing(reader: &mut TestReader) -> bool {
    reader.now().is_none()
}

#[tokio::test]
async fn messages_between_the_start_and_the_first_poll_are_not_lost() {
    let hub = hub(1000);
    let mut reader = reader(&hub, &["a"], None, Backlog::Last(0));
    let seq = publish(&hub, "a");
    assert_eq!(seqs(&mut reader, 1).await, [seq]);
    assert!(has_nothing(&mut reader));
}

#[tokio::test]
async fn a_backlog_is_the_last_messages_of_each_room_in_id_order() {
    let hub = hub(1000);
    for name in ["a", "b", "a", "a", "b", "c"] {
        publish(&hub, name);
    }
    let mut reader = reader(&hub, &["a", "b"], None, Backlog::Last(2));
    let hello = reader.subscription().take_hello().unwrap();
    assert_eq!(
        hello.cursor,
        Cursor::Id(id(&hub, 1)),
        "a reader that is disconnected now gets the same again"
    );
    assert_eq!(seqs(&mut reader, 4).await, [2, 3, 4, 5]);
    assert!(has_nothing(&mut reader));
}

#[tokio::test]
async fn a_large_replay_comes_in_batches_and_later_messages_follow() {
    let hub = hub(1000);
    let text = "x".repeat(10_000);
    (0..50).for_each(|_| {
        publish_text(&hub, "a", &text);
    });
    let mut reader = reader(&hub, &["a"], None, Backlog::All);
    assert_eq!(seqs(&mut reader, 1).await, [1]);
    assert!(
        reader.subscription().ready().count() < 10,
        "a batch is bounded"
    );
    publish(&hub, "a");
    assert_eq!(seqs(&mut reader, 50).await, (2..=51).collect::<Vec<_>>());
    assert!(has_nothing(&mut reader));
}

#[tokio::test]
async fn a_lagging_reader_is_served_from_history_without_a_gap() {
    let hub = hub(1000);
    let mut reader = reader(&hub, &["a"], None, Backlog::Last(0));
    assert!(has_nothing(&mut reader));
    (0..500).for_each(|_| {
        publish(&hub, "a");
    });
    assert_eq!(seqs(&mut reader, 500).await, (1..=500).collect::<Vec<_>>());
    publish(&hub, "a");
    assert_eq!(seqs(&mut reader, 1).await, [501]);
}

#[tokio::test]
async fn a_reader_that_lags_behind_history_gets_a_gap_with_a_count() {
    let hub = hub(10);
    let mut reader = reader(&hub, &["a"], None, Backlog::Last(0));
    assert!(has_nothing(&mut reader));
    (0..500).for_each(|_| {
        publish(&hub, "a");
    });
    let TestDelivery::Gap(gap) = reader.next().await else {
        panic!("no gap")
    };
    let cursor = Cursor::Id(id(&hub, 490));
    let room = rooms(&["a"]).remove(0);
    assert_eq!(
        gap,
        Gap {
            room,
            reason: GapReason::Lagged,
            lost: Some(490),
            next: 491,
            cursor
        }
    );
    assert_eq!(seqs(&mut reader, 10).await, (491..=500).collect::<Vec<_>>());
}

#[test]
fn a_gap_that_was_not_delivered_keeps_its_reason() {
    let hub = hub(1);
    let first = publish(&hub, "a");
    publish(&hub, "b");
    publish(&hub, "b");
    let cursor = EventId {
        epoch: hub.epoch(),
        seq: first - 1,
    };
    let mut reader = subscribe(&hub, &["a", "b"], Some(&cursor.to_string()), Backlog::All);
    for _ in 0..2 {
        assert!(matches!(
            reader.catch_up(std::time::Instant::now()),
            Progress::Live(_)
        ));
        let gap = reader.ready().find_map(|delivery| match delivery {
            Delivery::Gap(gap, _) => Some(gap.reason),
            _ => None,
        });
        assert_eq!(gap, Some(GapReason::Evicted));
        // The socket took the first message and not the gap.
        reader.pop_ready().unwrap();
        reader.rewind();
    }
}

#[tokio::test]
async fn many_rooms_keep_the_order_of_ids_live_and_from_history() {
    let hub = hub(1000);
    let names = ["a", "b", "c", "d"];
    let mut reader = reader(&hub, &names, None, Backlog::Last(0));
    assert!(has_nothing(&mut reader));
    (0..480).for_each(|n| {
        publish(&hub, names[n % 4]);
    });
    assert_eq!(seqs(&mut reader, 480).await, (1..=480).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lagging_reader_of_many_rooms_is_served_from_history() {
    let hub = hub(1000);
    let mut reader = reader(&hub, &["a", "b"], None, Backlog::Last(0));
    assert!(has_nothing(&mut reader));
    let text = "x".repeat(10_000);
    (0..60).for_each(|n| {
        publish_text(&hub, ["a", "b"][n % 2], &text);
    });
    assert_eq!(seqs(&mut reader, 1).await, [1]);
    assert!(
        reader.subscription().ready().count() < 10,
        "the ready bytes of a reader are bounded"
    );
    assert_eq!(seqs(&mut reader, 59).await, (2..=60).collect::<Vec<_>>());
}

#[test]
fn messages_of_many_threads_arrive_in_id_order_over_many_rooms() {
    let hub = hub(100_000);
    let names = ["a", "b", "c"];
    let mut reader = reader(&hub, &names, None, Backlog::Last(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let received = std::thread::scope(|scope| {
        for name in names {
            let hub = &hub;
            scope.spawn(move || {
                for _ in 0..5000 {
                    publish(hub, name);
                    // Gives the reader time to go live, where the race is.
                    (0..200).for_each(|_| std::hint::spin_loop());
                }
            });
        }
        runtime.block_on(seqs(&mut reader, 15_000))
    });
    assert_eq!(received, (1..=15_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn dropping_a_stream_leaves_its_rooms() {
    let hub = hub(10);
    let first = reader(&hub, &["a", "b"], None, Backlog::All);
    let second = reader(&hub, &["a"], None, Backlog::All);
    assert_eq!(hub.readers(), 2);
    drop(first);
    assert_eq!(hub.readers(), 1);
    hub.tick();
    assert_eq!(hub.room_count(), 1);
    drop(second);
    hub.tick();
    assert_eq!(hub.room_count(), 0);
}

fn id(hub: &Hub, seq: u64) -> EventId {
    EventId {
        epoch: hub.epoch(),
        seq,
    }
}

#[tokio::test]
async fn members_of_many_rooms_come_in_batches_of_a_bounded_size() {
    let hub = hub(10);
    let names: Vec<String> = (0..100).map(|number| format!("room{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let enter = |name: Option<String>| {
        let options = SubscribeOptions {
            backlog: Backlog::All,
            presence: name.is_none(),
            name: name.map(|name| UserName::parse(&name).unwrap()),
            ..SubscribeOptions::to(RoomList::new(rooms(&names)).unwrap())
        };
        hub.subscribe(options).unwrap()
    };
    let members = (0..30).map(|number| enter(Some(format!("Member {number}"))));
    let _members: Vec<_> = members.collect();
    let mut reader = TestReader::of(&hub, enter(None));
    let one = match reader.next().await {
        members @ TestDelivery::Members(_) => members.event().text_len(),
        other => panic!("{other:?}"),
    };
    for room in 2..=names.len() {
        let ready: usize = reader.subscription().ready().map(Delivery::bytes).sum();
        assert!(ready < BATCH_BYTES + 2 * one, "{ready} bytes are ready");
        let next = reader.next().await;
        assert!(matches!(next, TestDelivery::Members(_)), "{room}: {next:?}");
    }
    assert!(has_nothing(&mut reader));
}
