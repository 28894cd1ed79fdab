//! How events become writes.

use super::*;

#[test]
fn ready_events_reach_each_live_reader_in_one_write() {
    let mut worker = TestWorker::new(|_| {});
    let mut clients = [worker.reader("a").1, worker.reader("a").1];
    (1..=50).for_each(|n| worker.publish("a", &format!("n {n}")));
    worker.work();
    for client in &mut clients {
        assert_eq!(client.wire.borrow().writes, 1);
        assert_eq!(numbers(&text(client)), (1..=50).collect::<Vec<_>>());
    }
}

#[test]
fn a_write_has_at_most_64_kib_or_one_event() {
    let mut worker = TestWorker::new(|config| config.max_message_bytes = 1 << 20);
    let mut client = worker.reader("a").1;
    let long = "x".repeat(20_000);
    (1..=10).for_each(|n| worker.publish("a", &format!("n {n} {long}")));
    worker.publish("a", &format!("n 11 {}", long.repeat(10)));
    worker.work();
    assert_eq!(client.wire.borrow().writes, 5, "3 + 3 + 3 + 1, and 1 alone");
    assert_eq!(numbers(&text(&mut client)), (1..=11).collect::<Vec<_>>());
}

#[test]
fn a_turn_is_one_write_for_each_reader() {
    let mut worker = TestWorker::new(|_| {});
    let mut clients = [worker.reader("a").1, worker.reader("b").1];
    let long = "x".repeat(1000);
    for n in 1..=200 {
        worker.publish("a", &format!("n {n} {long}"));
        worker.publish("b", &format!("n {n} {long}"));
    }
    let mut late = Vec::new();
    for turn in 1..=3 {
        assert!(worker.deliver());
        for client in &clients {
            assert_eq!(client.wire.borrow().writes, turn);
        }
        // Events that are still unread are not for a new reader.
        late.push(worker.add(worker.subscribe(&["a"], None)).1);
        late[turn - 1].wire.borrow_mut().room = usize::MAX;
        worker.readers.catch_up(1, worker.now);
    }
    worker.publish("a", "n 201");
    worker.work();
    let [a, b] = clients.each_mut().map(|client| numbers(&text(client)));
    assert_eq!(a, (1..=201).collect::<Vec<_>>());
    assert_eq!(b, (1..=200).collect::<Vec<_>>());
    for client in &mut late {
        assert_eq!(numbers(&text(client)), [201]);
    }
}

#[test]
fn a_turn_is_bounded_also_with_one_group_per_reader() {
    let mut worker = TestWorker::new(|_| {});
    let mut clients: Vec<FakeClient> = (0..100)
        .map(|n| {
            let own = format!("own-{n}");
            let client = worker.add(worker.subscribe(&["all", &own], None)).1;
            client.wire.borrow_mut().room = usize::MAX;
            client
        })
        .collect();
    worker.work();
    clients.iter_mut().for_each(|client| drop(text(client)));
    (1..=300).for_each(|n| worker.publish("all", &format!("n {n}")));
    assert!(worker.deliver());
    let first: Vec<Vec<usize>> = clients.iter_mut().map(|c| numbers(&text(c))).collect();
    assert!(first.iter().all(|got| *got == first[0]));
    assert!((1..300).contains(&first[0].len()), "{}", first[0].len());
    worker.work();
    for client in &mut clients {
        let rest: Vec<usize> = (first[0].len() + 1..=300).collect();
        assert_eq!(numbers(&text(client)), rest);
    }
}

#[test]
fn the_members_of_many_rooms_are_sent_in_writes_of_64_kib() {
    let mut worker = TestWorker::new(|_| {});
    let names: Vec<String> = (0..20).map(|n| format!("room-{n}")).collect();
    let rooms: Vec<&str> = names.iter().map(String::as_str).collect();
    let _members: Vec<Subscription> = (0..199)
        .map(|n| worker.subscribe(&rooms, Some(&format!("{n:0>3} {}", "会".repeat(28)))))
        .collect();
    let (_, mut client) = worker.add(worker.subscribe(&rooms, Some("000 reader")));
    client.wire.borrow_mut().room = usize::MAX;
    worker.work();
    let text = text(&mut client);
    assert_eq!(text.matches("event: presence\n").count(), 20);
    assert!(text.len() > 200_000, "{}", text.len());
    let largest = client.wire.borrow().largest;
    assert!(largest <= 64 * 1024, "{largest}");
}

#[test]
fn the_first_write_has_the_head_and_all_messages() {
    let mut worker = TestWorker::new(|_| {});
    (1..=5).for_each(|n| worker.publish("a", &format!("n {n}")));
    let options = SubscribeOptions {
        backlog: Backlog::All,
        presence: true,
        ..SubscribeOptions::to(RoomName::parse("a").unwrap())
    };
    let (_, mut client) = worker.add(worker.app.hub.subscribe(options).unwrap());
    client.wire.borrow_mut().room = usize::MAX;
    worker.work();
    assert_eq!(client.wire.borrow().writes, 1);
    let text = text(&mut client);
    assert_eq!(numbers(&text), [1, 2, 3, 4, 5]);
    assert!(text.ends_with("\"members\":[]}\n\n"), "{text}");
}

#[test]
fn a_worker_that_lags_sends_its_readers_to_history() {
    let mut worker = TestWorker::new(|config| config.fanout_queue = 4);
    let mut clients = [worker.reader("a").1, worker.reader("b").1];
    (1..=9).for_each(|n| worker.publish("a", &format!("n {n}")));
    worker.work();
    worker.publish("a", "n 10");
    worker.publish("b", "n 1");
    worker.work();
    assert_eq!(
        numbers(&text(&mut clients[0])),
        (1..=10).collect::<Vec<_>>()
    );
    assert_eq!(numbers(&text(&mut clients[1])), [1]);
}

#[test]
fn a_slow_reader_of_many_rooms_gets_their_members_once() {
    let mut worker = TestWorker::new(|_| {});
    let rooms = ["a", "b", "c"];
    let _members: Vec<Subscription> = (0..50)
        .map(|n| worker.subscribe(&rooms, Some(&format!("member {n}"))))
        .collect();
    let (token, mut client) = worker.add(worker.subscribe(&rooms, Some("slow")));
    let mut read = String::new();
    for _ in 0..1000 {
        client.wire.borrow_mut().room = 50;
        worker.readers.writable(token);
        worker.work();
        read += &text(&mut client);
    }
    assert_eq!(read.matches("event: presence\n").count(), 3, "{read}");
    // It is live: messages come through the channel, in one write.
    client.wire.borrow_mut().room = usize::MAX;
    client.wire.borrow_mut().writes = 0;
    (1..=5).for_each(|n| worker.publish("b", &format!("n {n}")));
    worker.work();
    assert_eq!(numbers(&text(&mut client)), [1, 2, 3, 4, 5]);
    assert_eq!(client.wire.borrow().writes, 1);
}

#[test]
fn a_gap_before_the_start_of_a_stream_is_not_announced_when_it_lags() {
    let mut worker = TestWorker::new(|config| config.history = 2);
    (1..=9).for_each(|n| worker.publish("a", &format!("n {n}")));
    let (token, mut client) = worker.reader("a");
    client.wire.borrow_mut().room = 3;
    worker.pass(Duration::from_secs(15));
    client.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(token);
    worker.work();
    assert_eq!(text(&mut client), "event: ping\ndata:\n\n");
    worker.publish("a", "n 10");
    worker.work();
    assert_eq!(numbers(&text(&mut client)), [10]);
}

#[test]
fn the_order_of_rooms_and_of_departures_does_not_matter() {
    let mut worker = TestWorker::new(|_| {});
    let mut readers: Vec<(usize, FakeClient)> = Vec::new();
    for rooms in [["a", "b"], ["b", "a"], ["a", "b"], ["b", "a"]] {
        let (token, client) = worker.add(worker.subscribe(&rooms, None));
        client.wire.borrow_mut().room = usize::MAX;
        worker.work();
        readers.push((token, client));
    }
    for (left, n) in (1..=4).enumerate() {
        worker.publish(["a", "b"][n % 2], &format!("n {n}"));
        worker.work();
        for (_, client) in &mut readers[left..] {
            assert_eq!(numbers(&text(client)), [n]);
        }
        // The first one, so that another reader takes its index.
        let (token, client) = &readers[left];
        worker.hang_up(*token, client);
    }
    assert!(worker.readers.is_empty());
}

#[test]
fn many_returning_readers_take_turns_with_new_messages() {
    let mut worker = TestWorker::new(|_| {});
    (1..=9).for_each(|n| worker.publish("a", &format!("n {n}")));
    let mut live = worker.reader("b").1;
    let mut storm: Vec<FakeClient> = (0..100)
        .map(|_| {
            let client = worker.add(worker.subscribe(&["a"], None)).1;
            client.wire.borrow_mut().room = usize::MAX;
            client
        })
        .collect();
    let mut turns = 0;
    while worker.readers.catch_up(10, worker.now) {
        turns += 1;
        worker.publish("b", &format!("n {turns}"));
        assert!(worker.deliver());
        assert_eq!(numbers(&text(&mut live)), [turns]);
        let written = |client: &&FakeClient| client.wire.borrow().writes > 0;
        assert!(storm.iter().filter(written).count() <= 10 * turns);
    }
    assert!(turns >= 9, "{turns}");
    assert!(
        storm
            .iter_mut()
            .all(|client| text(client).contains("hello"))
    );
}
