//! Streams and connections that end: slow clients, timeouts, the drain.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sse_chat::server::Drained;

use super::client::Client;
use super::raw::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GO_AWAY, HEADERS, NO_ERROR, PING, PREFACE,
    RESET, Raw, WINDOW_UPDATE, frame, get, request, settings,
};
use crate::scrape::{self, Scrape};
use crate::support::{TestServer, within};

/// The setting of the windows of new streams.
const INITIAL_WINDOW: u16 = 4;

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(300);

/// A server on which only streams stall soon.
fn with_stall(stall: Duration) -> TestServer {
    scrape::start_with(|config| {
        config.limits.stall = stall;
        config.limits.answer_timeout = LONG;
    })
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_reset_and_the_others_go_on() {
    let server = with_stall(SHORT);
    let mut raw = Raw::open(&server, &[(INITIAL_WINDOW, 0)]).await;
    let streams = [1, 3, 5].map(|stream| get(stream, "/rooms/lobby/events"));
    raw.send(&streams.concat()).await;
    // Two of three get room.
    for stream in [1, 5] {
        raw.send(&frame(WINDOW_UPDATE, 0, stream, &[0, 1, 0, 0]))
            .await;
    }
    let reset = raw.find(RESET).await;
    assert_eq!((reset.stream, reset.reason()), (3, CANCEL));
    assert_eq!(server.app().stalled.load(Ordering::Relaxed), 1);
    server.publish("lobby", "to the others").await;
    let mut open = vec![1, 5];
    while !open.is_empty() {
        let data = raw.find(DATA).await;
        let text = String::from_utf8_lossy(&data.payload);
        if text.contains("to the others") {
            open.retain(|stream| *stream != data.stream);
        }
    }
    raw.send(&get(7, "/healthz")).await;
    assert!(raw.find(HEADERS).await.is_ok());
}

#[tokio::test]
async fn a_stream_with_little_room_is_reset_with_what_waits_for_it() {
    let server = with_stall(SHORT);
    let mut raw = Raw::open(&server, &[(INITIAL_WINDOW, 10)]).await;
    raw.send(&get(1, "/rooms/lobby/events")).await;
    let data = raw.find(DATA).await;
    assert_eq!(data.payload.len(), 10);
    let reset = raw.find(RESET).await;
    assert_eq!((reset.stream, reset.reason()), (1, CANCEL));
}

#[tokio::test]
async fn an_answer_that_is_not_read_in_time_is_reset() {
    let server = scrape::start_with(|config| {
        config.limits.stall = LONG;
        config.limits.answer_timeout = SHORT;
    });
    for _ in 0..10 {
        server.publish("lobby", &"x".repeat(4000)).await;
    }
    let mut raw = Raw::open(&server, &[(INITIAL_WINDOW, 10_000)]).await;
    raw.send(&get(1, "/rooms/lobby/messages")).await;
    let reset = raw.find(RESET).await;
    assert_eq!((reset.stream, reset.reason()), (1, CANCEL));
    raw.send(&get(3, "/healthz")).await;
    assert!(raw.find(HEADERS).await.is_ok());
    // A short one can't be reset alone.
    let mut raw = Raw::open(&server, &[(INITIAL_WINDOW, 1)]).await;
    raw.send(&get(1, "/rooms/lobby/members")).await;
    assert_eq!(raw.find(DATA).await.payload.len(), 1);
    raw.end().await;
    let series = "sse_chat_timeouts_total{waiting_for=\"answer\"}";
    Scrape::when(&server, |scrape| scrape.get(series) == 2.0).await;
}

#[tokio::test]
async fn a_client_whose_socket_takes_nothing_is_cut() {
    let server = scrape::start_with(|config| {
        config.limits.stall = SHORT;
        config.limits.send_buffer = 4096;
        config.ping = Duration::from_millis(1);
    });
    let huge = u32::MAX >> 1;
    let mut raw = Raw::open(&server, &[(INITIAL_WINDOW, huge)]).await;
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &(huge - 65_535).to_be_bytes()))
        .await;
    raw.send(&[get(1, "/rooms/lobby/events"), get(3, "/rooms/lobby/events")].concat())
        .await;
    let mut text = String::new();
    while text.matches("hello").count() < 2 {
        text.push_str(&String::from_utf8_lossy(&raw.find(DATA).await.payload));
    }
    // It reads no more. Large messages fill the socket.
    within(async {
        while server.app().stalled.load(Ordering::Relaxed) == 0 {
            server.publish("lobby", &"x".repeat(4000)).await;
        }
    })
    .await;
    assert_eq!(server.app().stalled.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_drain_ends_streams_with_bye_and_connections_with_goaway() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let mut idle = Raw::open(&server, &[]).await;
    let mut unused = Raw::connect(&server).await;
    unused.send(&[PREFACE, &settings(&[])].concat()).await;
    idle.send(&get(1, "/healthz")).await;
    assert!(idle.find(HEADERS).await.is_ok());
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = client.events("/rooms/lobby/events").await;
        stream.expect("hello").await;
        streams.push(stream);
    }
    server.begin_stop();
    assert_eq!(idle.end().await, Some(NO_ERROR));
    assert_eq!(unused.end().await, Some(NO_ERROR));
    for stream in &mut streams {
        assert_eq!(stream.end().await, (Some("bye".to_owned()), Ok(())));
    }
    drop(streams);
    client.closed().await.unwrap();
    assert_eq!(server.stopped().await, Drained::Whole);
}

#[tokio::test]
async fn streams_left_after_the_grace_are_cut() {
    let server = TestServer::start_with(|config| config.grace = SHORT);
    let mut raw = Raw::open(&server, &[(INITIAL_WINDOW, 0)]).await;
    raw.send(&get(1, "/rooms/lobby/events")).await;
    assert!(raw.find(HEADERS).await.is_ok());
    server.begin_stop();
    raw.end().await;
    assert_eq!(server.stopped().await, Drained::Cut(1));
}

#[tokio::test]
async fn a_connection_without_streams_closes() {
    let server = scrape::start_with(|config| {
        config.limits.idle_timeout = SHORT;
        config.ping = Duration::from_millis(10);
    });
    let mut raw = Raw::open(&server, &[]).await;
    raw.send(&get(1, "/healthz")).await;
    assert!(raw.find(HEADERS).await.is_ok());
    // Pings are no requests.
    raw.send(&frame(PING, 0, 0, &[7; 8])).await;
    assert_eq!(raw.end().await, Some(NO_ERROR));
    let series = "sse_chat_timeouts_total{waiting_for=\"request\"}";
    assert_eq!(Scrape::of(&server).await.get(series), 1.0);
    // A stream keeps it open, and its end begins the time.
    let mut client = Client::open(&server).await;
    let mut stream = client.events("/rooms/lobby/events").await;
    stream.expect("hello").await;
    let begun = Instant::now();
    while begun.elapsed() < 2 * SHORT {
        stream.expect("ping").await;
    }
    client.publish("lobby", "still here").await;
    assert_eq!(stream.find("update").await["message"], "still here");
    drop(stream);
    client.closed().await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_answer_the_last_ping_is_closed_nevertheless() {
    let server = scrape::start_with(|config| config.limits.idle_timeout = SHORT);
    let mut raw = Raw::open(&server, &[]).await;
    raw.send(&get(1, "/healthz")).await;
    let mut is_announced = false;
    while let Some(frame) = raw.next().await {
        is_announced |= frame.kind == GO_AWAY;
    }
    assert!(is_announced);
}

#[tokio::test]
async fn a_connection_on_which_no_request_comes_closes() {
    let server = scrape::start_with(|config| {
        config.limits.first_byte_timeout = SHORT;
        config.limits.head_timeout = SHORT;
        config.limits.idle_timeout = LONG;
    });
    let head = request("GET", "/healthz", &[]);
    for begin in [
        Vec::new(),
        PREFACE[..5].to_vec(),
        PREFACE[..20].to_vec(),
        PREFACE.to_vec(),
        [PREFACE, &settings(&[])].concat(),
        // A header block without its end, or with a frame without its end.
        [
            PREFACE,
            &settings(&[]),
            &frame(HEADERS, END_STREAM, 1, &head),
        ]
        .concat(),
        [PREFACE, &settings(&[]), &get(1, "/healthz")[..20]].concat(),
    ] {
        let mut raw = Raw::connect(&server).await;
        raw.send(&begin).await;
        // What it would answer does not belong there.
        let _write = raw.take_write();
        raw.end().await;
    }
    // Also when a stream is open.
    let mut raw = Raw::open(&server, &[]).await;
    raw.send(&get(1, "/rooms/lobby/events")).await;
    assert!(raw.find(HEADERS).await.is_ok());
    raw.send(&frame(HEADERS, END_STREAM, 3, &head)).await;
    raw.send(&frame(CONTINUATION, 0, 3, b"")).await;
    let _write = raw.take_write();
    raw.end().await;
    let series = "sse_chat_timeouts_total{waiting_for=\"head\"}";
    assert_eq!(Scrape::of(&server).await.get(series), 7.0);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused() {
    let server = TestServer::start_with(|config| config.limits.body_timeout = SHORT);
    let mut raw = Raw::open(&server, &[]).await;
    let fields = [
        ("content-type", "application/json"),
        ("content-length", "5"),
    ];
    let block = request("POST", "/rooms/lobby/messages", &fields);
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block)).await;
    let answer = raw.find(HEADERS).await;
    assert!(!answer.is_ok());
    let data = raw.find(DATA).await;
    let text = String::from_utf8_lossy(&data.payload);
    assert!(text.contains("request_timeout"), "{text}");
}

#[tokio::test]
async fn a_connection_over_the_limit_gets_its_answer_and_closes() {
    let server = TestServer::start_with(|config| config.limits.max_connections = 1);
    let mut first = Client::open(&server).await;
    let mut stream = first.events("/rooms/lobby/events").await;
    stream.expect("hello").await;
    let mut second = Client::open(&server).await;
    let mut busy = second.events("/rooms/lobby/events").await;
    assert_eq!(busy.expect("busy").await["reason"], "connections");
    assert_eq!(busy.next().await, Ok(None));
    drop(busy);
    second.closed().await.unwrap();
}
