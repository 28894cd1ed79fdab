//! The contents of the log, and what it must not contain.

use std::io::{Read as _, Write as _};

use serde_json::Value;

use super::server_process::{ServerProcess, assert_fails, read_until, run};

/// The log of a server that has answered `requests`, until its shutdown.
fn log_of(flags: &[&str], requests: &[(&str, &str)]) -> String {
    let args = [&["--listen", "127.0.0.1:0"], flags].concat();
    let server = ServerProcess::start(&args);
    for (head, body) in requests {
        server.request(head, body);
    }
    server.signal("TERM");
    server.wait().1
}

const PUBLISH: (&str, &str) = (
    "POST /rooms/lobby/messages?token=hidden",
    r#"{"name":"Alice","message":"a secret text"}"#,
);

#[test]
fn the_log_is_text_or_json_on_standard_error() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--log-format", "json"]);
    server.signal("TERM");
    let (_, log) = server.wait();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "INFO");
    }
    assert!(!log.is_empty());
    let silent = ServerProcess::start(&["--listen", "127.0.0.1:0", "--log-level", "off"]);
    silent.signal("TERM");
    assert_eq!(silent.wait().1, "");
}

#[test]
fn the_access_log_is_off_by_default() {
    let log = log_of(&[], &[PUBLISH, ("GET /healthz", "")]);
    assert!(!log.contains("/healthz") && !log.contains("lobby"), "{log}");
}

#[test]
fn each_request_is_a_line_without_its_query_and_its_message() {
    let log = log_of(
        &[
            "--access-log",
            "--log-format",
            "json",
            "--log-level",
            "warn",
        ],
        &[
            PUBLISH,
            ("GET /nowhere?token=hidden", ""),
            ("HEAD /healthz", ""),
        ],
    );
    assert!(!log.contains("hidden") && !log.contains("secret"), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = [
        ("POST", "/rooms/lobby/messages", 201),
        ("GET", "/nowhere", 404),
        ("HEAD", "/healthz", 200),
    ];
    assert_eq!(lines.len(), expected.len(), "only the access log: {log}");
    for (line, (method, path, status)) in lines.iter().zip(expected) {
        let fields = &line["fields"];
        assert_eq!(fields["message"], "answered");
        assert_eq!(fields["method"], method);
        assert_eq!(fields["path"], path);
        assert_eq!(fields["status"], status);
        assert_eq!(fields["client"], "127.0.0.1");
        assert!(fields["ms"].as_f64().unwrap() >= 0.0);
        assert_eq!(fields["bytes"].as_u64().unwrap() == 0, method == "HEAD");
    }
}

#[test]
fn a_stream_is_a_line_when_it_ends() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let server = ServerProcess::start(&[
            "--listen",
            "127.0.0.1:0",
            "--access-log",
            "--log-format=json",
        ]);
        let (_stream, _) = server.stream_in(version, "User-Agent: test/1\r\n", "event: hello");
        server.request(PUBLISH.0, PUBLISH.1);
        server.signal("TERM");
        let log = server.wait().1;
        let streams: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone())
            .filter(|fields| fields["message"] == "stream ended")
            .collect();
        assert_eq!(streams.len(), 1, "{log}");
        assert_eq!(streams[0]["path"], "/rooms/lobby/events");
        assert_eq!(streams[0]["status"], 200);
        assert_eq!(streams[0]["user_agent"], "test/1");
        assert!(streams[0]["ms"].as_f64().unwrap() > 0.0);
        assert!(streams[0]["bytes"].is_null());
    }
}

#[test]
fn client_input_can_not_forge_a_log_line() {
    let evil = "GET /%0aINFO\u{2028}forged\u{202e}?q HTTP/1.1\r\nhost: localhost\r\nuser-agent: a\t\u{9b}31m\" INFO forged \u{85}\r\nx: y";
    let long = format!("GET /{}", "x".repeat(10_000));
    let log = log_of(&["--access-log"], &[(evil, ""), (&long, "")]);
    let access: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("method="))
        .collect();
    assert_eq!(access.len(), 2, "{log}");
    let is_harmless = |c: char| !c.is_control() && !['\u{2028}', '\u{202e}'].contains(&c);
    assert!(
        access.iter().all(|line| line.chars().all(is_harmless)),
        "{log}"
    );
    assert!(
        access[0].contains(r#"user_agent="a\t\u{9b}31m\" INFO forged \u{85}""#),
        "{log}"
    );
    assert!(access[1].len() < 600, "{log}");
}

#[test]
fn the_json_log_escapes_all_unprintable_characters() {
    let evil = "GET /\u{9b}31m\u{202e}\u{2028}?q HTTP/1.1\r\nhost: localhost\r\nuser-agent: \u{85}\u{2066}\u{200b}a\r\nx: y";
    let log = log_of(&["--access-log", "--log-format=json"], &[(evil, "")]);
    let line = log
        .lines()
        .find(|line| line.contains("user_agent"))
        .unwrap();
    assert!(line.chars().all(|c| (' '..='~').contains(&c)), "{line}");
    assert!(line.contains(r"/\u009b31m\u202e\u2028"), "{line}");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["fields"]["path"], "/\u{9b}31m\u{202e}\u{2028}");
    assert_eq!(line["fields"]["user_agent"], "\u{85}\u{2066}\u{200b}a");
}

/// What a server at `--log-level debug` logged of the connection from `peer`: the
/// message of each line, with a request's method, path and status.
fn connection_story(log: &str, peer: &str) -> Vec<String> {
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own = lines.filter(|line| line["span"]["peer"] == peer);
    own.map(|line| {
        assert_eq!(line["span"]["name"], "connection");
        assert!(line["span"]["number"].as_u64().unwrap() > 0);
        let fields = &line["fields"];
        let message = fields["message"].as_str().unwrap();
        match fields["method"].as_str() {
            Some(method) => format!(
                "{message}: {method} {} {}",
                fields["path"].as_str().unwrap(),
                fields["status"]
            ),
            None => message.to_owned(),
        }
    })
    .collect()
}

#[test]
fn the_debug_log_tells_the_story_of_a_connection_and_no_secret() {
    let server = ServerProcess::start(&[
        "--listen=127.0.0.1:0",
        "--log-level=debug",
        "--log-format=json",
    ]);
    let post = format!(
        "{} HTTP/1.1\r\nhost: localhost\r\nauthorization: hidden\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{}",
        PUBLISH.0,
        PUBLISH.1.len(),
        PUBLISH.1
    );
    let get = |rest: &str| format!("GET {rest} HTTP/1.1\r\nhost: localhost\r\n");
    let mut reader = server.connect();
    let stream = get("/rooms/lobby/events?name=hidden&backlog=all");
    reader
        .write_all(format!("{post}{stream}\r\n").as_bytes())
        .unwrap();
    read_until(&mut reader, "event: update");
    let mut other = server.connect();
    let last = get("/nowhere?token=hidden");
    other
        .write_all(format!("{last}connection: close\r\n\r\n").as_bytes())
        .unwrap();
    other.read_to_end(&mut Vec::new()).unwrap();
    let [reader_address, other_address] =
        [&reader, &other].map(|stream| stream.local_addr().unwrap().to_string());
    server.signal("TERM");
    let log = server.wait().1;
    assert_eq!(
        connection_story(&log, &reader_address),
        [
            "connection accepted",
            "request answered: POST /rooms/lobby/messages 201",
            "request answered: GET /rooms/lobby/events 200",
            "connection handed over to a worker",
            "went live",
            "stream ended in order",
        ],
        "{log}"
    );
    assert_eq!(
        connection_story(&log, &other_address),
        [
            "connection accepted",
            "request answered: GET /nowhere 404",
            "connection closed",
        ],
        "{log}"
    );
    assert!(!log.contains("hidden") && !log.contains("secret"), "{log}");
}

#[test]
fn ten_thousand_refusals_make_a_few_lines() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--log-format=json"]);
    let mut stream = server.connect();
    let mut writer = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let requests = "GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(9_999);
        writer.write_all(requests.as_bytes()).unwrap();
        let last = b"GET /r/%20 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        writer.write_all(last).unwrap();
    });
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    sending.join().unwrap();
    server.signal("TERM");
    let log = server.wait().1;
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
    // Reported every ten seconds and at the end.
    assert!(log.lines().count() < 20, "{log}");
}

#[test]
fn a_start_and_a_shutdown_are_logged() {
    let log = log_of(&["--metrics", "127.0.0.1:0", "--workers", "3"], &[]);
    let started = log.lines().next().unwrap();
    for part in [
        " INFO started version=\"",
        " listen=\"127.0.0.1:",
        " metrics=\"127.0.0.1:",
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
fn a_metrics_address_in_use_is_a_failed_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let start = |value: &str| run(&["--listen", "127.0.0.1:0", "--metrics", value]);
    assert_fails(&start(&address), 1, &["--metrics", &address, "in use"]);
    assert_fails(&start("nowhere"), 1, &["--metrics", "nowhere"]);
}
