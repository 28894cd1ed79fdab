//! The shares of an address and of the IPv6 blocks around it: requests at a rate,
//! and places that are held as long as their cause.

use std::num::NonZeroU32;
use std::time::Duration;

use sse_chat::config::Rate;
use tokio::io::AsyncWriteExt as _;

use super::limits::{HI, assert_busy, behind_a_proxy, of, retry_after};
use super::support::{TestServer, within};
use super::witness::until_readers;

const MESSAGES: &str = "/rooms/lobby/messages";
const EVENTS: &str = "/rooms/lobby/events";
const MEMBERS: &str = "/rooms/lobby/members";

#[tokio::test]
async fn a_name_that_stays_after_its_stream_counts_for_its_address() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.max_rooms_per_address = 3;
    });
    let named = "/events?room=a&room=b&name=Ann";
    let mut reader = server.events_with(named, &of("192.0.2.1")).await;
    reader.expect("hello").await;
    drop(reader);
    until_readers(&server, 0).await;
    let others = "/events?room=c&room=d&name=Bob";
    let more = server.request("GET", others, &of("192.0.2.1"), "").await;
    assert_busy(&more, "address");
    let mut other = server.events_with(others, &of("192.0.2.2")).await;
    other.expect("hello").await;
    // The places come back within the grace and one tick of the server.
    within(async { while server.get("/rooms/a/members").await.json()["count"] != 0 {} }).await;
    let mut more = server.events_with(others, &of("192.0.2.1")).await;
    more.expect("hello").await;
}

/// Through a proxy a request is in flight as long as the server discards the rest
/// of its body.
#[tokio::test]
async fn a_request_is_in_flight_while_its_body_is_discarded() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.max_connections_per_address = 1;
        config.limits.request_rate = None;
    });
    let refused = format!(
        "POST {MESSAGES} HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 192.0.2.1\r\n\
         content-type: text/html\r\ncontent-length: 10\r\n\r\n"
    );
    // Three times in a row are no coincidence of two requests. The server discards
    // for a second, and a busy machine may take longer to ask three times.
    within(async {
        let mut in_a_row = 0;
        while in_a_row < 3 {
            in_a_row = 0;
            let mut slow = server.connect().await;
            slow.write_all(refused.as_bytes()).await.unwrap();
            while in_a_row < 3 {
                let other = server.request("GET", MEMBERS, &of("192.0.2.1"), "").await;
                if other.status != 429 {
                    break;
                }
                in_a_row += 1;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn rooms_left_at_once_do_not_use_up_the_limit_of_rooms() {
    let server = TestServer::start_with(|config| config.max_rooms = 3);
    for round in 0..20 {
        let path = format!("/events?room=a{round}&room=b{round}");
        let mut reader = server.events(&path).await;
        reader.expect("hello").await;
        drop(reader);
        until_readers(&server, 0).await;
        assert_eq!(server.app().hub.room_count(), 0);
    }
}

#[tokio::test]
async fn a_slash_56_has_a_multiple_of_an_address_s_share() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.max_streams_per_address = 1;
        config.limits.ipv6_56_factor = NonZeroU32::new(2).unwrap();
        config.limits.ipv6_48_factor = NonZeroU32::new(3).unwrap();
    });
    let mut readers = Vec::new();
    for (address, is_admitted) in [
        ("2001:db8:1:2300::1", true),
        ("2001:db8:1:2300::2", false),
        ("2001:db8:1:2301::1", true),
        ("2001:db8:1:2302::1", false),
        ("2001:db8:1:4500::1", true),
        ("2001:db8:1:6700::1", false),
        ("2001:db8:2::1", true),
    ] {
        if is_admitted {
            let mut reader = server.events_with(EVENTS, &of(address)).await;
            reader.expect("hello").await;
            readers.push(reader);
        } else {
            let answer = server.request("GET", EVENTS, &of(address), "").await;
            assert_busy(&answer, "address");
        }
    }
}

#[tokio::test]
async fn an_address_sends_requests_about_rooms_at_a_rate() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.list_rooms = true;
        config.limits.request_burst = NonZeroU32::new(4).unwrap();
        config.limits.request_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
    });
    let ask = async |method: &str, path: &str, address: &str| {
        let body = if method == "POST" { HI } else { "" };
        server.request(method, path, &of(address), body).await
    };
    // A page of another origin can't spend it.
    let mut foreign = of("192.0.2.1").to_vec();
    foreign.push(("sec-fetch-site", "cross-site"));
    for path in [MESSAGES, MEMBERS, "/rooms"] {
        for _ in 0..3 {
            let answer = server.request("GET", path, &foreign, "").await;
            answer.assert_problem(403, "cross_origin");
        }
    }
    for path in [MESSAGES, MEMBERS, "/rooms", MEMBERS] {
        assert_eq!(ask("GET", path, "192.0.2.1").await.status, 200, "{path}");
    }
    for path in [MEMBERS, MESSAGES, "/rooms"] {
        let refused = ask("GET", path, "192.0.2.1").await;
        refused.assert_problem(429, "rate_limited");
        assert!((3500..=3600).contains(&retry_after(&refused)));
        assert_eq!(ask("HEAD", path, "192.0.2.1").await.status, 429, "{path}");
    }
    // The page, its files, probes and this machine do not count.
    for path in ["/", "/r/lobby", "/assets/chat.css", "/healthz"] {
        assert_eq!(ask("GET", path, "192.0.2.1").await.status, 200, "{path}");
    }
    assert_eq!(ask("GET", MEMBERS, "192.0.2.2").await.status, 200);
    for _ in 0..9 {
        assert_eq!(server.get(MEMBERS).await.status, 200);
    }
    // Messages and streams have rates of their own.
    assert_eq!(ask("POST", MESSAGES, "192.0.2.1").await.status, 201);
    let mut reader = server.events_with(EVENTS, &of("192.0.2.1")).await;
    reader.expect("hello").await;
}

#[tokio::test]
async fn a_slash_48_sends_requests_at_a_multiple_of_an_address_s_rate() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.limits.request_burst = NonZeroU32::MIN;
        config.limits.request_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
    });
    let mut answered = 0;
    for subnet in 0..40 {
        let address = format!("2001:db8:1:{:x}::1", subnet << 8);
        let answer = server.request("GET", MEMBERS, &of(&address), "").await;
        answered += usize::from(answer.status == 200);
    }
    assert_eq!(answered, 8);
}
