//! The server inside another program: [`Embedded`] in this process, and the
//! examples as the processes that they are.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

#[path = "../deadline/mod.rs"]
mod deadline;
mod examples;
mod tokens;

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode};
use sse_chat::chat::{Draft, SubscribeOptions};
use sse_chat::config::Config;
use sse_chat::protocol::{Backlog, MessageText, RoomName, UserName};
use sse_chat::server::{Drained, Embedded, EventBody, StreamCut};

use deadline::within;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn room() -> RoomName {
    RoomName::parse("a").unwrap()
}

fn publish(rooms: &Embedded, text: &str) {
    let draft = Draft::new(
        UserName::parse("Ada").unwrap(),
        MessageText::parse(text, 1 << 20).unwrap(),
    );
    rooms.hub().publish(&room(), draft).unwrap();
}

fn subscribe(rooms: &Embedded, name: Option<&str>) -> EventBody {
    let options = SubscribeOptions {
        backlog: Backlog::All,
        name: name.map(|name| UserName::parse(name).unwrap()),
        presence: name.is_some(),
        ..SubscribeOptions::to(room())
    };
    rooms.subscribe(options).unwrap()
}

/// What the stream brings until `wanted` is in it.
#[track_caller]
fn read_until(stream: &mut EventBody, wanted: &str) -> impl Future<Output = String> {
    within(async move {
        let mut text = String::new();
        while !text.contains(wanted) {
            let piece = poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await;
            let piece = piece.expect("the stream goes on").unwrap();
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        text
    })
}

async fn get(rooms: &Embedded, path: &str) -> (StatusCode, Bytes) {
    let request = Request::get(path).header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = rooms.answer(request, PEER).await;
    let status = response.status();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

#[tokio::test]
async fn a_stream_replays_and_goes_live() {
    let rooms = Embedded::start(Config::default()).unwrap();
    publish(&rooms, "before");
    let mut stream = subscribe(&rooms, None);
    let text = read_until(&mut stream, "before").await;
    assert!(text.starts_with("retry: "), "{text}");
    publish(&rooms, "after");
    let text = read_until(&mut stream, "after").await;
    assert!(text.contains("event: update\n"), "{text}");
}

#[tokio::test]
async fn presence_needs_no_call_from_the_program() {
    let rooms = Embedded::start(Config::default()).unwrap();
    let mut ada = subscribe(&rooms, Some("Ada"));
    read_until(&mut ada, "event: presence").await;
    let _bob = subscribe(&rooms, Some("Bob"));
    read_until(&mut ada, "\"name\":\"Bob\"").await;
}

#[tokio::test]
async fn a_reader_that_lags_gets_every_message_in_order() {
    const MESSAGES: usize = 500;
    let rooms = Embedded::start(Config::default()).unwrap();
    let mut stream = subscribe(&rooms, None);
    // Many times the 64 KiB that a stream holds, while nothing reads it.
    let text = "x".repeat(1000);
    (0..MESSAGES).for_each(|n| publish(&rooms, &format!("{n} {text}")));
    publish(&rooms, "the last");
    let read = read_until(&mut stream, "the last").await;
    let numbers = read.split("\"number\":").skip(1);
    let numbers = numbers.map(|rest| rest.split(',').next().unwrap().parse().unwrap());
    assert_eq!(
        numbers.collect::<Vec<usize>>(),
        (1..=MESSAGES + 1).collect::<Vec<_>>()
    );
    assert!(!read.contains("event: gap"));
}

#[tokio::test]
async fn a_program_gets_the_answers_that_the_server_gives() {
    let rooms = Embedded::start(Config::default()).unwrap();
    let (status, page) = get(&rooms, "/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.starts_with(b"<!doctype html>"));
    let form = "name=Ada&message=Hello";
    let request = Request::post("/rooms/a/messages")
        .header("host", "localhost")
        .header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Full::from(form)).unwrap();
    let response = rooms.answer(request, PEER).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let (status, history) = get(&rooms, "/rooms/a/messages").await;
    assert_eq!(status, StatusCode::OK);
    assert!(std::str::from_utf8(&history).unwrap().contains("Hello"));
    let (status, problem) = get(&rooms, "/nowhere").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(std::str::from_utf8(&problem).unwrap().contains("not_found"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let rooms = Embedded::start(Config::default()).unwrap();
    let request = Request::post("/rooms/a/messages")
        .header("host", "localhost")
        .header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Full::from(vec![b'x'; 1 << 20])).unwrap();
    let response = rooms.answer(request, PEER).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(rooms.hub().totals().history_entries, 0);
}

#[tokio::test]
async fn a_drain_ends_each_stream_with_bye() {
    let rooms = Embedded::start(Config::default()).unwrap();
    let mut stream = subscribe(&rooms, None);
    let drained = tokio::spawn(async move { rooms.drain().await });
    let text = within(async {
        let mut text = Vec::new();
        while let Some(piece) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
            text.extend_from_slice(&piece.unwrap());
        }
        drop(stream);
        String::from_utf8(text).unwrap()
    })
    .await;
    assert!(text.contains("event: bye\n"), "{text}");
    assert_eq!(within(drained).await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn a_drain_cuts_what_is_not_read_within_the_grace() {
    let config = Config {
        grace: Duration::from_millis(50),
        ..Config::default()
    };
    let rooms = Embedded::start(config).unwrap();
    let _stream = subscribe(&rooms, None);
    assert_eq!(within(rooms.drain()).await, Drained::Cut(1));
}

#[tokio::test]
async fn the_drop_of_the_rooms_cuts_their_streams() {
    let rooms = Embedded::start(Config::default()).unwrap();
    let mut stream = subscribe(&rooms, None);
    read_until(&mut stream, "event: hello").await;
    drop(rooms);
    let next = within(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx))).await;
    assert_eq!(next, Some(Err(StreamCut)));
}

#[tokio::test]
async fn the_drop_of_a_stream_leaves_its_room() {
    let rooms = Embedded::start(Config::default()).unwrap();
    let mut stream = subscribe(&rooms, None);
    read_until(&mut stream, "event: hello").await;
    assert_eq!(rooms.hub().readers(), 1);
    drop(stream);
    within(async {
        while rooms.hub().readers() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
