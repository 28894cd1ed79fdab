//! `GET /metrics`: each series changes by exactly the events that it counts.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use sse_chat::config::{Config, Rate};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::certificates::CertificateFolder;
use super::entries::{KEY, OTHER_KEY};
use super::scrape::{Scrape, ask, ask_by, start_with};
use super::support::{EventReader, TestServer, read_to_close, within};

/// A reader over HTTP/1.0, whose stream stays with hyper.
async fn old_reader(server: &TestServer) -> EventReader {
    let request = b"GET /rooms/lobby/events HTTP/1.0\r\n\r\n";
    EventReader::open(server.connect().await, request).await
}

#[tokio::test]
async fn messages_and_deliveries_are_counted_exactly_on_every_transport() {
    let server = start_with(|_| {});
    let mut readers = vec![old_reader(&server).await];
    for _ in 0..4 {
        readers.push(server.events("/rooms/lobby/events").await);
    }
    for reader in &mut readers {
        reader.expect("hello").await;
    }
    let hellos = Scrape::when(&server, |scrape| {
        scrape.get("sse_chat_delivered_bytes_total") > 5.0 * 100.0
    })
    .await;
    for text in ["one", "two", "three"] {
        server.publish("lobby", text).await;
    }
    for reader in &mut readers {
        assert_eq!(reader.messages(3).await, ["one", "two", "three"]);
    }
    let scrape = Scrape::when(&server, |scrape| {
        scrape.get("sse_chat_deliveries_total") >= 15.0
            && scrape.get("sse_chat_fanout_seconds_count") >= 6.0
    })
    .await;
    for (name, value) in [
        ("sse_chat_messages_total", 3.0),
        ("sse_chat_message_bytes_total", 11.0),
        ("sse_chat_deliveries_total", 15.0),
        ("sse_chat_history_messages", 3.0),
        ("sse_chat_readers", 5.0),
        ("sse_chat_rooms", 1.0),
        ("sse_chat_connections_accepted_total", 8.0),
        ("sse_chat_publish_seconds_count", 3.0),
        // Once for each of the two workers.
        ("sse_chat_fanout_seconds_count", 6.0),
        ("sse_chat_worker_readers{worker=\"0\"}", 3.0),
        ("sse_chat_worker_readers{worker=\"1\"}", 2.0),
        ("sse_chat_worker_waiting_events{worker=\"0\"}", 0.0),
        ("sse_chat_replays_total", 0.0),
        ("sse_chat_replayed_messages_total", 0.0),
        ("sse_chat_replayed_bytes_total", 0.0),
        ("sse_chat_replays_waiting", 0.0),
    ] {
        assert_eq!(scrape.get(name), value, "{name}");
    }
    let bytes = "sse_chat_delivered_bytes_total";
    assert!(scrape.get(bytes) > hellos.get(bytes) + 15.0 * 100.0);
    assert!(scrape.get("sse_chat_history_bytes") > 3.0 * 100.0);
    assert!(scrape.get("sse_chat_publish_seconds_sum") > 0.0);
    assert!(scrape.get("sse_chat_worker_busy_seconds_total{worker=\"0\"}") > 0.0);
}

#[tokio::test]
async fn events_and_changes_are_counted_and_not_what_changes_nothing() {
    let server = start_with(|config| config.open_events = true);
    let message = server.publish_own("lobby", "hi").await;
    for _ in 0..2 {
        let query = "?event=tick&client_id=retry";
        server
            .post_event("lobby", query, "text/plain", "a\r\nb")
            .await;
        server.edit(&message, KEY, "ho").await;
        server.react(&message, "👍", "Ada", KEY).await;
    }
    server.edit(&message, OTHER_KEY, "no").await;
    let scrape = Scrape::of(&server).await;
    for (name, value) in [
        ("sse_chat_messages_total", 1.0),
        ("sse_chat_message_bytes_total", 2.0),
        ("sse_chat_events_total", 1.0),
        ("sse_chat_event_bytes_total", 3.0),
        ("sse_chat_changes_total", 2.0),
        // The message, the event, and the last change.
        ("sse_chat_history_messages", 3.0),
    ] {
        assert_eq!(scrape.get(name), value, "{name}");
    }
}

#[tokio::test]
async fn readers_members_and_connections_go_up_and_down() {
    let server = start_with(|_| {});
    let mut reader = server.events("/events?room=a&room=b&name=Alice").await;
    reader.expect("hello").await;
    let _idle = server.connect().await;
    let full = Scrape::when(&server, |scrape| scrape.get("sse_chat_connections") == 2.0).await;
    assert_eq!(full.get("sse_chat_readers"), 1.0);
    assert_eq!(full.get("sse_chat_rooms"), 2.0);
    assert_eq!(full.get("sse_chat_members"), 2.0);
    drop((reader, _idle));
    let series = ["sse_chat_connections", "sse_chat_readers"];
    Scrape::when(&server, |scrape| {
        series.iter().all(|name| scrape.get(name) == 0.0)
    })
    .await;
}

#[tokio::test]
async fn resumes_count_what_was_replayed_and_each_gap_by_its_reason() {
    let server = start_with(|config| config.history = 2);
    let mut last = String::new();
    let mut first = String::new();
    for text in ["one", "two", "three", "four"] {
        last = server.publish("lobby", text).await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        first = if first.is_empty() {
            last.clone()
        } else {
            first
        };
    }
    let gaps = |scrape: &Scrape| {
        ["evicted", "restart", "unknown", "lagged"]
            .map(|reason| scrape.get(&format!("sse_chat_gaps_total{{reason=\"{reason}\"}}")))
    };
    assert_eq!(gaps(&Scrape::of(&server).await), [0.0; 4]);
    for (cursor, events, expected) in [
        (last.as_str(), &["hello"][..], [0.0, 0.0, 0.0, 0.0]),
        (
            &first,
            &["hello", "gap", "update", "update"],
            [1.0, 0.0, 0.0, 0.0],
        ),
        (
            "otherlife-7",
            &["hello", "gap", "update", "update"],
            [1.0, 1.0, 0.0, 0.0],
        ),
        (
            "nonsense",
            &["hello", "gap", "update", "update"],
            [1.0, 1.0, 1.0, 0.0],
        ),
    ] {
        let path = format!("/rooms/lobby/events?last_event_id={cursor}");
        let mut reader = server.events(&path).await;
        for event in events {
            reader.expect(event).await;
        }
        let scrape = Scrape::when(&server, |scrape| gaps(scrape) == expected).await;
        assert_eq!(gaps(&scrape), expected, "{cursor}");
    }
    // A first visit with a backlog is not a resume.
    let mut new = server.events("/rooms/lobby/events?backlog=1").await;
    assert_eq!(new.messages(1).await, ["four"]);
    let replayed = "sse_chat_replayed_messages_total";
    let given = "sse_chat_deliveries_total";
    // The values are read one after the other, while they change.
    let both = |scrape: &Scrape| [given, replayed].map(|name| scrape.get(name));
    let scrape = Scrape::when(&server, |scrape| both(scrape).iter().all(|&n| n >= 7.0)).await;
    assert_eq!(both(&scrape), [7.0, 7.0]);
    assert_eq!(scrape.get("sse_chat_replays_total"), 4.0);
    let bytes = scrape.get("sse_chat_replayed_bytes_total");
    assert!((7.0 * 100.0..7.0 * 400.0).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn refusals_count_by_their_code_and_every_code_is_there_from_the_start() {
    let server = start_with(|_| {});
    let of = |code: &str| format!("sse_chat_refusals_total{{code=\"{code}\"}}");
    let before = Scrape::of(&server).await;
    for code in ["invalid_room", "not_found", "draining", "too_many_rooms"] {
        assert_eq!(before.get(&of(code)), 0.0, "{code}");
    }
    server
        .get("/nowhere")
        .await
        .assert_problem(404, "not_found");
    server
        .get("/metrics")
        .await
        .assert_problem(404, "not_found");
    server
        .get("/rooms/%20/messages")
        .await
        .assert_problem(400, "invalid_room");
    // The demo's clients get 200.
    assert_eq!(server.get("/send.php?name=a").await.status, 200);
    // Not HTTP: the handshakes of TLS and SSH, and a head without an end.
    for bytes in [
        &b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..],
        b"SSH-2.0-x\r\n\r\n",
        &[b'x'; 90_000],
    ] {
        server.raw(bytes).await;
    }
    let malformed = "sse_chat_malformed_requests_total";
    let after = Scrape::when(&server, |scrape| scrape.get(malformed) >= 3.0).await;
    assert_eq!(after.get(malformed), 3.0);
    for (code, count) in [
        ("not_found", 2.0),
        ("invalid_room", 1.0),
        ("invalid_message", 1.0),
        ("invalid_name", 0.0),
    ] {
        assert_eq!(after.get(&of(code)), count, "{code}");
    }
    assert_eq!(after.get("sse_chat_publish_seconds_count"), 0.0);
}

/// Publishes large messages in the lobby until `holds`.
async fn publish_until(server: &TestServer, holds: impl Fn(&Scrape) -> bool) -> Scrape {
    let large = "x".repeat(4000);
    within(async {
        loop {
            for _ in 0..100 {
                server.publish("lobby", &large).await;
            }
            let scrape = Scrape::of(server).await;
            if holds(&scrape) {
                return scrape;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_reader_that_takes_nothing_counts_as_stalled() {
    let server = start_with(|config| config.limits.stall = Duration::from_millis(500));
    let mut stopped = server.events("/rooms/lobby/events").await;
    stopped.expect("hello").await;
    let scrape = publish_until(&server, |scrape| scrape.get("sse_chat_readers") == 0.0).await;
    assert_eq!(scrape.get("sse_chat_stalls_total"), 1.0);
}

#[tokio::test]
async fn a_reader_whose_socket_is_full_counts_as_lagging_and_what_it_lost_as_a_gap() {
    let server = start_with(|config| {
        config.history = 10;
        config.limits.stall = Duration::from_secs(3600);
    });
    let mut slow = server.events("/rooms/lobby/events").await;
    slow.expect("hello").await;
    let lags = "sse_chat_lags_total{who=\"reader\"}";
    publish_until(&server, |scrape| scrape.get(lags) > 0.0).await;
    let gaps = "sse_chat_gaps_total{reason=\"lagged\"}";
    // More messages than history holds.
    for _ in 0..20 {
        server.publish("lobby", "more").await;
    }
    slow.find("gap").await;
    Scrape::when(&server, |scrape| scrape.get(gaps) > 0.0).await;
}

#[tokio::test]
async fn metrics_are_served_while_the_server_drains() {
    let server = start_with(|config| config.grace = Duration::from_secs(3600));
    assert_eq!(Scrape::of(&server).await.get("sse_chat_draining"), 0.0);
    let mut last = server.connect().await;
    let head = b"POST /rooms/lobby/messages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 30\r\nexpect: 100-continue\r\n\r\n";
    last.write_all(head).await.unwrap();
    let mut go_on = [0; 25];
    within(tokio::io::AsyncReadExt::read_exact(&mut last, &mut go_on))
        .await
        .unwrap();
    server.begin_stop();
    Scrape::when(&server, |scrape| scrape.get("sse_chat_draining") == 1.0).await;
    last.write_all(br#"{"name":"A","message":"last!"}"#)
        .await
        .unwrap();
    read_to_close(&mut last).await;
    let address = server.metrics_address();
    server.stopped().await;
    // Its task is aborted, which takes a moment.
    within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
}

#[tokio::test]
async fn the_listener_serves_metrics_only() {
    let server = start_with(|_| {});
    let page = ask(&server, "GET /metrics").await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let head = ask(&server, "HEAD /metrics").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(ask(&server, "GET /metrics?x=1").await.status, 200);
    let post = ask(&server, "POST /metrics").await;
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );
    for path in ["/", "/rooms/lobby/messages", "/healthz", "/metrics/"] {
        assert_eq!(
            ask(&server, &format!("GET {path}")).await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_idle_scraper_is_closed() {
    let server = start_with(|config| config.limits.head_timeout = Duration::from_millis(200));
    for sent in ["", "GET /metrics HT"] {
        let mut stream = TcpStream::connect(server.metrics_address()).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        read_to_close(&mut stream).await;
    }
    // A crowd of them blocks other scrapers no longer than that.
    let mut crowd = Vec::new();
    for _ in 0..50 {
        crowd.push(TcpStream::connect(server.metrics_address()).await.unwrap());
    }
    Scrape::of(&server).await;
}

#[tokio::test]
async fn two_servers_in_one_process_count_apart() {
    let (one, other) = (start_with(|_| {}), start_with(|_| {}));
    one.publish("lobby", "hello").await;
    assert_eq!(Scrape::of(&one).await.get("sse_chat_messages_total"), 1.0);
    assert_eq!(Scrape::of(&other).await.get("sse_chat_messages_total"), 0.0);
}

#[tokio::test]
async fn no_label_contains_client_input() {
    let server = start_with(|_| {});
    let mut reader = server
        .events("/rooms/secret-place/events?name=Mallory")
        .await;
    reader.expect("hello").await;
    server.publish("secret-place", "a secret text").await;
    server.get("/no-such-path").await;
    let text = ask(&server, "GET /metrics").await.text();
    for secret in ["secret", "Mallory", "Alice", "no-such", "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let labels: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('{')?.1.split_once('='))
        .map(|(label, _)| label)
        .collect();
    let known = [
        "code",
        "le",
        "protocol",
        "rate",
        "reason",
        "version",
        "waiting_for",
        "who",
        "worker",
    ];
    assert_eq!(labels, BTreeSet::from(known));
}

/// The names of series in a text, by their prefix.
fn names_in(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("sse_chat_") || word.starts_with("process_"))
        .collect()
}

/// Those without a shared history, which needs Redis: tests/cluster has the others.
fn without_redis(names: BTreeSet<&str>) -> BTreeSet<&str> {
    let of_redis = |name: &&str| name.starts_with("sse_chat_redis_");
    names.into_iter().filter(|name| !of_redis(name)).collect()
}

/// With https and a store: only then all series are there.
fn with_everything(config: &mut Config, folder: &CertificateFolder) {
    folder.listen(config);
    config.data.dir = Some(folder.path("data"));
}

/// The families of these series; the series of a histogram are one.
fn families<'a>(names: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let family = |name: &'a str| {
        let parts = ["_bucket", "_sum", "_count"];
        let histogram = parts.iter().find_map(|part| name.strip_suffix(part));
        histogram
            .filter(|histogram| histogram.ends_with("_seconds"))
            .unwrap_or(name)
    };
    names.iter().map(|name| family(name)).collect()
}

#[tokio::test]
async fn the_docs_name_every_series_and_no_other() {
    let folder = CertificateFolder::new();
    let server = start_with(|config| with_everything(config, &folder));
    let scrape = Scrape::of(&server).await;
    let docs = fs::read_to_string("docs/metrics.md").unwrap();
    let named = without_redis(names_in(&docs));
    assert_eq!(families(&named), families(&scrape.names()));
}

#[tokio::test]
async fn the_dashboard_queries_existing_series() {
    let folder = CertificateFolder::new();
    let server = start_with(|config| with_everything(config, &folder));
    let scrape = Scrape::of(&server).await;
    let text = fs::read_to_string("docs/grafana.json").unwrap();
    let used = without_redis(names_in(&text));
    assert!(used.is_subset(&scrape.names()), "{used:#?}");
    assert_eq!(families(&used), families(&scrape.names()), "all of it");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["title"].is_string() && !panel["targets"][0]["expr"].is_null());
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{panel}"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
    }
}

#[tokio::test]
async fn refused_clients_are_counted_by_reason() {
    let server = start_with(|config| config.limits.max_connections = 1);
    let _reader = server.events("/rooms/lobby/events").await;
    server.get("/rooms/lobby/events").await;
    server.get("/rooms/lobby/messages").await;
    let mut silent = Vec::new();
    within(async {
        while server.raw(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await != b"" {
            for _ in 0..81 {
                silent.push(server.connect().await);
            }
        }
    })
    .await;
    let scrape = Scrape::of(&server).await;
    for (name, value) in [
        ("sse_chat_max_connections", 1.0),
        ("sse_chat_busy_total{reason=\"connections\"}", 1.0),
        ("sse_chat_busy_total{reason=\"address\"}", 0.0),
    ] {
        assert_eq!(scrape.get(name), value, "{name}");
    }
    let refused = "sse_chat_refusals_total{code=\"too_many_connections\"}";
    assert!(scrape.get(refused) >= 1.0);
    assert!(scrape.get("sse_chat_unheard_connections_total") >= 1.0);
}

#[tokio::test]
async fn rate_limited_requests_are_counted_by_rate() {
    let server = start_with(|config| {
        let limits = &mut config.limits;
        limits.limit_loopback = true;
        let hourly = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        (limits.request_rate, limits.request_burst) = (hourly, NonZeroU32::MIN);
        (limits.stream_rate, limits.stream_burst) = (hourly, NonZeroU32::MIN);
        (limits.publish_rate, limits.publish_burst) = (hourly, NonZeroU32::new(2).unwrap());
        (limits.room_rate, limits.room_burst) = (hourly, NonZeroU32::MIN);
    });
    for path in ["/rooms/lobby/members", "/rooms/lobby/events"] {
        for _ in 0..3 {
            let mut connection = server.connect().await;
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            connection.write_all(request.as_bytes()).await.unwrap();
            within(connection.readable()).await.unwrap();
        }
    }
    let hi = serde_json::json!({"name": "Alice", "message": "hi"});
    for room in ["lobby", "lobby", "lobby"] {
        server.post(room, &hi).await;
    }
    let scrape = Scrape::of(&server).await;
    for (rate, count) in [
        ("request", 2.0),
        ("stream", 2.0),
        ("publish", 2.0),
        ("room", 0.0),
    ] {
        let name = format!("sse_chat_rate_limited_total{{rate=\"{rate}\"}}");
        assert_eq!(scrape.get(&name), count, "{rate}");
    }
}

#[tokio::test]
async fn metrics_on_loopback_are_refused_under_a_foreign_host() {
    let server = start_with(|config| config.access.allowed_hosts = vec!["chat".to_owned()]);
    for (host, status) in [
        ("127.0.0.1:9464", 200),
        ("[::1]", 200),
        ("chat:9464", 200),
        ("evil.example", 403),
        ("x{y", 403),
        ("localhost\r\nhost: evil.example", 403),
    ] {
        let answer = ask_by(&server, "GET /metrics", host).await;
        assert_eq!(answer.status, status, "{host}");
    }
}

/// `--stall` is shorter, so it ends the response; but it is no reader.
#[tokio::test]
async fn a_page_that_is_not_read_counts_as_an_answer_and_not_as_a_reader() {
    let server = start_with(|config| {
        config.limits.stall = Duration::from_millis(300);
        config.limits.send_buffer = 4096;
    });
    let text = "x".repeat(4000);
    for _ in 0..500 {
        server.publish("lobby", &text).await;
    }
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = within(socket.connect(server.address())).await.unwrap();
    let request = b"GET /rooms/lobby/messages?limit=500 HTTP/1.1\r\nhost: a\r\n\r\n";
    slow.write_all(request).await.unwrap();
    let timeouts = "sse_chat_timeouts_total{waiting_for=\"answer\"}";
    let scrape = Scrape::when(&server, |scrape| scrape.get(timeouts) == 1.0).await;
    assert_eq!(scrape.get("sse_chat_stalls_total"), 0.0);
}

#[tokio::test]
async fn timeouts_are_counted_by_phase() {
    let server = start_with(|config| {
        config.limits.first_byte_timeout = Duration::from_millis(50);
        config.limits.head_timeout = Duration::from_millis(50);
        config.limits.idle_timeout = Duration::from_millis(50);
    });
    for sent in ["", "GET", "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        read_to_close(&mut stream).await;
    }
    Scrape::when(&server, |scrape| {
        ["first_byte", "head", "request"].into_iter().all(|what| {
            let name = format!("sse_chat_timeouts_total{{waiting_for=\"{what}\"}}");
            scrape.get(&name) == 1.0
        })
    })
    .await;
}
