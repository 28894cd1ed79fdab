//! A slow reader does not affect others, and loses nothing that history still
//! holds.

use std::time::Duration;

use super::support::{EventReader, Http, TestServer};

/// Longer than any pause of a slow machine, and than the 24 days that a kernel can
/// count.
const LONG: Duration = Duration::from_secs(30 * 24 * 3600);

/// Large, so that few messages fill an unread socket.
fn large(number: usize) -> String {
    format!("{number} {}", "x".repeat(4000))
}

/// Two readers of the same room, past their hello.
async fn two_readers(server: &TestServer) -> (EventReader, EventReader) {
    let mut readers = (
        server.events("/rooms/lobby/events").await,
        server.events("/rooms/lobby/events").await,
    );
    readers.0.expect("hello").await;
    readers.1.expect("hello").await;
    readers
}

/// Publishes `count` large messages, which only `reader` reads.
async fn publish_past(server: &TestServer, reader: &mut EventReader, count: usize) {
    for number in 1..=count {
        server.publish("lobby", &large(number)).await;
        assert_eq!(
            reader.messages(1).await,
            [large(number)],
            "the other reader is not held up"
        );
    }
}

async fn a_reader_that_stops_reading_delays_no_other_and_catches_up_from_history(http: Http) {
    let server = http.start_with(|config| {
        config.history = 100_000;
        config.history_bytes = 1 << 30;
        config.history_budget = 1 << 30;
        config.limits.stall = LONG;
    });
    let (mut stopped, mut reader) = two_readers(&server).await;
    // More than the sockets hold, and far more than a pipe.
    publish_past(&server, &mut reader, 3000).await;
    for number in 1..=3000 {
        let update = stopped.expect("update").await;
        assert_eq!(update.data["number"], number);
    }
    server.publish("lobby", "live again").await;
    assert_eq!(stopped.messages(1).await, ["live again"]);
}

async fn a_reader_slower_than_history_gets_a_gap_with_the_lost_count(http: Http) {
    let server = http.start_with(|config| {
        config.history = 10;
        config.limits.stall = LONG;
    });
    let (mut stopped, mut reader) = two_readers(&server).await;
    publish_past(&server, &mut reader, 3000).await;
    let (mut next, mut gaps) = (1, 0);
    while next <= 3000 {
        let event = stopped.next().await;
        match event.event.as_str() {
            "update" => assert_eq!(event.data["number"], next),
            "gap" => {
                assert_eq!(event.data["reason"], "lagged");
                gaps += 1;
                next += event.data["lost"].as_u64().unwrap();
                assert_eq!(event.data["next"], next);
                continue;
            }
            other => panic!("{other}"),
        }
        next += 1;
    }
    assert!(gaps > 0, "the reader was not slow enough for this test");
}

// 52 and 54: a reader that stops reading for good is closed.
async fn a_reader_that_reads_nothing_for_too_long_is_closed(http: Http) {
    let server = http.start_with(|config| config.limits.stall = Duration::from_millis(500));
    let bob = "/events?room=lobby&room=quiet&name=Bob";
    let mut stopped = server.events(bob).await;
    stopped.expect("hello").await;
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    // In a room without messages, so that the presence event arrives in time.
    let mut watcher = server.events("/rooms/quiet/events?presence=1").await;
    watcher.expect("hello").await;
    publish_past(&server, &mut reader, 3000).await;
    // The kernel detects it by its own probes, and others get presence.
    loop {
        let change = watcher.find("presence").await;
        if change.data["left"][0]["name"] == "Bob" {
            break;
        }
    }
    server.publish("lobby", "still here").await;
    assert_eq!(reader.messages(1).await, ["still here"]);
    assert_eq!(server.app().hub.readers(), 2);
    let stalled = &server.app().stalled;
    assert_eq!(stalled.load(std::sync::atomic::Ordering::Relaxed), 1);
}

async fn a_reader_of_one_byte_at_a_time_gets_everything(http: Http) {
    use tokio::io::AsyncReadExt as _;

    let server = http.start();
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    server.publish("lobby", "slowly").await;
    let mut stream = reader.into_stream();
    let mut text = Vec::new();
    while !text.ends_with(b"}\n\n") {
        text.push(super::support::within(stream.read_u8()).await.unwrap());
    }
    assert!(String::from_utf8_lossy(&text).contains("slowly"));
}

over_each! {
    a_reader_that_stops_reading_delays_no_other_and_catches_up_from_history
    a_reader_slower_than_history_gets_a_gap_with_the_lost_count
    a_reader_that_reads_nothing_for_too_long_is_closed
    a_reader_of_one_byte_at_a_time_gets_everything
}
