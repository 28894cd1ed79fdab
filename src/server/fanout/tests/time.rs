//! Pings, and readers that read nothing.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_reader_that_reads_nothing_is_closed_and_delays_no_other() {
    let mut worker = TestWorker::new(|config| config.limits.stall = Duration::from_secs(30));
    let (stuck, mut other) = (worker.reader("a").1, worker.reader("a").1);
    stuck.wire.borrow_mut().room = 7;
    for n in 1..=20 {
        worker.publish("a", &format!("n {n}"));
        worker.pass(Duration::from_secs(1));
        assert_eq!(numbers(&text(&mut other)), [n]);
    }
    worker.pass(Duration::from_secs(9));
    assert!(!stuck.wire.borrow().is_dropped);
    worker.pass(Duration::from_secs(2));
    assert!(stuck.wire.borrow().is_dropped && stuck.wire.borrow().is_abandoned);
    assert_eq!(worker.app.stalled.load(Ordering::Relaxed), 1);
    assert_eq!(worker.app.hub.readers(), 1);
}

#[test]
fn a_reader_that_reads_a_little_is_not_closed() {
    let mut worker = TestWorker::new(|config| config.limits.stall = Duration::from_secs(30));
    let (token, slow) = worker.reader("a");
    slow.wire.borrow_mut().room = 0;
    worker.publish("a", &"x".repeat(100));
    for _ in 0..10 {
        worker.pass(Duration::from_secs(20));
        slow.wire.borrow_mut().room = 1;
        worker.readers.writable(token);
        worker.work();
    }
    assert!(!slow.wire.borrow().is_dropped);
    assert_eq!(worker.app.stalled.load(Ordering::Relaxed), 0);
}

#[test]
fn pings_are_sent_in_time_and_not_all_at_once() {
    let mut worker = TestWorker::new(|config| config.ping = Duration::from_secs(16));
    let mut clients: Vec<FakeClient> = (0..1000).map(|_| worker.reader("a").1).collect();
    let step = tick_interval(&worker.app.config);
    let (mut silence, mut pinged) = (Duration::ZERO, BTreeSet::new());
    while pinged.len() < clients.len() {
        worker.pass(step);
        silence += step;
        let before = pinged.len();
        for (number, client) in clients.iter_mut().enumerate() {
            match &*text(client) {
                "" => {}
                "event: ping\ndata:\n\n" => assert!(pinged.insert(number), "twice"),
                other => panic!("{other}"),
            }
        }
        let now = pinged.len() - before;
        assert!(now < 300, "{now} at once after {silence:?}");
        assert!(
            now == 0 || silence >= Duration::from_secs(13),
            "{silence:?}"
        );
        assert!(silence <= Duration::from_secs(16));
    }
}

#[test]
fn a_reader_that_gets_messages_is_not_pinged() {
    let mut worker = TestWorker::new(|config| config.ping = Duration::from_secs(15));
    let mut client = worker.reader("a").1;
    for n in 1..=10 {
        worker.pass(Duration::from_secs(10));
        worker.publish("a", &format!("n {n}"));
        worker.work();
        assert!(!text(&mut client).contains("ping"));
    }
}

#[test]
fn a_partial_ping_is_completed() {
    let mut worker = TestWorker::new(|config| config.ping = Duration::from_secs(15));
    let (token, mut client) = worker.reader("a");
    client.wire.borrow_mut().room = 3;
    worker.pass(Duration::from_secs(15));
    worker.publish("a", "n 1");
    client.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(token);
    worker.work();
    let text = text(&mut client);
    assert!(text.starts_with("event: ping\ndata:\n\nid: "), "{text}");
    assert_eq!(numbers(&text), [1]);
}

#[test]
fn a_reader_that_does_not_read_pings_is_closed() {
    let mut worker = TestWorker::new(|config| config.limits.stall = Duration::from_secs(30));
    let (_, client) = worker.reader("a");
    client.wire.borrow_mut().room = 0;
    for _ in 0..5 {
        worker.pass(Duration::from_secs(8));
    }
    assert!(
        !client.wire.borrow().is_dropped,
        "24 s after the first ping"
    );
    worker.pass(Duration::from_secs(8));
    assert!(client.wire.borrow().is_dropped);
    assert_eq!(worker.app.stalled.load(Ordering::Relaxed), 1);
}

#[test]
fn events_in_one_room_delay_no_ping_in_another() {
    let mut worker = TestWorker::new(|config| config.fanout_queue = 4);
    let mut quiet = worker.reader("b").1;
    let _busy = worker.reader("a");
    for _ in 0..2 {
        worker.pass(Duration::from_secs(7));
        // More than the channel holds.
        (1..=9).for_each(|n| worker.publish("a", &format!("n {n}")));
        worker.work();
    }
    worker.pass(Duration::from_secs(1));
    assert_eq!(text(&mut quiet), "event: ping\ndata:\n\n");
}

#[test]
fn time_in_which_the_process_was_stopped_is_no_stall() {
    let mut worker = TestWorker::new(|config| config.limits.stall = Duration::from_secs(30));
    let (token, client) = worker.reader("a");
    client.wire.borrow_mut().room = 0;
    worker.publish("a", "n 1");
    worker.work();
    worker.pass(Duration::from_secs(3600));
    assert!(!client.wire.borrow().is_dropped);
    client.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(token);
    // It waits for its turn to write.
    worker.now += Duration::from_secs(10);
    worker.readers.tick(worker.now);
    assert!(!client.wire.borrow().is_dropped);
    worker.work();
    assert_eq!(worker.app.stalled.load(Ordering::Relaxed), 0);
}
