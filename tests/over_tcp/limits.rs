//! Limits of connections, streams, members and rates: new ones are refused with a
//! time to retry after, old ones are not affected. The numbers are cases of
//! tests/cases.md.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde_json::json;
use sse_chat::config::{Config, Rate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::connection::Connection;
use super::support::{EventReader, Http, Response, TestServer, within};
use super::witness::until_readers;

/// Trusts a proxy on this machine, which the test plays.
pub(crate) fn behind_a_proxy(config: &mut Config) {
    config.access.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

pub(crate) fn of(address: &str) -> [(&str, &str); 2] {
    [
        ("x-forwarded-for", address),
        ("content-type", "application/json"),
    ]
}

pub(crate) const HI: &str = r#"{"name":"Alice","message":"hi"}"#;
const MESSAGES: &str = "/rooms/lobby/messages";
const PAGE: &str = "/rooms/lobby/messages?limit=500";
const EVENTS: &str = "/rooms/lobby/events";

/// Checks that the answer is a whole `busy` stream.
#[track_caller]
pub(crate) fn assert_busy(answer: &Response, reason: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = answer.text();
    let mut lines = text.lines();
    let retry = lines.next().and_then(|line| line.strip_prefix("retry: "));
    let retry: u64 = retry.unwrap().parse().unwrap();
    assert!((30_000..=60_000).contains(&retry), "{text}");
    assert_eq!(lines.next(), Some("event: busy"));
    let data = lines.next().and_then(|line| line.strip_prefix("data: "));
    let data: serde_json::Value = serde_json::from_str(data.unwrap()).unwrap();
    assert_eq!(data, json!({"reason": reason, "retry_ms": retry}));
    assert!(text.ends_with("}\n\n") && lines.next() == Some(""));
}

#[track_caller]
pub(crate) fn retry_after(answer: &Response) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

/// Opens connections, and waits until they are accepted.
async fn open(server: &TestServer, count: usize) -> Vec<Connection> {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::to(server).await;
        connection
            .send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            .await;
        assert_eq!(connection.answer().await.status, 200);
        all.push(connection);
    }
    all
}

/// Waits until at most this many connections count.
async fn until_connections(server: &TestServer, most: usize) {
    within(async {
        while server.app().admission.connections() > most {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_server_sends_streams_busy_and_refuses_other_requests() {
    let server = TestServer::start_with(|config| config.limits.max_connections = 3);
    let mut reader = server.events(EVENTS).await;
    reader.expect("hello").await;
    let mut others = open(&server, 2).await;

    assert_busy(&server.get(EVENTS).await, "connections");
    assert_busy(&server.get("/events?room=a&room=b").await, "connections");
    assert_busy(&server.get("/sse.php").await, "connections");
    let head = server.request("HEAD", EVENTS, &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for (method, path) in [("GET", MESSAGES), ("POST", MESSAGES), ("GET", "/")] {
        let answer = server.request(method, path, &of("192.0.2.1"), HI).await;
        answer.assert_problem(503, "too_many_connections");
        assert!((30..=60).contains(&retry_after(&answer)));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(server.get("/healthz").await.text(), "ok");
    assert_eq!(server.get("/readyz").await.text(), "ok");

    // Admitted clients are not affected.
    others[0]
        .send(format!(
            "POST {MESSAGES} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{HI}",
            HI.len()
        ))
        .await;
    assert_eq!(others[0].answer().await.status, 201);
    assert_eq!(reader.expect("update").await.data["number"], 1);

    // A freed place goes to the next client.
    drop(reader);
    until_connections(&server, 2).await;
    server.events(EVENTS).await.expect("hello").await;
}

#[tokio::test]
async fn beyond_the_refused_connections_others_are_closed() {
    let server = TestServer::start_with(|config| config.limits.max_connections = 1);
    let mut silent = Vec::new();
    within(async {
        // Refused connections have a short timeout, so more of them come.
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        while server.raw(request).await != b"" {
            for _ in 0..81 {
                silent.push(server.connect().await);
            }
        }
    })
    .await;
    assert!(server.app().admission.connections() <= 81);
}

// 57
#[tokio::test]
async fn a_refused_connection_is_closed_soon() {
    let server = TestServer::start_with(|config| {
        config.limits.max_connections = 1;
        config.limits.first_byte_timeout = Duration::from_secs(3600);
    });
    let _here = open(&server, 1).await;
    let mut silent = server.connect().await;
    assert_eq!(super::support::read_to_close(&mut silent).await, b"");
}

// 72
#[tokio::test]
async fn an_address_has_a_limit_of_connections_and_gets_slots_back() {
    let server = TestServer::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.max_connections_per_address = 2;
    });
    let mut here = open(&server, 2).await;
    assert_busy(&server.get(EVENTS).await, "address");
    let refused = server.get(MESSAGES).await;
    refused.assert_problem(429, "rate_limited");
    assert!(retry_after(&refused) >= 30);
    // Another address is not affected.
    let elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = within(elsewhere.connect(server.address())).await.unwrap();
    let request = format!("GET {EVENTS} HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut reader = EventReader::open(stream, request.as_bytes()).await;
    reader.expect("hello").await;
    let last = here.pop().unwrap();
    drop(last);
    loop {
        let again = server.get(MESSAGES).await;
        if again.status == 200 {
            break;
        }
    }
}

// 72
async fn the_101st_stream_of_an_address_gets_busy(http: Http) {
    let server = http.start_with(behind_a_proxy);
    let mut streams = Vec::new();
    for host in 0..100 {
        // Any address of the same network counts.
        let address = format!("2001:db8::{host:x}");
        streams.push(server.events_with(EVENTS, &of(&address)).await);
    }
    let one_more = server
        .request("GET", EVENTS, &of("2001:db8::ffff"), "")
        .await;
    assert_busy(&one_more, "address");
    let mut other = server.events_with(EVENTS, &of("2001:db8:0:1::1")).await;
    other.expect("hello").await;
    for reader in &mut streams {
        reader.expect("hello").await;
    }
    drop(streams.pop());
    until_readers(&server, 100).await;
    server
        .events_with(EVENTS, &of("2001:db8::ffff"))
        .await
        .expect("hello")
        .await;
}

async fn the_streams_of_an_address_have_a_limit_of_rooms(http: Http) {
    let server = http.start_with(|config| {
        behind_a_proxy(config);
        config.limits.max_rooms_per_address = 3;
    });
    let of_two = "/events?room=a&room=b";
    let mut reader = server.events_with(of_two, &of("192.0.2.1")).await;
    reader.expect("hello").await;
    let more = server.request("GET", of_two, &of("192.0.2.1"), "").await;
    assert_busy(&more, "address");
    for (path, address) in [(EVENTS, "192.0.2.1"), (of_two, "192.0.2.2")] {
        let mut other = server.events_with(path, &of(address)).await;
        other.expect("hello").await;
    }
}

async fn an_address_begins_streams_at_a_rate(http: Http) {
    let server = http.start_with(|config| {
        behind_a_proxy(config);
        config.limits.stream_burst = NonZeroU32::new(2).unwrap();
        config.limits.stream_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
    });
    for _ in 0..2 {
        let mut reader = server.events_with(EVENTS, &of("192.0.2.1")).await;
        reader.expect("hello").await;
    }
    let more = server.request("GET", EVENTS, &of("192.0.2.1"), "").await;
    assert_busy(&more, "address");
    let mut other = server.events_with(EVENTS, &of("192.0.2.2")).await;
    other.expect("hello").await;
}

#[tokio::test]
async fn the_first_message_of_a_room_costs_an_address_more() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.publish_burst = NonZeroU32::new(30).unwrap();
    });
    let publish = async |room: &str| {
        let path = format!("/rooms/{room}/messages");
        let fields = of("192.0.2.1");
        server.request("POST", &path, &fields, HI).await.status
    };
    // Two rooms cost 22 messages, which leaves 8. A reader in the room does not make
    // it cheaper: the room is kept because of its message.
    let mut entered = server.events("/events?room=b&room=c").await;
    entered.expect("hello").await;
    assert_eq!((publish("a").await, publish("b").await), (201, 201));
    assert_eq!(publish("c").await, 429);
    for _ in 0..7 {
        assert_eq!(publish("a").await, 201);
    }
    assert_eq!(publish("a").await, 429);
}

async fn members_are_limited_and_present_ones_may_reconnect(http: Http) {
    let server = http.start_with(|config| config.limits.max_members = 2);
    let mut both = server.events("/events?room=a&room=b&name=Ann").await;
    both.expect("hello").await;
    assert_busy(&server.get("/events?room=a&name=Bob").await, "members");
    server
        .events("/events?room=a&name=Ann")
        .await
        .expect("hello")
        .await;
    server.events("/events?room=a").await.expect("hello").await;
    assert_eq!(server.get("/rooms/a/members").await.json()["count"], 1);
}

// 75
async fn a_burst_is_published_and_more_gets_429_with_retry_after(http: Http) {
    let server = http.start_with(|config| {
        behind_a_proxy(config);
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.publish_burst = NonZeroU32::new(3).unwrap();
    });
    // The first message of a room costs more.
    server.publish("lobby", "from here").await;
    let mut reader = server.events(EVENTS).await;
    reader.expect("hello").await;
    let publish = async |address: &str| server.request("POST", MESSAGES, &of(address), HI).await;
    for number in 2..=4 {
        let accepted = publish("192.0.2.1").await;
        assert_eq!(
            (accepted.status, &accepted.json()["number"]),
            (201, &json!(number))
        );
    }
    let refused = publish("192.0.2.1").await;
    refused.assert_problem(429, "rate_limited");
    let seconds = retry_after(&refused);
    assert!((3500..=3600).contains(&seconds), "{seconds}");
    // The demo's endpoint, which knows one status.
    let demo = server
        .request("GET", "/send.php?name=a&message=b", &of("192.0.2.1"), "")
        .await;
    assert_eq!(demo.json(), json!({"code": -1, "msg": "fail"}));
    // A refused message is not published, and other addresses are not affected.
    assert_eq!(publish("192.0.2.2").await.json()["number"], 5);
    for _ in 0..9 {
        assert_eq!(server.publish("lobby", "from here").await["name"], "Alice");
    }
    for number in 2..=5 {
        assert_eq!(reader.expect("update").await.data["number"], number);
    }
}

// 75
async fn a_room_has_one_rate_for_all_limited_clients(http: Http) {
    let server = http.start_with(|config| {
        behind_a_proxy(config);
        config.limits.room_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.room_burst = NonZeroU32::new(2).unwrap();
    });
    let publish = async |room: &str, address: &str| {
        let path = format!("/rooms/{room}/messages");
        server.request("POST", &path, &of(address), HI).await
    };
    assert_eq!(publish("a", "192.0.2.1").await.status, 201);
    assert_eq!(publish("a", "192.0.2.2").await.status, 201);
    let refused = publish("a", "192.0.2.3").await;
    refused.assert_problem(429, "rate_limited");
    assert!(retry_after(&refused) > 0);
    assert_eq!(publish("b", "192.0.2.3").await.status, 201);
}

async fn a_rate_may_be_none(http: Http) {
    let server = http.start_with(|config| {
        behind_a_proxy(config);
        config.limits.publish_rate = None;
        config.limits.room_rate = None;
    });
    for _ in 0..300 {
        let accepted = server.request("POST", MESSAGES, &of("192.0.2.1"), HI).await;
        assert_eq!(accepted.status, 201);
    }
}

// 76
#[tokio::test]
async fn twenty_thousand_names_do_not_exceed_the_limit_of_rooms() {
    const BATCH: usize = 100;
    let server = TestServer::start_with(|config| {
        config.max_rooms = 100;
        config.list_rooms = true;
    });
    let mut connection = Connection::to(&server).await;
    let head = "HTTP/1.1\r\nhost: a\r\n";
    let json = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n\r\n{HI}",
        HI.len()
    );
    let mut accepted = 0;
    for first in (0..20_000).step_by(BATCH) {
        let ask = |number: usize| {
            let path = format!("/rooms/r{number}/messages");
            format!("GET {path} {head}\r\nPOST {path} {head}{json}")
        };
        connection
            .send((first..first + BATCH).map(ask).collect::<String>())
            .await;
        for _ in 0..BATCH {
            let (asked, answer) = (connection.answer().await, connection.answer().await);
            assert_eq!(asked.json()["newest"], json!(null));
            match answer.status {
                201 => accepted += 1,
                _ => answer.assert_problem(503, "too_many_rooms"),
            }
        }
    }
    let rooms = server.get("/rooms").await.json();
    // One slot is reserved for the default room.
    assert_eq!(
        (accepted, rooms["rooms"].as_array().unwrap().len()),
        (99, 99)
    );
}

// 15, 25
#[tokio::test]
async fn heads_and_bodies_have_bounds_of_their_own() {
    let server = TestServer::start_with(|config| {
        config.limits.max_head_bytes = 8192;
        config.limits.max_body_bytes = Some(64);
    });
    let head = |bytes: usize| [("x-padding", "x".repeat(bytes))];
    for (bytes, status) in [(4096, 200), (9000, 431), (40_000, 431)] {
        let [(name, value)] = head(bytes);
        let answer = server
            .request("GET", "/healthz", &[(name, &value)], "")
            .await;
        assert_eq!(answer.status, status, "{bytes}");
    }
    let fields = [("content-type", "application/json")];
    let fits = format!("{HI:<64}");
    let accepted = server.request("POST", MESSAGES, &fields, &fits).await;
    assert_eq!(accepted.status, 201);
    let large = format!("{HI:<65}");
    let refused = server.request("POST", MESSAGES, &fields, &large).await;
    refused.assert_problem(413, "body_too_large");
}

/// Publishes messages until a history page is 2 MB long.
async fn fill(server: &TestServer) {
    let text = "x".repeat(4000);
    for _ in 0..500 {
        server.publish("lobby", &text).await;
    }
}

/// A client that has requested `path`, and reads one byte of the answer.
pub(crate) async fn takes_a_byte(server: &TestServer, path: &str, fields: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = within(socket.connect(server.address())).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    slow.write_all(request.as_bytes()).await.unwrap();
    within(slow.read_exact(&mut [0])).await.unwrap();
    slow
}

/// Even in a room without history, only the first message costs more.
async fn a_room_without_history_is_paid_for_once(http: Http) {
    let server = http.start_with(|config| {
        behind_a_proxy(config);
        config.history = 0;
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.publish_burst = NonZeroU32::new(20).unwrap();
    });
    let mut reader = server.events(EVENTS).await;
    reader.expect("hello").await;
    let publish = async || server.request("POST", MESSAGES, &of("192.0.2.1"), HI).await;
    for _ in 0..10 {
        assert_eq!(publish().await.status, 201);
    }
    assert_eq!(publish().await.status, 429);
}

/// A proxy without buffers waits as long as its client does.
#[tokio::test]
async fn an_address_has_a_limit_of_requests_in_flight_through_a_proxy() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.max_connections_per_address = 2;
        config.limits.send_buffer = 4096;
    });
    fill(&server).await;
    let who = "x-forwarded-for: 192.0.2.1\r\n";
    let slow = [
        takes_a_byte(&server, PAGE, who).await,
        takes_a_byte(&server, PAGE, who).await,
    ];
    let ask = async |path: &str, address: &str| {
        let fields = of(address);
        server.request("GET", path, &fields, "").await
    };
    let refused = ask(MESSAGES, "192.0.2.1").await;
    refused.assert_problem(429, "rate_limited");
    assert!((30..=60).contains(&retry_after(&refused)));
    assert_busy(&ask(EVENTS, "192.0.2.1").await, "address");
    // Health probes and other clients are not affected.
    assert_eq!(ask("/healthz", "192.0.2.1").await.status, 200);
    assert_eq!(ask(MESSAGES, "192.0.2.2").await.status, 200);
    drop(slow);
    within(async { while ask(MESSAGES, "192.0.2.1").await.status != 200 {} }).await;
    // A stream does not count once it has begun.
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut connection = Connection::to(&server).await;
        let request = format!("GET {EVENTS} HTTP/1.1\r\nhost: a\r\n{who}\r\n");
        connection.send(request).await;
        streams.push(connection);
    }
    until_readers(&server, 4).await;
}

/// A trusted proxy that forwards no address counts as the client.
#[tokio::test]
async fn a_proxy_that_forwards_no_address_has_a_limit_of_requests_in_flight() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.limit_loopback = true;
        (config.limits.publish_rate, config.limits.room_rate) = (None, None);
        config.limits.max_connections_per_address = 2;
        config.limits.send_buffer = 4096;
    });
    fill(&server).await;
    let slow = [
        takes_a_byte(&server, PAGE, "").await,
        takes_a_byte(&server, PAGE, "").await,
    ];
    let refused = server.get(MESSAGES).await;
    refused.assert_problem(429, "rate_limited");
    drop(slow);
    within(async { while server.get(MESSAGES).await.status != 200 {} }).await;
}

/// Case 55 for a response: a client that reads it slowly.
#[tokio::test]
async fn an_answer_that_is_not_read_in_time_is_cut() {
    let server = TestServer::start_with(|config| {
        config.limits.answer_timeout = Duration::from_millis(300);
        config.limits.send_buffer = 4096;
    });
    fill(&server).await;
    let begun = Instant::now();
    let mut slow = takes_a_byte(&server, PAGE, "").await;
    // Its place is freed, although 2 MB were not sent.
    until_connections(&server, 0).await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let mut rest = Vec::new();
    let cut = within(slow.read_to_end(&mut rest)).await.unwrap_err();
    assert_eq!(cut.kind(), std::io::ErrorKind::ConnectionReset);
}

over_transports! {
    the_101st_stream_of_an_address_gets_busy
    the_streams_of_an_address_have_a_limit_of_rooms
    an_address_begins_streams_at_a_rate
    members_are_limited_and_present_ones_may_reconnect
    a_burst_is_published_and_more_gets_429_with_retry_after
    a_room_has_one_rate_for_all_limited_clients
    a_rate_may_be_none
    a_room_without_history_is_paid_for_once
}
