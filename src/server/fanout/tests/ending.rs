//! How streams end when the server drains.

use super::*;

#[test]
fn everybody_gets_bye_and_a_clean_end_those_behind_once_they_have_everything() {
    let mut worker = TestWorker::new(|_| {});
    let (mut parked, (behind, mut slow)) = (worker.reader("a").1, worker.reader("a"));
    slow.wire.borrow_mut().room = 10;
    (1..=3).for_each(|n| worker.publish("a", &format!("n {n}")));
    worker.work();
    worker.app.draining.begin(Duration::ZERO);
    worker.readers.drain(worker.now);
    assert_eq!(worker.readers.end_due(64, worker.now), None);
    worker.work();
    assert_eq!(numbers(&text(&mut parked)), [1, 2, 3]);
    assert!(parked.is_at_end && parked.wire.borrow().is_finished);
    assert!(!slow.wire.borrow().is_dropped);
    slow.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(behind);
    worker.work();
    let rest = text(&mut slow);
    assert_eq!(numbers(&rest), [1, 2, 3]);
    assert!(rest.contains("event: bye\n") && slow.is_at_end);
    assert!(worker.readers.is_empty() && worker.tasks.is_empty());
}

#[test]
fn who_comes_while_the_server_drains_is_told_so_at_once() {
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
fn turns_to_end_come_one_after_the_other_and_a_few_at_once() {
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
    // In the middle some of the turns have come.
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
fn what_a_client_sent_is_read_before_the_end_so_that_no_reset_takes_bye_away() {
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
