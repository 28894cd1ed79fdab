//! The drain: every stream gets its bye, requests in flight finish, and it ends
//! within the grace.

use std::time::{Duration, Instant};

use sse_chat::server::Drained;
use tokio::io::AsyncWriteExt as _;

use super::support::{EventReader, Http, Response, TestServer, read_to_close, within};

async fn a_stream_gets_bye_and_a_clean_end(http: Http) {
    let server = http.start();
    let mut reader = server.events("/rooms/lobby/events").await;
    reader.expect("hello").await;
    server.begin_stop();
    let bye = reader.expect("bye").await;
    assert_eq!(bye.data["reason"], "shutdown");
    assert_eq!(
        bye.data["retry_ms"],
        reader.retry.unwrap().as_millis() as u64
    );
    assert_eq!(reader.next_or_end().await, None);
    assert_eq!(server.stopped().await, Drained::Whole);
}

async fn a_thousand_streams_end_one_after_the_other_each_with_its_own_retry(http: Http) {
    const READERS: usize = 1000;
    // A longer grace than any machine needs; turns are drawn from 20 ms a reader.
    let spread = Duration::from_millis(20) * READERS as u32;
    let server = http.start_with(|config| {
        config.grace = Duration::from_secs(60);
        // Bye comes next.
        config.ping = Duration::from_secs(3600);
    });
    let mut readers: Vec<EventReader> = Vec::new();
    for _ in 0..READERS {
        readers.push(server.events("/rooms/lobby/events").await);
    }
    let begun = Instant::now();
    server.begin_stop();
    let ends = readers.into_iter().map(|mut reader| {
        tokio::spawn(async move {
            reader.expect("hello").await;
            let bye = reader.expect("bye").await;
            assert_eq!(reader.next_or_end().await, None);
            (begun.elapsed(), bye.data["retry_ms"].as_u64().unwrap())
        })
    });
    let (mut times, mut retries) = (Vec::new(), std::collections::BTreeSet::new());
    for end in ends.collect::<Vec<_>>() {
        let (time, retry) = within(end).await.unwrap();
        assert!((2000..=5000).contains(&retry), "{retry}");
        times.push(time);
        retries.insert(retry);
    }
    assert_eq!(server.stopped().await, Drained::Whole);
    times.sort_unstable();
    // Drawn evenly; a slow machine only delays them.
    for (part, least) in [(1, 0.15), (2, 0.35), (3, 0.6)] {
        let time = times[READERS * part / 4];
        assert!(time > spread.mul_f64(least), "{part} of 4 after {time:?}");
    }
    assert!(retries.len() > 100, "{} different times", retries.len());
}

async fn a_single_stream_does_not_delay_the_shutdown_by_the_grace(http: Http) {
    let server = http.start_with(|config| config.grace = Duration::from_secs(3600));
    let mut reader = server.events("/rooms/lobby/events").await;
    server.begin_stop();
    while reader.next_or_end().await.is_some() {}
    assert_eq!(server.stopped().await, Drained::Whole);
}

#[tokio::test]
async fn a_request_in_flight_finishes() {
    let server = TestServer::start();
    let mut sender = server.connect().await;
    let body = r#"{"name":"Alice","message":"last words"}"#;
    let head = format!(
        "POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    sender.write_all(head.as_bytes()).await.unwrap();
    // `100 Continue` shows that the request is being answered.
    let mut hundred = [0; 25];
    within(tokio::io::AsyncReadExt::read_exact(
        &mut sender,
        &mut hundred,
    ))
    .await
    .unwrap();
    assert_eq!(&hundred, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.begin_stop();
    sender.write_all(body.as_bytes()).await.unwrap();
    let response = Response::parse(&read_to_close(&mut sender).await);
    assert_eq!(response.status, 201);
    assert_eq!(server.stopped().await, Drained::Whole);
}

#[tokio::test]
async fn a_draining_server_accepts_no_connection() {
    let server = TestServer::start();
    let address = server.address();
    server.begin_stop();
    server.stopped().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_shutdown() {
    let server = TestServer::start_with(|config| config.grace = Duration::from_secs(3600));
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut some = [0; 12];
    within(tokio::io::AsyncReadExt::read_exact(&mut idle, &mut some))
        .await
        .unwrap();
    server.begin_stop();
    read_to_close(&mut silent).await;
    read_to_close(&mut idle).await;
    assert_eq!(server.stopped().await, Drained::Whole);
}

#[tokio::test]
async fn connections_that_outlast_the_grace_are_cut() {
    let server = TestServer::start_with(|config| config.grace = Duration::from_millis(200));
    let mut stuck = server.connect().await;
    let head = b"POST /rooms/lobby/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
    stuck.write_all(head).await.unwrap();
    let mut some = [0; 12];
    within(tokio::io::AsyncReadExt::read_exact(&mut stuck, &mut some))
        .await
        .unwrap();
    server.begin_stop();
    assert_eq!(server.stopped().await, Drained::Cut(1));
    read_to_close(&mut stuck).await;
}

over_each! {
    a_stream_gets_bye_and_a_clean_end
    a_thousand_streams_end_one_after_the_other_each_with_its_own_retry
    a_single_stream_does_not_delay_the_shutdown_by_the_grace
}
