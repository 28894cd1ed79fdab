//! A worker counts exactly what its readers got.

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

use super::*;

/// Deliveries and bytes so far.
fn delivered(worker: &mut TestWorker) -> (u64, u64) {
    worker.readers.flush_counters();
    (
        worker.counters.deliveries.get(),
        worker.counters.delivered_bytes.get(),
    )
}

/// How many fan-out times were counted.
fn fan_out_times(worker: &TestWorker) -> u64 {
    let mut registry = Registry::default();
    registry.register("time", "", worker.fanout_counters.fan_out_time.clone());
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).unwrap();
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("time_count "));
    count.unwrap().parse().unwrap()
}

#[test]
fn every_message_counts_once_for_each_reader_and_every_byte_that_a_socket_took() {
    let mut worker = TestWorker::new(|_| {});
    let clients: Vec<FakeClient> = (0..3).map(|_| worker.reader("a").1).collect();
    let (_, hellos) = delivered(&mut worker);
    assert!(hellos > 0, "heads and hellos are written too");
    worker.publish("a", "n 1");
    worker.publish("a", "n 2");
    worker.publish("b", "no reader");
    worker.work();
    let taken = |client: &FakeClient| client.wire.borrow().taken.len() as u64;
    let bytes: u64 = clients.iter().map(taken).sum();
    assert_eq!(delivered(&mut worker), (6, hellos + bytes));
    assert_eq!(fan_out_times(&worker), 2);
}

#[test]
fn a_message_that_is_written_in_parts_counts_once() {
    let mut worker = TestWorker::new(|_| {});
    let (token, mut client) = worker.reader("a");
    client.wire.borrow_mut().room = 10;
    worker.publish("a", "n 1");
    worker.publish("a", "n 2");
    worker.work();
    assert_eq!(delivered(&mut worker).0, 1);
    assert_eq!(worker.counters.reader_lags.get(), 1);
    client.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(token);
    worker.work();
    assert_eq!(numbers(&text(&mut client)), [1, 2]);
    assert_eq!(delivered(&mut worker).0, 2);
    assert_eq!(worker.app.hub.totals().replayed, 1, "the second one");
}

/// The number of events that the worker has not read.
fn waiting(worker: &TestWorker) -> u64 {
    let read = worker.counters.position();
    worker.app.hub.totals().sent_events - read
}

#[test]
fn unread_events_and_lags_of_a_worker_are_counted() {
    let mut worker = TestWorker::new(|config| config.fanout_queue = 4);
    let (_, mut client) = worker.reader("a");
    (1..=3).for_each(|n| worker.publish("a", &format!("n {n}")));
    assert_eq!(waiting(&worker), 3);
    (4..=6).for_each(|n| worker.publish("a", &format!("n {n}")));
    worker.work();
    assert_eq!(numbers(&text(&mut client)), [1, 2, 3, 4, 5, 6]);
    assert_eq!(worker.counters.worker_lags.get(), 1);
    worker.readers.flush_counters();
    assert_eq!(waiting(&worker), 0);
    assert_eq!(delivered(&mut worker).0, 6);
}
