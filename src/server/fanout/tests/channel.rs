//! Events through the channel, and what replaces those that are too large or lost.

use super::*;
use crate::chat::MAX_INLINE_BYTES;

/// A text of a large message.
fn large(number: usize) -> String {
    format!("n {number} {}", "x".repeat(MAX_INLINE_BYTES))
}

#[test]
fn readers_of_a_room_on_every_worker_get_its_messages_and_no_others() {
    let mut worker = TestWorker::new(|_| {});
    let mut other = TestWorker::of(&worker.app);
    let mut clients = [
        worker.reader("a").1,
        other.reader("a").1,
        other.reader("b").1,
    ];
    worker.publish("a", "n 1");
    worker.publish("b", "n 2");
    worker.work();
    other.work();
    let read: Vec<_> = clients
        .iter_mut()
        .map(|client| numbers(&text(client)))
        .collect();
    assert_eq!(read, [vec![1], vec![1], vec![2]]);
}

#[test]
fn nothing_is_sent_for_a_room_without_readers() {
    let mut worker = TestWorker::new(|_| {});
    let sent = || worker.app.hub.totals().sent_events;
    worker.publish("b", "n 1");
    assert_eq!(sent(), 0);
    let (token, client) = worker.reader("b");
    worker.publish("b", "n 2");
    assert_eq!(worker.app.hub.totals().sent_events, 1);
    worker.hang_up(token, &client);
    worker.publish("b", "n 3");
    assert_eq!(worker.app.hub.totals().sent_events, 1);
}

#[test]
fn a_large_message_arrives_in_order_though_history_keeps_nothing() {
    let mut worker = TestWorker::new(|config| config.history = 0);
    let mut client = worker.reader("a").1;
    worker.publish("a", "n 1");
    worker.publish("a", &large(2));
    worker.publish("a", "n 3");
    worker.work();
    assert_eq!(numbers(&text(&mut client)), [1, 2, 3]);
}

/// Publishes more large messages than the channel holds, and returns their number.
fn publish_many_large(worker: &TestWorker) -> usize {
    let count = 2 * worker.app.config.fanout_large / MAX_INLINE_BYTES;
    (1..=count).for_each(|n| worker.publish("a", &large(n)));
    count
}

#[test]
fn more_large_messages_than_the_channel_holds_come_from_history() {
    let mut worker = TestWorker::new(|config| config.fanout_large = 100_000);
    let mut client = worker.reader("a").1;
    let count = publish_many_large(&worker);
    worker.work();
    assert_eq!(numbers(&text(&mut client)), (1..=count).collect::<Vec<_>>());
    assert_eq!(
        worker.app.hub.totals().replayed,
        0,
        "no reader went back to history"
    );
}

#[test]
fn a_large_message_that_history_has_lost_sends_readers_of_its_room_back() {
    let mut worker = TestWorker::new(|config| {
        config.history = 2;
        config.fanout_large = 100_000;
    });
    let (mut loud, mut quiet) = (worker.reader("a").1, worker.reader("b").1);
    worker.publish("b", "n 1");
    let count = publish_many_large(&worker);
    (1..=2).for_each(|n| worker.publish("a", &format!("n {}", count + n)));
    worker.publish("b", "n 2");
    worker.work();
    let loud = text(&mut loud);
    let read = numbers(&loud);
    assert_eq!(read[read.len() - 2..], [count + 1, count + 2]);
    let lost = count + 2 - read.len();
    assert!(lost > 0, "{read:?}");
    assert!(
        loud.contains(&format!(
            r#""reason":"lagged","lost":{lost},"next":{}"#,
            count + 1
        )),
        "{lost} of {read:?}"
    );
    let quiet = text(&mut quiet);
    assert_eq!(numbers(&quiet), [1, 2]);
    assert!(
        !quiet.contains("event: gap"),
        "no event of its room is lost: {quiet}"
    );
}

#[test]
fn a_large_presence_event_is_the_list_as_it_is_when_it_is_written() {
    let mut worker = TestWorker::new(|_| {});
    let mut watcher = {
        let (_, client) = worker.add(watch(&worker.app));
        client.wire.borrow_mut().room = usize::MAX;
        client
    };
    worker.work();
    text(&mut watcher);
    // Together more than one event of the channel holds.
    let enter = |number| {
        subscribe(
            &worker.app,
            &["a"],
            Some(&format!("{number} {}", "n".repeat(28))),
        )
    };
    let mut members: Vec<Subscription> = (0..150).map(enter).collect();
    worker.app.hub.tick();
    members.push(enter(150));
    worker.work();
    let text = text(&mut watcher);
    assert!(text.contains(r#""count":151,"members":["#), "{text}");
    assert_eq!(text.matches(r#""name":"#).count(), 151);
}

/// A stream of room `a` without a name that gets presence events.
fn watch(app: &App) -> Subscription {
    let options = SubscribeOptions {
        presence: true,
        ..SubscribeOptions::to(RoomName::parse("a").unwrap())
    };
    app.hub.subscribe(options).unwrap()
}

#[test]
fn presence_of_many_rooms_pushes_no_message_out_of_the_channel() {
    let mut worker = TestWorker::new(|config| config.fanout_queue = 64);
    let mut client = worker.reader("a").1;
    let rooms: Vec<String> = (0..100).map(|number| format!("room{number}")).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    // A member of all of them, which gets their presence.
    let (_, mut watcher) = worker.add(worker.subscribe(&rooms, Some("Alice")));
    watcher.wire.borrow_mut().room = usize::MAX;
    worker.work();
    let _bob = subscribe(&worker.app, &rooms, Some("Bob"));
    worker.publish("a", "n 1");
    worker.app.hub.tick();
    let sent = worker.app.hub.totals().sent_events;
    assert!(
        (2..=33).contains(&sent),
        "{sent}: at most a quarter of the channel, and a slice"
    );
    while worker.work_once() {
        worker.app.hub.tick();
    }
    assert_eq!(worker.counters.worker_lags.get(), 0);
    assert_eq!(numbers(&text(&mut client)), [1]);
    let bobs = text(&mut watcher).matches(r#""joined":["#).count();
    assert_eq!(bobs, 100, "each room is announced once");
}

#[test]
fn a_worker_without_live_readers_reads_the_channel_empty() {
    let mut worker = TestWorker::new(|config| config.fanout_queue = 4);
    let mut other = TestWorker::of(&worker.app);
    let mut client = other.reader("a").1;
    for number in 1..=20 {
        worker.publish("a", &format!("n {number}"));
        assert!(worker.deliver(), "there is something to read");
        other.work();
    }
    assert_eq!(numbers(&text(&mut client)), (1..=20).collect::<Vec<_>>());
    assert_eq!(worker.counters.worker_lags.get(), 0);
}
