//! The log: what it tells, and what it never tells.

use std::io::{Read as _, Write as _};

use serde_json::Value;

use super::running::{Running, assert_fails, run};

/// A server that was asked `requests`, and what it logged until it was told to
/// stop.
fn log_of(flags: &[&str], requests: &[(&str, &str)]) -> String {
    let args = [&["--listen", "127.0.0.1:0"], flags].concat();
    let server = Running::start(&args);
    for (head, body) in requests {
        server.request(head, body);
    }
    server.signal("TERM");
    server.ended().1
}

#[test]
fn ten_thousand_refusals_are_a_few_lines() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--log-format=json"]);
    let mut stream = server.connect();
    let mut writer = stream.try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        let requests = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".repeat(9_999);
        writer.write_all(requests.as_bytes()).unwrap();
        let last = b"GET /r/%20 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        writer.write_all(last).unwrap();
    });
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    asking.join().unwrap();
    server.signal("TERM");
    let log = server.ended().1;
    let fields = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone());
    let refusals: Vec<Value> = fields
        .filter(|fields| fields["message"] == "refused")
        .collect();
    let count = |code: &str| -> u64 {
        let of = refusals.iter().filter(|fields| fields["code"] == code);
        of.map(|fields| fields["count"].as_u64().unwrap()).sum()
    };
    assert_eq!((count("not_found"), count("invalid_room")), (9_999, 1));
    // Every ten seconds, and at the end.
    assert!(log.lines().count() < 20, "{log}");
}

#[test]
fn a_start_and_a_shutdown_are_lines() {
    let log = log_of(&["--metrics", "127.0.0.1:0", "--workers", "3"], &[]);
    let started = log.lines().next().unwrap();
    for part in [
        " INFO started version=\"",
        " listen=\"127.0.0.1:",
        " metrics=127.0.0.1:",
        " workers=3",
        " open_files=",
    ] {
        assert!(started.contains(part), "{part:?} in {log}");
    }
    assert!(
        log.contains(" draining ") && log.contains(" drained "),
        "{log}"
    );
}

#[test]
fn a_listener_for_metrics_that_can_t_be_had_is_a_start_that_fails() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let start = |value: &str| run(&["--listen", "127.0.0.1:0", "--metrics", value]);
    assert_fails(&start(&address), 1, &["--metrics", &address, "in use"]);
    assert_fails(&start("nowhere"), 1, &["--metrics", "nowhere"]);
}
