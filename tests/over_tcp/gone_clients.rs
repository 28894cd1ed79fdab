//! Clients that disconnect without notice or by halves: their streams end, their
//! names leave, and other clients are not affected. The numbers are cases of
//! tests/cases.md. (52, a machine that vanishes, needs packet loss, which loopback
//! has not: see tests/real/vanished.sh.)

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connection::Connection;
use super::support::{Http, TestServer, read_to_close, within};
use super::witness::{Witness, alive, until_readers};

const STREAM: &str = "/rooms/lobby/events?name=Alice";

// 50
async fn a_client_that_hangs_up_after_its_request_is_no_reader(http: Http) {
    let server = http.start();
    let mut witness = Witness::of(&server, "lobby").await;
    for _ in 0..20 {
        let mut client = server.open().await;
        within(client.write_all(&http.ask(STREAM))).await.unwrap();
        drop(client);
    }
    // All of those were accepted before this one is.
    witness.saw_nothing("clients that hung up").await;
    until_readers(&server, 1).await;
}

// 53: a client that closes its half has ended its request.
async fn a_stream_of_which_the_client_closed_its_half_is_closed(http: Http) {
    let server = http.start();
    let mut at_once = server.open().await;
    within(at_once.write_all(&http.ask(STREAM))).await.unwrap();
    within(at_once.shutdown()).await.unwrap();
    read_to_close(&mut at_once).await;

    let mut later = server.events("/rooms/lobby/events").await;
    later.expect("hello").await;
    until_readers(&server, 1).await;
    within(later.stream().shutdown()).await.unwrap();
    read_to_close(later.stream()).await;
    until_readers(&server, 0).await;
    alive(&server).await;
}

// 51
async fn a_reader_that_disconnects_within_an_event_affects_no_other(http: Http) {
    let server = http.start();
    let mut others = server.events("/rooms/lobby/events").await;
    others.expect("hello").await;
    let mut broken = server.events("/rooms/lobby/events").await;
    broken.expect("hello").await;
    until_readers(&server, 2).await;
    let text = "x".repeat(4000);
    let first = server.publish("lobby", &text).await;
    let mut broken = broken.into_stream();
    within(broken.read_exact(&mut [0; 100])).await.unwrap();
    // Closing now sends a reset, with most of the event unread.
    broken.set_zero_linger().unwrap();
    drop(broken);
    until_readers(&server, 1).await;
    let second = server.publish("lobby", "still here").await;
    assert_eq!(others.expect("update").await.data, first);
    assert_eq!(others.expect("update").await.data, second);
    alive(&server).await;
}

// 50, 51: the other readers get presence.
async fn a_name_leaves_with_its_last_stream_however_that_ends(http: Http) {
    let server = http.start();
    let mut watcher = server.events("/rooms/lobby/events?presence=1").await;
    watcher.expect("hello").await;
    let first = watcher.find("presence").await;
    assert_eq!(first.data["count"], 0);

    let mut streams = Vec::new();
    for name in ["Alice", "Bob", "Carol"] {
        let mut stream = server
            .events(&format!("/rooms/lobby/events?name={name}"))
            .await;
        stream.expect("hello").await;
        streams.push(stream.into_stream());
    }
    let names = |list: &serde_json::Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.map(|member| member["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut joined = Vec::new();
    while joined.len() < 3 {
        joined.extend(names(&watcher.find("presence").await.data["joined"]));
    }
    assert_eq!(joined, ["Alice", "Bob", "Carol"]);

    let [mut half_closed, reset, dropped] = <[_; 3]>::try_from(streams).unwrap();
    within(half_closed.shutdown()).await.unwrap();
    reset.set_zero_linger().unwrap();
    drop((reset, dropped));
    let mut left = Vec::new();
    while left.len() < 3 {
        left.extend(names(&watcher.find("presence").await.data["left"]));
    }
    left.sort();
    assert_eq!(left, ["Alice", "Bob", "Carol"]);
    assert_eq!(server.get("/rooms/lobby/members").await.json()["count"], 0);
    assert_eq!(server.app().hub.readers(), 1, "the watcher");
}

/// A timeout that a test waits for.
const SHORT: Duration = Duration::from_millis(100);

// 57, 58, 59
#[tokio::test]
async fn a_connection_that_waits_too_long_for_a_request_is_closed() {
    let server = TestServer::start_with(|config| {
        config.limits.first_byte_timeout = SHORT;
        config.limits.head_timeout = SHORT;
        config.limits.idle_timeout = SHORT;
    });
    let silent = Connection::to(&server).await;
    assert_eq!(silent.rest().await, b"", "closed without a word");
    let mut idle = Connection::to(&server).await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200);
    assert_eq!(idle.rest().await, b"", "closed without a word");

    for start in ["G", "GET /healthz HTTP/1.1\r\nhost: a\r\n"] {
        let mut slow = Connection::to(&server).await;
        slow.send(start).await;
        let answer = String::from_utf8(slow.rest().await).unwrap();
        assert_eq!(answer, "", "closed without a word");
    }
    alive(&server).await;
}

// 57, 58: the timeout of a head runs from its first byte; more bytes do not
// extend it.
#[tokio::test]
async fn a_trickling_head_has_the_same_timeout() {
    let server = TestServer::start_with(|config| {
        config.limits.first_byte_timeout = super::support::DEADLINE * 2;
        config.limits.head_timeout = 5 * SHORT;
        config.limits.idle_timeout = super::support::DEADLINE * 2;
    });
    for start in ["P", "PRI * HT"] {
        let mut stops = Connection::to(&server).await;
        stops.send(start).await;
        assert_eq!(stops.rest().await, b"", "closed without a word: {start}");
    }
    let begun = Instant::now();
    let (mut from, mut to) = server.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        let mut beat = tokio::time::interval(SHORT / 5);
        for byte in b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: ".iter().cycle() {
            beat.tick().await;
            if to.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    });
    let mut answer = Vec::new();
    // May end in a reset, since more bytes are on their way.
    let _ = within(from.read_to_end(&mut answer)).await;
    assert!(answer.is_empty() && begun.elapsed() >= 5 * SHORT);
    within(trickle).await.unwrap();
    alive(&server).await;
}

// 59: the timeouts of requests do not apply to a stream.
async fn a_stream_lives_longer_than_a_request_may_take(http: Http) {
    let server = http.start_with(|config| {
        config.limits.head_timeout = Duration::from_millis(50);
        config.limits.idle_timeout = Duration::from_millis(50);
        config.limits.answer_timeout = Duration::from_millis(50);
        config.ping = Duration::from_millis(60);
    });
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    for _ in 0..5 {
        reader.expect("ping").await;
    }
}

over_each! {
    a_client_that_hangs_up_after_its_request_is_no_reader
    a_stream_of_which_the_client_closed_its_half_is_closed
    a_reader_that_disconnects_within_an_event_affects_no_other
    a_name_leaves_with_its_last_stream_however_that_ends
    a_stream_lives_longer_than_a_request_may_take
}
