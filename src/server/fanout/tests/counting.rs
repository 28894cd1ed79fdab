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
fn fan_out_times(worker: &TestWorker) -> f64 {
    scraped(&worker.fanout_counters, "time_count")
}

/// A value of the histogram of fan-out times, as a scrape has it.
fn scraped(counters: &FanoutCounters, name: &str) -> f64 {
    let mut registry = Registry::default();
    registry.register("time", "", counters.fan_out_time.clone());
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).unwrap();
    let mut series = text.lines().filter_map(|line| line.rsplit_once(' '));
    let value = series.find_map(|(series, value)| (series == name).then_some(value));
    let value = value.unwrap_or_else(|| panic!("{name} in {text}"));
    value.parse().unwrap()
}

#[test]
fn fan_out_times_of_all_workers_are_summed_and_a_bound_belongs_to_its_bucket() {
    let counters = FanoutCounters::default();
    let workers = [0, 1].map(|number| WorkerCounters::new(&counters, number));
    let times = [[1_000, 1_001], [1_000, 20_000_000]];
    for (worker, times) in workers.iter().zip(times) {
        for time in times {
            worker.add_fan_out_time(Duration::from_micros(time));
        }
    }
    for (bound, count) in [
        ("0.0005", 0.0),
        ("0.001", 2.0),
        ("0.0025", 3.0),
        ("10", 3.0),
        ("+Inf", 4.0),
    ] {
        let bucket = format!("time_bucket{{le=\"{bound}\"}}");
        assert_eq!(scraped(&counters, &bucket), count, "{bound}");
    }
    assert_eq!(scraped(&counters, "time_count"), 4.0);
    let sum = scraped(&counters, "time_sum");
    assert!((sum - 20.003_001).abs() < 1e-9, "{sum}");
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
    assert_eq!(fan_out_times(&worker), 2.0);
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
