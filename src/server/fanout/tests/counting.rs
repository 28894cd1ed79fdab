//! What a worker counts is what its readers were given.

use super::*;

/// Deliveries and bytes so far.
fn delivered(bench: &mut Bench) -> (u64, u64) {
    bench.readers.count_told();
    let get = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    (
        get(&bench.counts.deliveries),
        get(&bench.counts.delivered_bytes),
    )
}

#[test]
fn every_message_counts_once_for_each_reader_and_every_byte_that_a_socket_took() {
    let mut bench = Bench::new(|_| {});
    let clients: Vec<Client> = (0..3).map(|_| bench.reader("a").1).collect();
    let (_, hellos) = delivered(&mut bench);
    assert!(hellos > 0, "what opens a stream is written too");
    bench.say("a", "n 1");
    bench.say("a", "n 2");
    bench.say("b", "nobody hears");
    bench.work();
    let taken = |client: &Client| client.wire.borrow().taken.len() as u64;
    let bytes: u64 = clients.iter().map(taken).sum();
    assert_eq!(delivered(&mut bench), (6, hellos + bytes));
    assert_eq!(bench.counts.fan_out_time.times().count(), 2);
}

#[test]
fn a_message_that_goes_out_in_parts_counts_once() {
    let mut bench = Bench::new(|_| {});
    let (token, mut client) = bench.reader("a");
    client.wire.borrow_mut().room = 10;
    bench.say("a", "n 1");
    bench.say("a", "n 2");
    bench.work();
    assert_eq!(delivered(&mut bench).0, 1);
    assert_eq!(bench.counts.fell_behind.load(Ordering::Relaxed), 1);
    client.wire.borrow_mut().room = usize::MAX;
    bench.readers.writable(token);
    bench.work();
    assert_eq!(numbers(&text(&mut client)), [1, 2]);
    assert_eq!(delivered(&mut bench).0, 2);
    assert_eq!(bench.app.hub.totals().replayed, 1, "the second one");
}

/// How many events wait for the worker.
fn waiting(bench: &Bench) -> u64 {
    let read = bench.counts.position.load(Ordering::Relaxed);
    bench.app.hub.totals().sent_events - read
}

#[test]
fn what_waits_for_a_worker_and_what_it_missed_is_counted() {
    let mut bench = Bench::new(|config| config.fanout_queue = 4);
    let (_, mut client) = bench.reader("a");
    (1..=3).for_each(|n| bench.say("a", &format!("n {n}")));
    assert_eq!(waiting(&bench), 3);
    (4..=6).for_each(|n| bench.say("a", &format!("n {n}")));
    bench.work();
    assert_eq!(numbers(&text(&mut client)), [1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.counts.lags.load(Ordering::Relaxed), 1);
    bench.readers.count_told();
    assert_eq!(waiting(&bench), 0);
    assert_eq!(delivered(&mut bench).0, 6);
}
