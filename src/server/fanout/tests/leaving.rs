//! Readers that go, what they leave behind, and what one costs.

use super::*;

#[test]
fn a_token_that_is_given_again_is_a_reader_of_its_own() {
    let mut bench = Bench::new(|_| {});
    // Without a turn to write, it stays in the queue when it is gone.
    let (token, client) = bench.add(bench.subscribe(&["a"], None));
    bench.hang_up(token, &client);
    let keeper = bench.reader("a");
    assert_eq!(keeper.0, token);
    bench.readers.writable(token);
    bench.say("a", "n 1");
    let mut keeper = keeper.1;
    bench.work();
    assert_eq!(numbers(&text(&mut keeper)), [1]);
    assert_eq!(keeper.wire.borrow().writes, 1);
}

#[test]
fn a_reader_that_the_kernel_gave_up_counts_as_stalled() {
    let mut bench = Bench::new(|_| {});
    let (_, written) = bench.reader("a");
    written.wire.borrow_mut().is_timed_out = true;
    bench.say("a", "n 1");
    bench.work();
    let (token, read) = bench.reader("a");
    read.wire.borrow_mut().is_timed_out = true;
    bench.readers.readable(token);
    assert_eq!(bench.app.stalled.load(Ordering::Relaxed), 2);
    assert!(bench.readers.is_empty());
}

#[test]
fn a_write_that_finds_a_reader_gone_leaves_its_group_whole() {
    for gone in 0..3 {
        let mut bench = Bench::new(|_| {});
        let mut readers: Vec<(usize, Client)> = (0..3).map(|_| bench.reader("a")).collect();
        readers[gone].1.wire.borrow_mut().is_closed = true;
        bench.say("a", "n 1");
        bench.work();
        assert!(readers.remove(gone).1.wire.borrow().is_dropped);
        // Whoever moved to its place is found there.
        let (token, client) = readers.pop().unwrap();
        bench.hang_up(token, &client);
        assert!(client.wire.borrow().is_dropped);
        bench.say("a", "n 2");
        bench.work();
        assert_eq!(numbers(&text(&mut readers[0].1)), [1, 2]);
    }
}

#[test]
fn what_a_client_sends_on_is_thrown_away_and_bounded() {
    let mut bench = Bench::new(|_| {});
    let (token, mut client) = bench.reader("a");
    for _ in 0..4 {
        client.wire.borrow_mut().sent = vec![b'x'; 16 * 1024];
        bench.readers.readable(token);
        assert_eq!(client.wire.borrow().sent.len(), 0);
    }
    bench.say("a", "n 1");
    bench.work();
    assert_eq!(numbers(&text(&mut client)), [1]);
    client.wire.borrow_mut().sent = vec![b'x'];
    bench.readers.readable(token);
    assert!(client.wire.borrow().is_dropped);
}

#[test]
fn when_all_have_left_nothing_is_kept() {
    let mut bench = Bench::new(|_| {});
    let names: Vec<String> = (0..500).map(|n| format!("n{n}")).collect();
    let readers: Vec<(usize, Client)> = names
        .iter()
        .map(|name| {
            let subscription = bench.subscribe(&["a", name], Some(name));
            let (token, client) = bench.add(subscription);
            client.wire.borrow_mut().room = usize::MAX;
            (token, client)
        })
        .collect();
    bench.work();
    bench.say("a", "x");
    bench.work();
    assert_eq!(bench.load.load(Ordering::Relaxed), 500);
    for (token, client) in &readers {
        bench.hang_up(*token, client);
    }
    assert!(bench.readers.is_empty());
    assert_eq!(bench.readers.capacity(), 0);
    assert_eq!(
        (bench.load.load(Ordering::Relaxed), bench.tasks.len()),
        (0, 0)
    );
    assert_eq!(bench.app.hub.readers(), 0);
}

#[test]
fn a_parked_reader_is_small() {
    use super::super::live::Live;
    let (parked, place) = (size_of::<Live<Transport>>(), readers::PLACE_BYTES);
    assert!(parked <= 48, "{parked} bytes");
    // With its places among all connections and among its address's streams.
    assert!(place <= 144, "{place} bytes");
}
