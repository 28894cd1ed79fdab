//! Replay is paced by a budget for each address: it loses nothing, and does not
//! slow down other addresses.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use sse_chat::config::Config;

use super::support::{EventReader, Http, TestServer};

const FROM_THE_START: &str = "/rooms/lobby/events?backlog=all";
const PAGE: &str = "/rooms/lobby/messages?limit=500";

/// A proxy on this machine, which the test plays.
fn with_rate(rate: usize) -> impl FnOnce(&mut Config) {
    move |config| {
        config.access.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.replay_rate = NonZeroUsize::new(rate);
        config.limits.replay_burst = 0;
        config.ping = Duration::from_millis(200);
    }
}

/// A server whose lobby holds `messages` messages of 4,000 bytes.
async fn filled(http: Http, messages: usize, change: impl FnOnce(&mut Config)) -> TestServer {
    let server = http.start_with(change);
    for number in 1..=messages {
        let text = format!("{number} {}", "x".repeat(4000));
        server.publish("lobby", &text).await;
    }
    server
}

async fn reader(server: &TestServer, client: &str) -> EventReader {
    let from = [("x-forwarded-for", client)];
    let mut reader = server.events_with(FROM_THE_START, &from).await;
    reader.expect("hello").await;
    reader
}

/// Reads `messages` messages, and skips other events.
async fn read_all(reader: &mut EventReader, messages: usize) {
    for number in 1..=messages {
        let update = reader.find("update").await;
        assert_eq!(update.data["number"], number);
    }
}

async fn an_address_that_draws_too_much_waits_and_gets_everything(http: Http) {
    let rate = 1 << 20;
    let server = filled(http, 100, with_rate(rate)).await;
    let begun = Instant::now();
    let mut readers = [
        reader(&server, "192.0.2.1").await,
        reader(&server, "192.0.2.1").await,
        reader(&server, "192.0.2.1").await,
    ];
    for reader in &mut readers {
        read_all(reader, 100).await;
    }
    let least = (3 * 100 * 4000 - 2 * 64 * 1024) as f64 / rate as f64;
    let took = begun.elapsed().as_secs_f64();
    assert!(took >= least, "{took} s, where {least} are the least");
    server.publish("lobby", "live").await;
    for reader in &mut readers {
        assert_eq!(reader.find("update").await.data["message"], "live");
    }
}

async fn another_address_and_this_machine_do_not_wait(http: Http) {
    let server = filled(http, 100, with_rate(1024)).await;
    let mut spent = reader(&server, "192.0.2.1").await;
    // It has its first part, and would get the next one in a minute.
    spent.find("ping").await;
    let mut waiting = reader(&server, "192.0.2.1").await;
    waiting.expect("ping").await;
    assert!(server.app().hub.totals().replays_waiting > 0);
    read_all(&mut reader(&server, "127.0.0.1").await, 100).await;
    let mut other = reader(&server, "192.0.2.2").await;
    assert_eq!(other.find("update").await.data["number"], 1);
}

#[tokio::test]
async fn the_head_of_a_page_draws_nothing() {
    let server = filled(Http::V1_1, 50, with_rate(1024)).await;
    let from = [("x-forwarded-for", "192.0.2.1")];
    for method in ["HEAD", "HEAD", "GET"] {
        let answer = server.request(method, PAGE, &from, "").await;
        assert_eq!(answer.status, 200, "{method}");
    }
    let spent = server.request("GET", PAGE, &from, "").await;
    spent.assert_problem(429, "rate_limited");
}

async fn pages_of_history_draw_on_the_same_budget(http: Http) {
    let server = filled(http, 50, with_rate(1024)).await;
    let get = async |client: &str| {
        let from = [("x-forwarded-for", client)];
        server.request("GET", PAGE, &from, "").await
    };
    let first = get("2001:db8::1").await;
    assert_eq!(first.json()["messages"].as_array().unwrap().len(), 50);
    let second = get("2001:db8::2").await;
    second.assert_problem(429, "rate_limited");
    let after: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((150..=250).contains(&after), "{after}");
    assert_eq!(get("192.0.2.1").await.status, 200);
    for _ in 0..9 {
        assert_eq!(get("127.0.0.1").await.status, 200);
    }
    let mut waiting = reader(&server, "2001:db8::3").await;
    waiting.expect("ping").await;
}

over_each! {
    an_address_that_draws_too_much_waits_and_gets_everything
    another_address_and_this_machine_do_not_wait
    pages_of_history_draw_on_the_same_budget
}
