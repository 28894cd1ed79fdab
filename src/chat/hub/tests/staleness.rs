//! The history becomes stale and fresh again, for readers in each state.

use std::time::UNIX_EPOCH;

use super::*;

const STALE: &str = "event: stale\ndata: {\"since\":\"1970-01-01T00:00:01.000Z\"}\n\n";
const FRESH: &str = "event: fresh\ndata:\n\n";

fn set_stale(hub: &Hub, seconds: Option<u64>) {
    hub.set_stale(seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)));
}

/// What the reader gets now: `stale` and `fresh` as text, entries by their seqs.
fn next_lines(reader: &mut TestReader) -> Vec<String> {
    let deliveries = std::iter::from_fn(|| reader.now());
    let line = |delivery: TestDelivery| match &delivery {
        TestDelivery::Entry(entry) => entry.seq().to_string(),
        _ => String::from_utf8(delivery.event().text().to_vec()).unwrap(),
    };
    deliveries.map(line).collect()
}

#[test]
fn each_transition_is_one_event_without_an_id_in_the_order_of_entries() {
    let hub = Hub::new(limits());
    let mut readers = [reader(&hub, "a", None), reader(&hub, "b", None)];
    for reader in &mut readers {
        assert_eq!(next_lines(reader), [""; 0]);
    }
    // The present state again.
    set_stale(&hub, None);
    publish_text(&hub, "a", "x");
    set_stale(&hub, Some(1));
    set_stale(&hub, Some(2));
    publish_text(&hub, "a", "x");
    set_stale(&hub, None);
    set_stale(&hub, None);
    let [of_a, of_b] = &mut readers;
    assert_eq!(next_lines(of_a), ["1", STALE, "2", FRESH]);
    assert_eq!(next_lines(of_b), [STALE, FRESH]);
}

#[test]
fn a_stream_that_begins_while_the_history_is_stale_gets_stale_first() {
    let hub = Hub::new(limits());
    publish_text(&hub, "a", "x");
    set_stale(&hub, Some(1));
    let mut new = reader(&hub, "a", None);
    assert_eq!(next_lines(&mut new), [STALE, "1"]);
    // Nor does it go live twice.
    set_stale(&hub, None);
    publish_text(&hub, "a", "x");
    assert_eq!(next_lines(&mut new), [FRESH, "2"]);
    assert_eq!(next_lines(&mut reader(&hub, "a", None)), ["1", "2"]);
}

#[test]
fn a_history_that_was_stale_before_the_first_read_is_not_mentioned() {
    let hub = Hub::new(limits());
    let mut new = reader(&hub, "a", None);
    set_stale(&hub, Some(1));
    set_stale(&hub, None);
    assert_eq!(next_lines(&mut new), [""; 0]);
    set_stale(&hub, Some(1));
    assert_eq!(next_lines(&mut new), [STALE]);
}

#[test]
fn a_lagging_reader_learns_the_present_state_once() {
    let hub = Hub::new(HubLimits {
        channel_slots: 4,
        ..limits()
    });
    let mut readers = [reader(&hub, "a", None), reader(&hub, "a", None)];
    for reader in &mut readers {
        assert_eq!(next_lines(reader), [""; 0]);
    }
    let [often, seldom] = &mut readers;
    let publish_five = || (0..5).for_each(|_| drop(publish_text(&hub, "a", "x")));
    set_stale(&hub, Some(1));
    publish_five();
    assert_eq!(next_lines(often), [STALE, "1", "2", "3", "4", "5"]);
    set_stale(&hub, None);
    publish_five();
    assert_eq!(next_lines(often), [FRESH, "6", "7", "8", "9", "10"]);
    // The other one missed both.
    let all = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    assert_eq!(next_lines(seldom), all);
    set_stale(&hub, Some(1));
    for reader in [often, seldom] {
        assert_eq!(next_lines(reader), [STALE]);
    }
}
