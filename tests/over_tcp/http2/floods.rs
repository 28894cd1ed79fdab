//! Floods: each ends its connection or is bounded, and others are served.

use tokio::io::AsyncWriteExt as _;

use super::client::Client;
use super::raw::{
    CONTINUATION, DATA, END_HEADERS, ENHANCE_YOUR_CALM, HEADERS, PING, RESET, Raw, SETTINGS,
    WINDOW_UPDATE, frame, get, request,
};
use crate::support::{TestServer, within};

/// Sends `flood` again and again until the server closes the connection. Returns the
/// reason of its GOAWAY, if it came through.
async fn floods(server: &TestServer, begin: &[u8], flood: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let mut other = Client::open(server).await;
    let mut stream = other.events("/rooms/lobby/events").await;
    stream.expect("hello").await;
    let mut raw = Raw::open(server, &[]).await;
    raw.send(begin).await;
    let mut write = raw.take_write();
    let reading = tokio::spawn(async move { raw.end().await });
    for round in 0.. {
        let many: Vec<u8> = (0..100)
            .flat_map(|number| flood(100 * round + number))
            .collect();
        if within(write.write_all(&many)).await.is_err() {
            break;
        }
        assert!(round < 10_000, "it is never enough");
    }
    other.publish("lobby", "meanwhile").await;
    assert_eq!(stream.expect("update").await["message"], "meanwhile");
    reading.await.unwrap()
}

#[tokio::test]
async fn floods_end_their_connection() {
    let server = TestServer::start();
    let events = get(1, "/rooms/lobby/events");
    let odd = |number: u32| 2 * number + 1;
    let reset = |stream| frame(RESET, 0, stream, &[0, 0, 0, 8]);
    let post = |stream| {
        let block = request("POST", "/rooms/lobby/messages", &[]);
        frame(HEADERS, END_HEADERS, stream, &block)
    };
    type Flood<'a> = Box<dyn Fn(u32) -> Vec<u8> + 'a>;
    let all: [(&str, Vec<u8>, Flood<'_>); 9] = [
        (
            "ping",
            events.clone(),
            Box::new(|_| frame(PING, 0, 0, &[0; 8])),
        ),
        (
            "settings",
            events.clone(),
            Box::new(|_| frame(SETTINGS, 0, 0, &[])),
        ),
        (
            "windows",
            events.clone(),
            Box::new(|_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ),
        (
            "priority",
            events.clone(),
            Box::new(|_| frame(2, 0, 1, &[0; 5])),
        ),
        (
            "unknown",
            events.clone(),
            Box::new(|_| frame(0xaa, 0, 0, b"grease")),
        ),
        ("empty data", post(1), Box::new(|_| frame(DATA, 0, 1, b""))),
        ("small data", post(1), Box::new(|_| frame(DATA, 0, 1, b"x"))),
        (
            "rapid reset",
            Vec::new(),
            Box::new(|number| [post(odd(number)), reset(odd(number))].concat()),
        ),
        (
            "continuation",
            frame(HEADERS, 0, 1, &request("GET", "/", &[])),
            Box::new(|_| frame(CONTINUATION, 0, 1, b"")),
        ),
    ];
    for (name, begin, flood) in all {
        let reason = floods(&server, &begin, flood).await;
        // It is lost if the server closes with more in its socket.
        assert!(
            reason.is_none_or(|reason| reason != super::raw::NO_ERROR),
            "{name}: {reason:?}"
        );
    }
}

#[tokio::test]
async fn a_flood_is_answered_by_enhance_your_calm() {
    let server = TestServer::start();
    let mut raw = Raw::open(&server, &[]).await;
    let ping = frame(PING, 0, 0, &[0; 8]);
    let answered = async |raw: &mut Raw| raw.find(PING).await;
    // One after the other, so that nothing is in the socket when the server closes.
    raw.send(&ping).await;
    answered(&mut raw).await;
    let mut pings = 1;
    let reason = loop {
        raw.send(&ping).await;
        pings += 1;
        let mut ended = None;
        loop {
            let frame = raw.next().await.expect("first it says why");
            match frame.kind {
                PING => break,
                super::raw::GO_AWAY => {
                    ended = Some(frame.reason());
                    break;
                }
                _ => {}
            }
        }
        if let Some(reason) = ended {
            break reason;
        }
        assert!(pings < 1_000_000, "it is never enough");
    };
    assert_eq!(reason, ENHANCE_YOUR_CALM);
    assert_eq!(raw.end().await, None);
}

#[tokio::test]
async fn a_client_that_updates_its_windows_for_all_it_reads_goes_on() {
    let server = TestServer::start();
    let mut raw = Raw::open(&server, &[]).await;
    raw.send(&get(1, "/rooms/lobby/events")).await;
    assert!(raw.find(HEADERS).await.is_ok());
    for number in 0..3000 {
        server.publish("lobby", &format!("{number}")).await;
        let data = raw.find(DATA).await;
        let size = u32::try_from(data.payload.len()).unwrap().to_be_bytes();
        let updates = [0, 1].map(|stream| frame(WINDOW_UPDATE, 0, stream, &size));
        raw.send(&updates.concat()).await;
    }
}
