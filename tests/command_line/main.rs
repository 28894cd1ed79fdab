//! The binary as it is called: starts, starts that fail, signals, restarts.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

mod running;
mod talking;

mod blocked_output;
mod chat;
mod health;
mod help_page;
mod listening;
mod log;
mod send;
mod service_manager;
mod signals;
mod tail;
mod variables;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

use running::{Running, assert_fails, program, read_until, run};

#[test]
fn it_starts_with_one_line_that_has_the_url() {
    for args in [
        &["--listen", "127.0.0.1:0"][..],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let server = Running::start(args);
        assert!(
            server.line.starts_with(concat!(
                "sse-chat ",
                env!("CARGO_PKG_VERSION"),
                ": open http://127.0.0.1:"
            )),
            "{}",
            server.line
        );
        assert!(server.request("GET /healthz", "").ends_with("\r\n\r\nok"));
    }
}

#[test]
fn it_listens_on_every_address_it_is_given() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]);
    let urls: Vec<&str> = server
        .line
        .split("http://")
        .skip(1)
        .map(|url| url.trim_end_matches(" or ").trim_end())
        .collect();
    assert_eq!(urls.len(), 2, "{}", server.line);
    for url in urls {
        TcpStream::connect(url).unwrap();
    }
}

#[test]
fn settings_come_from_variables_and_flags_win() {
    let mut command = program();
    command
        .env("SSE_CHAT_LISTEN", "127.0.0.1:0")
        .env("SSE_CHAT_PING", "7s")
        .env("SSE_CHAT_RETRY", "1s..1s");
    let server = Running::spawn(command.args(["--ping", "9s"]));
    let (_, hello) = server.stream("", "}\n\n");
    assert!(hello.contains("\"ping_ms\":9000"), "{hello}");
    assert!(hello.contains("retry: 1000\n"), "{hello}");
}

/// Every flag of the server with its default, where help shows one.
const FLAGS: &[(&str, &str)] = &[
    ("listen", "127.0.0.1:8080"),
    ("history", "1000"),
    ("history-bytes", "4MiB"),
    ("fanout-queue", "4096"),
    ("fanout-large", "4MiB"),
    ("history-budget", "256MiB"),
    ("ping", "15s"),
    ("retry", "2s..5s"),
    ("max-message-bytes", "4096"),
    ("default-room", "lobby"),
    ("max-rooms", "10000"),
    ("room-idle", "1h"),
    ("list-rooms", ""),
    ("no-demo", ""),
    ("assets-dir", ""),
    ("grace", "10s"),
    ("max-connections", "10000"),
    ("max-connections-per-address", "200"),
    ("ipv6-56-factor", "4"),
    ("ipv6-48-factor", "8"),
    ("max-streams-per-address", "100"),
    ("max-rooms-per-address", "1000"),
    ("request-rate", "50/s"),
    ("request-burst", "1000"),
    ("stream-rate", "10/s"),
    ("stream-burst", "200"),
    ("busy-retry", "30s..1m"),
    ("max-members", "100000"),
    ("presence-rate", "1MiB"),
    ("presence-rate-total", "8MiB"),
    ("publish-rate", "5/s"),
    ("publish-burst", "60"),
    ("room-rate", "50/s"),
    ("room-burst", "200"),
    ("replay-rate", "2MiB"),
    ("replay-burst", "32MiB"),
    ("limit-loopback", ""),
    ("max-head-bytes", "81920"),
    ("head-budget", "8MiB"),
    ("max-body-bytes", "what the largest message needs"),
    ("first-byte-timeout", "10s"),
    ("head-timeout", "10s"),
    ("body-timeout", "10s"),
    ("answer-timeout", "1m"),
    ("idle-timeout", "30s"),
    ("stall", "30s"),
    ("send-buffer", "65536"),
    ("accept-queue", "4096"),
    ("trusted-proxy", ""),
    ("forwarded-header", "x-forwarded-for"),
    ("allowed-host", ""),
    ("allow-origin", ""),
    ("metrics", ""),
    ("access-log", ""),
    ("log-format", "text"),
    ("log-level", "info"),
    ("log-queue", "4MiB"),
];

#[test]
fn help_shows_every_flag_with_its_default_and_variable() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for (flag, default) in FLAGS {
        let start = help
            .find(&format!("--{flag} "))
            .or_else(|| help.find(&format!("--{flag}\n")))
            .unwrap_or_else(|| panic!("no --{flag}"));
        let part = help[start..].split("\n      --").next().unwrap();
        assert!(
            part.contains(&format!(
                "SSE_CHAT_{}",
                flag.to_uppercase().replace('-', "_")
            )),
            "{part}"
        );
        assert!(
            default.is_empty() || part.contains(&format!("[default: {default}]")),
            "{part}"
        );
    }
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_fails(
        &run(&["--listen", &address]),
        1,
        &["--listen", &address, "in use"],
    );
}

#[test]
fn a_bad_value_is_one_clear_line_that_names_its_flag() {
    for (flag, value, right) in [
        ("--listen", "8080", "127.0.0.1:8080"),
        ("--listen", "localhost:http", "127.0.0.1:8080"),
        ("--history", "many", "digit"),
        ("--history", "-1", "digit"),
        ("--history-bytes", "4 cats", "4MiB"),
        ("--history-budget", "", "4MiB"),
        ("--ping", "15", "15s"),
        ("--ping", "0s", "1ms"),
        ("--retry", "2s", "2s..5s"),
        ("--retry", "5s..2s", "longer"),
        ("--max-message-bytes", "0", "at least 1"),
        ("--max-message-bytes", "1GiB", "1 MiB"),
        ("--default-room", "a b", "letters"),
        ("--max-rooms", "0", "at least 1"),
        ("--assets-dir", "/nowhere", "index.html"),
        ("--room-idle", "-1s", "1h"),
        ("--grace", "soon", "15s"),
        ("--head-timeout", "0s", "more than 0s"),
        ("--body-timeout", "0s", "more than 0s"),
        ("--head-budget", "8KiB", "--max-head-bytes"),
        ("--stall", "0s", "1ms"),
        ("--log-format", "xml", "json"),
        ("--log-level", "loud", "debug"),
        ("--log-queue", "1KiB", "16KiB"),
    ] {
        assert_fails(&run(&[&format!("{flag}={value}")]), 1, &[flag, right]);
    }
    assert_fails(&run(&["--history", "-1"]), 1, &["--history", "digit"]);
    assert_fails(
        &run(&["serve", "--history", "-1"]),
        1,
        &["--history", "digit"],
    );
    let output = program().env("SSE_CHAT_PING", "soon").output().unwrap();
    assert_fails(&output, 1, &["SSE_CHAT_PING", "soon"]);
}

#[test]
fn a_wrong_use_is_exit_code_two() {
    for args in [&["--nope"][..], &["nope"], &["--ping"], &["serve", "extra"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
    for args in [["--help"], ["--version"]] {
        assert_eq!(run(&args).status.code(), Some(0));
    }
}

#[test]
fn a_signal_ends_it_with_bye_and_exit_code_zero() {
    for signal in ["TERM", "INT"] {
        let server = Running::free();
        let (mut stream, _) = server.stream("", "}\n\n");
        server.signal(signal);
        read_until(&mut stream, "event: bye\n");
        read_until(&mut stream, "\r\n0\r\n\r\n");
        let (code, log) = server.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("draining") && log.contains("drained"), "{log}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--grace", "1h"]);
    let _stuck = server.begin_request();
    let (mut stream, _) = server.stream("", "}\n\n");
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    server.signal("INT");
    assert_eq!(server.ended().0, Some(130));
}

#[test]
fn the_log_is_text_or_json_on_standard_error() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--log-format", "json"]);
    server.signal("TERM");
    let (_, log) = server.ended();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "INFO");
    }
    assert!(!log.is_empty());
    let silent = Running::start(&["--listen", "127.0.0.1:0", "--log-level", "off"]);
    silent.signal("TERM");
    assert_eq!(silent.ended().1, "");
}

// Case 62 of tests/cases.md: bytes that are not HTTP are counted in the log as
// every refusal is, in one line for each code in ten seconds.
#[test]
fn what_is_not_http_fills_no_log() {
    let quiet = Running::free();
    let asked = Running::free();
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x16\x03\x01\x02\0",
        "\0\0",
        "GET /",
    ] {
        for _ in 0..25 {
            let mut client = asked.connect();
            client.write_all(garbage.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // However it ends, it ends.
            let _ = client.read_to_end(&mut Vec::new());
        }
    }
    quiet.signal("TERM");
    asked.signal("TERM");
    let (quiet, asked) = (quiet.ended().1, asked.ended().1);
    let is_refusal = |line: &&str| line.contains(r#" refused code="invalid_request" count="#);
    let refusals = asked.lines().filter(is_refusal).count();
    let others = asked.lines().count() - refusals;
    assert_eq!(quiet.lines().count(), others, "{asked}");
    assert!((1..25).contains(&refusals), "{asked}");
}

#[test]
fn after_kill_and_restart_the_gap_says_restart() {
    let server = Running::free();
    let said = server.request(
        "POST /rooms/lobby/messages",
        r#"{"name":"Alice","message":"before"}"#,
    );
    assert!(said.starts_with("HTTP/1.1 201"), "{said}");
    let (_, hello) = server.stream("", "}\n\n");
    let id = hello
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap();
    let address = server.address.to_string();
    server.signal("KILL");
    server.ended();
    let server = Running::start(&["--listen", &address]);
    server.request(
        "POST /rooms/lobby/messages",
        r#"{"name":"Alice","message":"after"}"#,
    );
    let (_, text) = server.stream(&format!("last-event-id: {id}\r\n"), "\"}\n\n");
    let (gap, update) = (
        text.find("event: gap").unwrap(),
        text.find("\"message\":\"after\"").unwrap(),
    );
    assert!(gap < update, "{text}");
    assert!(
        text.contains("\"reason\":\"restart\",\"lost\":null,\"next\":1"),
        "{text}"
    );
}

#[test]
fn out_of_open_files_it_waits_and_does_not_spin() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 40 && exec \"$0\" --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_sse-chat"),
    ]);
    let server = Running::spawn(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let before = cpu_ticks(server.child.id());
    let (begun, mut open) = (Instant::now(), Vec::new());
    for _ in 0..60 {
        open.push(server.connect());
    }
    // The log says when it has run out.
    let mut server = server;
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut lines = String::new();
    while !lines.contains("can't accept") {
        assert_ne!(log.read_line(&mut lines).unwrap(), 0, "{lines}");
    }
    let first = lines.lines().next().unwrap();
    assert!(first.contains("WARN --max-connections 10000"), "{first}");
    assert!(first.contains("files=40") && first.contains("max_connections=20"));
    drop(open);
    assert!(
        server.request("GET /healthz", "").ends_with("ok"),
        "it goes on"
    );
    // 100 ticks a second: a spin would have taken all of them.
    let (ticks, seconds) = (
        cpu_ticks(server.child.id()) - before,
        begun.elapsed().as_secs_f64(),
    );
    assert!(
        ticks < 50.0 * seconds + 20.0,
        "{ticks} ticks in {seconds} s"
    );
}

/// The processor time that a process has used, in hundredths of a second.
fn cpu_ticks(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
}
