//! How streams end when the server drains.

use super::*;

#[test]
fn everybody_gets_bye_and_a_clean_end_those_behind_once_they_have_everything() {
    let mut bench = Bench::new(|_| {});
    let (mut parked, (behind, mut slow)) = (bench.reader("a").1, bench.reader("a"));
    slow.wire.borrow_mut().room = 10;
    (1..=3).for_each(|n| bench.say("a", &format!("n {n}")));
    bench.work();
    bench.app.draining.begin(Duration::ZERO);
    bench.readers.drain(bench.now);
    assert_eq!(bench.readers.end_due(64, bench.now), None);
    bench.work();
    assert_eq!(numbers(&text(&mut parked)), [1, 2, 3]);
    assert!(parked.is_at_end && parked.wire.borrow().is_finished);
    assert!(!slow.wire.borrow().is_dropped);
    slow.wire.borrow_mut().room = usize::MAX;
    bench.readers.writable(behind);
    bench.work();
    let rest = text(&mut slow);
    assert_eq!(numbers(&rest), [1, 2, 3]);
    assert!(rest.contains("event: bye\n") && slow.is_at_end);
    assert!(bench.readers.is_empty() && bench.tasks.is_empty());
}

#[test]
fn who_comes_while_the_server_drains_is_told_so_at_once() {
    let mut bench = Bench::new(|_| {});
    bench.app.draining.begin(Duration::from_secs(3600));
    bench.readers.drain(bench.now);
    let (_, mut client) = bench.add(bench.subscribe(&["a"], None));
    client.wire.borrow_mut().room = usize::MAX;
    bench.work();
    let text = text(&mut client);
    assert!(text.contains("event: hello\n"), "{text}");
    assert!(text.contains("event: bye\n") && client.is_at_end, "{text}");
}

#[test]
fn turns_to_end_come_one_after_the_other_and_a_few_at_once() {
    let mut bench = Bench::new(|_| {});
    let mut clients: Vec<Client> = (0..50).map(|_| bench.reader("a").1).collect();
    bench.app.draining.begin(Duration::from_secs(100));
    bench.readers.drain(bench.now);
    let mut ended = 0;
    let mut end_some = |bench: &mut Bench| {
        let next = bench.readers.end_due(3, bench.now);
        bench.work();
        let end_now = clients.extract_if(.., |client| text(client).contains("event: bye\n"));
        let end_now = end_now.filter(|client| client.is_at_end).count();
        assert!(end_now <= 3, "{end_now}");
        ended += end_now;
        next
    };
    // In the middle some of the turns have come.
    bench.now += Duration::from_secs(50);
    let mut next = end_some(&mut bench);
    while next.is_some_and(|next| next <= bench.now) {
        next = end_some(&mut bench);
    }
    assert!(next.is_some() && !bench.readers.is_empty());
    bench.now += Duration::from_secs(50);
    while end_some(&mut bench).is_some() {}
    assert!(ended == 50 && bench.readers.is_empty(), "{ended}");
}

#[test]
fn what_a_client_sent_is_read_before_the_end_so_that_no_reset_takes_bye_away() {
    let mut bench = Bench::new(|_| {});
    let (_, mut client) = bench.reader("a");
    client.wire.borrow_mut().sent = b"x".to_vec();
    bench.app.draining.begin(Duration::ZERO);
    bench.readers.drain(bench.now);
    bench.readers.end_due(64, bench.now);
    bench.work();
    assert!(text(&mut client).contains("event: bye\n"));
    assert!(client.wire.borrow().is_dropped && client.wire.borrow().sent.is_empty());
}
