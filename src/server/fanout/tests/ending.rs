//! How streams end when the server drains.

use super::*;

#[test]
fn all_readers_get_bye_and_a_clean_end_after_everything_before() {
    let mut worker = TestWorker::new(|_| {});
    let (mut live, (lagging, mut slow)) = (worker.reader("a").1, worker.reader("a"));
    slow.wire.borrow_mut().room = 10;
    (1..=3).for_each(|n| worker.publish("a", &format!("n {n}")));
    worker.work();
    worker.app.draining.begin(Duration::ZERO);
    worker.readers.drain(worker.now);
    assert_eq!(worker.readers.end_due(64, worker.now), None);
    worker.work();
    assert_eq!(numbers(&text(&mut live)), [1, 2, 3]);
    assert!(live.is_at_end && live.wire.borrow().is_finished);
    assert!(!slow.wire.borrow().is_dropped);
    slow.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(lagging);
    worker.work();
    let rest = text(&mut slow);
    assert_eq!(numbers(&rest), [1, 2, 3]);
    assert!(rest.contains("event: bye\n") && slow.is_at_end);
    assert!(worker.readers.is_empty() && worker.tasks.len() == 0);
}

#[test]
fn a_reader_that_arrives_during_the_drain_gets_bye_at_once() {
    let mut worker = TestWorker::new(|_| {});
    worker.app.draining.begin(Duration::from_secs(3600));
    worker.readers.drain(worker.now);
    let (_, mut client) = worker.add(worker.subscribe(&["a"], None));
    client.wire.borrow_mut().room = usize::MAX;
    worker.work();
    let text = text(&mut client);
    assert!(text.contains("event: hello\n"), "{text}");
    assert!(text.contains("event: bye\n") && client.is_at_end, "{text}");
}

#[test]
fn streams_end_one_after_the_other_and_a_few_at_once() {
    let mut worker = TestWorker::new(|_| {});
    let mut clients: Vec<FakeClient> = (0..50).map(|_| worker.reader("a").1).collect();
    worker.app.draining.begin(Duration::from_secs(100));
    worker.readers.drain(worker.now);
    let mut ended = 0;
    let mut end_some = |worker: &mut TestWorker| {
        let next = worker.readers.end_due(3, worker.now);
        worker.work();
        let end_now = clients.extract_if(.., |client| text(client).contains("event: bye\n"));
        let end_now = end_now.filter(|client| client.is_at_end).count();
        assert!(end_now <= 3, "{end_now}");
        ended += end_now;
        next
    };
    // After half of the time some streams have ended.
    worker.now += Duration::from_secs(50);
    let mut next = end_some(&mut worker);
    while next.is_some_and(|next| next <= worker.now) {
        next = end_some(&mut worker);
    }
    assert!(next.is_some() && !worker.readers.is_empty());
    worker.now += Duration::from_secs(50);
    while end_some(&mut worker).is_some() {}
    assert!(ended == 50 && worker.readers.is_empty(), "{ended}");
}

#[test]
fn input_is_read_before_the_end_so_that_no_reset_loses_bye() {
    let mut worker = TestWorker::new(|_| {});
    let (_, mut client) = worker.reader("a");
    client.wire.borrow_mut().sent = b"x".to_vec();
    worker.app.draining.begin(Duration::ZERO);
    worker.readers.drain(worker.now);
    worker.readers.end_due(64, worker.now);
    worker.work();
    assert!(text(&mut client).contains("event: bye\n"));
    assert!(client.wire.borrow().is_dropped && client.wire.borrow().sent.is_empty());
}
