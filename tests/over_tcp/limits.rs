//! Limits of connections, streams, members and rates: the new one is refused
//! with a word about when to come back, the old ones notice nothing. The
//! numbers are cases of the list of bad inputs.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde_json::json;
use sse_chat::config::{Config, Rate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::connection::Connection;
use super::support::{EventReader, Response, TestServer, within};
use super::witness::until_readers;

/// A proxy on this machine, which tests stand in for.
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

/// Checks that an answer is a stream that says to come back later, and ended.
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

/// Connections that have been accepted.
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

/// Waits until no more connections than these have a place.
async fn until_connections(server: &TestServer, most: usize) {
    within(async {
        while server.app().admission.connections() > most {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_server_tells_streams_to_come_back_and_refuses_the_rest() {
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

    // Those who are here notice nothing.
    others[0]
        .send(format!(
            "POST {MESSAGES} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{HI}",
            HI.len()
        ))
        .await;
    assert_eq!(others[0].answer().await.status, 201);
    assert_eq!(reader.expect("update").await.data["number"], 1);

    // A place that is given back is had by the next.
    drop(reader);
    until_connections(&server, 2).await;
    server.events(EVENTS).await.expect("hello").await;
}

#[tokio::test]
async fn beyond_those_who_are_told_connections_are_closed() {
    let server = TestServer::start_with(|config| config.limits.max_connections = 1);
    let mut silent = Vec::new();
    within(async {
        // Those who are only told have little time, so more of them come.
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
async fn who_is_only_told_to_come_back_does_not_hold_a_place_for_long() {
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
async fn an_address_has_so_many_connections_and_a_slot_comes_back() {
    let server = TestServer::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.max_connections_per_address = 2;
    });
    let mut here = open(&server, 2).await;
    assert_busy(&server.get(EVENTS).await, "address");
    let refused = server.get(MESSAGES).await;
    refused.assert_problem(429, "rate_limited");
    assert!(retry_after(&refused) >= 30);
    // Another address is not concerned.
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
#[tokio::test]
async fn the_101st_stream_of_an_address_is_told_to_come_back() {
    let server = TestServer::start_with(behind_a_proxy);
    let mut streams = Vec::new();
    for host in 0..100 {
        // Whichever address of its network it takes.
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

#[tokio::test]
async fn the_streams_of_an_address_are_in_so_many_rooms() {
    let server = TestServer::start_with(|config| {
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

#[tokio::test]
async fn an_address_begins_streams_at_a_rate() {
    let server = TestServer::start_with(|config| {
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
async fn making_rooms_costs_an_address_more_than_talking_in_them() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.publish_burst = NonZeroU32::new(30).unwrap();
    });
    let say = async |room: &str| {
        let path = format!("/rooms/{room}/messages");
        let fields = of("192.0.2.1");
        server.request("POST", &path, &fields, HI).await.status
    };
    // Two rooms are twenty-two messages, and eight are left. That somebody
    // entered one before makes it no cheaper: it is what is said that keeps it.
    let mut entered = server.events("/events?room=b&room=c").await;
    entered.expect("hello").await;
    assert_eq!((say("a").await, say("b").await), (201, 201));
    assert_eq!(say("c").await, 429);
    for _ in 0..7 {
        assert_eq!(say("a").await, 201);
    }
    assert_eq!(say("a").await, 429);
}

#[tokio::test]
async fn members_have_a_bound_and_whoever_is_in_may_come_again() {
    let server = TestServer::start_with(|config| config.limits.max_members = 2);
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
#[tokio::test]
async fn a_burst_is_said_and_more_than_that_is_told_when_to_come_back() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.publish_burst = NonZeroU32::new(3).unwrap();
    });
    // The first message of a room would cost more.
    server.say("lobby", "from here").await;
    let mut reader = server.events(EVENTS).await;
    reader.expect("hello").await;
    let say = async |address: &str| server.request("POST", MESSAGES, &of(address), HI).await;
    for number in 2..=4 {
        let said = say("192.0.2.1").await;
        assert_eq!((said.status, &said.json()["number"]), (201, &json!(number)));
    }
    let refused = say("192.0.2.1").await;
    refused.assert_problem(429, "rate_limited");
    let seconds = retry_after(&refused);
    assert!((3500..=3600).contains(&seconds), "{seconds}");
    // The demo's way to say it, which knows one status.
    let demo = server
        .request("GET", "/send.php?name=a&message=b", &of("192.0.2.1"), "")
        .await;
    assert_eq!(demo.json(), json!({"code": -1, "msg": "fail"}));
    // Who is refused has said nothing, and nobody else is concerned.
    assert_eq!(say("192.0.2.2").await.json()["number"], 5);
    for _ in 0..9 {
        assert_eq!(server.say("lobby", "from here").await["name"], "Alice");
    }
    for number in 2..=5 {
        assert_eq!(reader.expect("update").await.data["number"], number);
    }
}

// 75
#[tokio::test]
async fn a_room_has_a_rate_for_all_who_are_limited_together() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.room_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.room_burst = NonZeroU32::new(2).unwrap();
    });
    let say = async |room: &str, address: &str| {
        let path = format!("/rooms/{room}/messages");
        server.request("POST", &path, &of(address), HI).await
    };
    assert_eq!(say("a", "192.0.2.1").await.status, 201);
    assert_eq!(say("a", "192.0.2.2").await.status, 201);
    let refused = say("a", "192.0.2.3").await;
    refused.assert_problem(429, "rate_limited");
    assert!(retry_after(&refused) > 0);
    assert_eq!(say("b", "192.0.2.3").await.status, 201);
}

#[tokio::test]
async fn a_rate_may_be_none() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.publish_rate = None;
        config.limits.room_rate = None;
    });
    for _ in 0..300 {
        let said = server.request("POST", MESSAGES, &of("192.0.2.1"), HI).await;
        assert_eq!(said.status, 201);
    }
}

// 76
#[tokio::test]
async fn twenty_thousand_names_are_no_more_rooms_than_there_may_be() {
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
    let mut said = 0;
    for first in (0..20_000).step_by(BATCH) {
        let ask = |number: usize| {
            let path = format!("/rooms/r{number}/messages");
            format!("GET {path} {head}\r\nPOST {path} {head}{json}")
        };
        connection
            .send((first..first + BATCH).map(ask).collect::<String>())
            .await;
        for _ in 0..BATCH {
            let (asked, told) = (connection.answer().await, connection.answer().await);
            assert_eq!(asked.json()["newest"], json!(null));
            match told.status {
                201 => said += 1,
                _ => told.assert_problem(503, "too_many_rooms"),
            }
        }
    }
    let rooms = server.get("/rooms").await.json();
    // One place is the default room's.
    assert_eq!((said, rooms["rooms"].as_array().unwrap().len()), (99, 99));
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
    let said = server.request("POST", MESSAGES, &fields, &fits).await;
    assert_eq!(said.status, 201);
    let large = format!("{HI:<65}");
    let refused = server.request("POST", MESSAGES, &fields, &large).await;
    refused.assert_problem(413, "body_too_large");
}

/// Says so much that a page of it is 2 MB.
async fn fill(server: &TestServer) {
    let text = "x".repeat(4000);
    for _ in 0..500 {
        server.say("lobby", &text).await;
    }
}

/// A client that has asked for `path`, and takes a byte of the answer.
pub(crate) async fn takes_a_byte(server: &TestServer, path: &str, fields: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = within(socket.connect(server.address())).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    slow.write_all(request.as_bytes()).await.unwrap();
    within(slow.read_exact(&mut [0])).await.unwrap();
    slow
}

/// Of a room that keeps nothing it is still the first message alone that costs.
#[tokio::test]
async fn a_room_without_history_is_paid_for_once() {
    let server = TestServer::start_with(|config| {
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
    let say = async || server.request("POST", MESSAGES, &of("192.0.2.1"), HI).await;
    for _ in 0..10 {
        assert_eq!(say().await.status, 201);
    }
    assert_eq!(say().await.status, 429);
}

/// A proxy that does not buffer waits as long as its client does.
#[tokio::test]
async fn an_address_has_so_many_requests_under_way_through_a_proxy() {
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
    // Whoever asks how the server is, and everybody else, notices nothing.
    assert_eq!(ask("/healthz", "192.0.2.1").await.status, 200);
    assert_eq!(ask(MESSAGES, "192.0.2.2").await.status, 200);
    drop(slow);
    within(async { while ask(MESSAGES, "192.0.2.1").await.status != 200 {} }).await;
    // A stream is none of them once it has begun.
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut connection = Connection::to(&server).await;
        let request = format!("GET {EVENTS} HTTP/1.1\r\nhost: a\r\n{who}\r\n");
        connection.send(request).await;
        streams.push(connection);
    }
    until_readers(&server, 4).await;
}

/// A proxy that is believed and names nobody asks for itself, many times at once.
#[tokio::test]
async fn a_proxy_that_names_nobody_has_so_many_requests_under_way() {
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

/// Case 55 for what is no stream: a client that takes an answer in drops.
#[tokio::test]
async fn an_answer_that_is_not_taken_in_time_is_cut() {
    let server = TestServer::start_with(|config| {
        config.limits.answer_timeout = Duration::from_millis(300);
        config.limits.send_buffer = 4096;
    });
    fill(&server).await;
    let begun = Instant::now();
    let mut slow = takes_a_byte(&server, PAGE, "").await;
    // Its place is given back, with 2 MB on their way.
    until_connections(&server, 0).await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let mut rest = Vec::new();
    let cut = within(slow.read_to_end(&mut rest)).await.unwrap_err();
    assert_eq!(cut.kind(), std::io::ErrorKind::ConnectionReset);
}
