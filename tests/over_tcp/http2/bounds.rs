//! What one connection and one address may have.

use std::num::NonZeroU32;

use super::client::Client;
use super::raw::{
    DATA, END_HEADERS, END_STREAM, GO_AWAY, HEADERS, PROTOCOL_ERROR, REFUSED_STREAM, RESET, Raw,
    SETTINGS, frame, get, request,
};
use crate::support::TestServer;

#[tokio::test]
async fn more_streams_than_one_connection_may_have_are_refused() {
    let server = TestServer::start_with(|config| {
        config.http2.max_streams = NonZeroU32::new(3).unwrap();
    });
    let mut raw = Raw::open(&server, &[]).await;
    let announced = raw.find(SETTINGS).await;
    let most = [0, 3, 0, 0, 0, 3];
    assert!(announced.payload.chunks(6).any(|pair| pair == most));
    let streams = [1, 3, 5, 7, 9].map(|stream| get(stream, "/rooms/lobby/events"));
    raw.send(&streams.concat()).await;
    let (mut answered, mut refused) = (Vec::new(), Vec::new());
    while answered.len() + refused.len() < 5 {
        let frame = raw.next().await.unwrap();
        match frame.kind {
            HEADERS if frame.is_ok() => answered.push(frame.stream),
            RESET => {
                assert_eq!(frame.reason(), REFUSED_STREAM);
                refused.push(frame.stream);
            }
            _ => {}
        }
    }
    assert_eq!((&*answered, &*refused), (&[1, 3, 5][..], &[7, 9][..]));
    // A stream that ends makes room for another.
    raw.send(&[frame(RESET, 0, 1, &[0, 0, 0, 8]), get(11, "/healthz")].concat())
        .await;
    loop {
        let answer = raw.find(HEADERS).await;
        if answer.stream == 11 {
            assert!(answer.is_ok());
            break;
        }
    }
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused_and_others_are_answered() {
    let server = TestServer::start_with(|config| config.limits.max_head_bytes = 8192);
    let mut client = Client::open(&server).await;
    let mut large = client.request("GET", "/healthz");
    large
        .headers_mut()
        .insert("x", "x".repeat(9000).parse().unwrap());
    let refused = client.send(large, "").await.unwrap();
    assert_eq!(refused.status, 431, "{refused:?}");
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_body_beyond_its_window_or_its_length_ends_its_request() {
    let server = TestServer::start();
    let post = |stream: u32, length: &str| {
        let fields = [
            ("content-length", length),
            ("content-type", "application/json"),
        ];
        let block = request("POST", "/rooms/lobby/messages", &fields);
        frame(HEADERS, END_HEADERS, stream, &block)
    };
    let mut raw = Raw::open(&server, &[]).await;
    let data = frame(DATA, END_STREAM, 1, b"more than five");
    raw.send(&[post(1, "5"), data].concat()).await;
    let reset = raw.find(RESET).await;
    assert_eq!((reset.stream, reset.reason()), (1, PROTOCOL_ERROR));
    raw.send(&get(3, "/healthz")).await;
    assert!(raw.find(HEADERS).await.is_ok());
    // The window of the connection is larger than that of a request.
    let mut frames = post(5, "99999");
    for _ in 0..7 {
        frames.extend(frame(DATA, 0, 5, &[b' '; 16_000]));
    }
    raw.send(&frames).await;
    loop {
        let frame = raw.next().await.unwrap();
        // The body is refused by its length, or the window is found exceeded.
        if matches!(frame.kind, RESET | HEADERS | GO_AWAY) {
            assert!(!frame.is_ok());
            break;
        }
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn large_heads_share_one_budget() {
    let server = TestServer::start_with(|config| {
        config.limits.head_budget = config.limits.max_head_bytes - 16 * 1024;
    });
    let mut client = Client::open(&server).await;
    let mut large = client.request("GET", "/healthz");
    large
        .headers_mut()
        .insert("x", "x".repeat(70_000).parse().unwrap());
    assert_eq!(client.send(large, "").await.unwrap().status, 200);
    // Heads whose bodies do not come.
    let mut raw = Raw::open(&server, &[]).await;
    let value = "x".repeat(40_000);
    let fields = [
        ("x", &*value),
        ("content-length", "5"),
        ("content-type", "application/json"),
    ];
    let block = request("POST", "/rooms/lobby/messages", &fields);
    let mut frames = Vec::new();
    for stream in [1, 3, 5] {
        let mut pieces = block.chunks(16_000).peekable();
        let mut kind = HEADERS;
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() {
                END_HEADERS
            } else {
                0
            };
            frames.extend(frame(kind, flags, stream, piece));
            kind = super::raw::CONTINUATION;
        }
    }
    raw.send(&frames).await;
    let refused = raw.find(HEADERS).await;
    assert_eq!(refused.stream, 5);
    // Another is answered when its body comes.
    raw.send(&frame(0, END_STREAM, 1, b"{ \"a\"")).await;
    assert_eq!(raw.find(HEADERS).await.stream, 1);
}

#[tokio::test]
async fn each_request_in_progress_counts_for_its_address() {
    let server = TestServer::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.max_connections_per_address = 3;
    });
    let mut client = Client::open(&server).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = client.events("/rooms/lobby/events").await;
        stream.expect("hello").await;
        streams.push(stream);
    }
    let mut busy = client.events("/rooms/lobby/events").await;
    assert_eq!(busy.expect("busy").await["reason"], "address");
    let refused = client
        .post("lobby", r#"{"name":"Alice","message":"hi"}"#)
        .await;
    refused.assert_problem(429, "rate_limited");
    assert_eq!(client.get("/healthz").await.status, 200);
    // On another connection it is the same.
    let mut other = Client::open(&server).await;
    let mut busy = other.events("/rooms/lobby/events").await;
    assert_eq!(busy.expect("busy").await["reason"], "address");
    drop(streams);
    loop {
        let mut stream = client.events("/rooms/lobby/events").await;
        match stream.next().await.unwrap().unwrap().0.as_str() {
            "hello" => break,
            event => assert_eq!(event, "busy"),
        }
    }
}
