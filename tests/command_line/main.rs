//! The binary as a child process: starts, failed starts, signals, restarts.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

mod client_process;
mod server_process;

mod blocked_output;
mod certificates;
mod chat;
mod credentials;
mod health;
mod help_page;
mod https;
mod key_sets;
mod listening;
mod log;
mod secrets;
mod send;
mod service_manager;
mod signals;
mod store_copies;
mod tail;
mod token;
mod variables;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

use server_process::{ServerProcess, assert_fails, program, read_until, run};

#[test]
fn a_start_prints_one_line_with_the_url() {
    for args in [
        &["--listen", "127.0.0.1:0"][..],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let server = ServerProcess::start(args);
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
fn the_server_listens_on_every_given_address() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]);
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
    let server = ServerProcess::spawn(command.args(["--ping", "9s"]));
    let (_, hello) = server.stream("", "}\n\n");
    assert!(hello.contains("\"ping_ms\":9000"), "{hello}");
    assert!(hello.contains("retry: 1000\n"), "{hello}");
}

/// Every flag of the server, with the default that help shows or "".
const FLAGS: &[(&str, &str)] = &[
    ("listen", "127.0.0.1:8080"),
    ("history", "1000"),
    ("history-bytes", "4MiB"),
    ("fanout-queue", "4096"),
    ("fanout-large", "4MiB"),
    ("history-budget", "256MiB"),
    ("history-age", ""),
    ("data", ""),
    ("sync", "full"),
    ("data-history", ""),
    ("data-history-budget", "1GiB"),
    ("data-read-budget", "64MiB"),
    ("commit-queue", "16MiB"),
    ("data-check", ""),
    ("new-generation", ""),
    ("ping", "15s"),
    ("retry", "2s..5s"),
    ("max-message-bytes", "4096"),
    ("max-event-bytes", "65536"),
    ("open-events", ""),
    ("default-room", "lobby"),
    ("max-rooms", "10000"),
    ("room-idle", "1h"),
    ("list-rooms", ""),
    ("no-demo", ""),
    ("assets-dir", ""),
    ("grace", "10s"),
    ("tls-cert", ""),
    ("tls-key", ""),
    ("tls-handshake-timeout", "10s"),
    ("max-handshakes", "1000"),
    ("redirect-http", ""),
    ("acme-webroot", ""),
    ("hsts", ""),
    ("max-connections", "10000"),
    ("max-connections-per-address", "200"),
    ("ipv6-56-factor", "4"),
    ("ipv6-48-factor", "8"),
    ("max-streams", "10000"),
    ("max-streams-per-address", "100"),
    ("max-rooms-per-address", "1000"),
    ("request-rate", "50/s"),
    ("request-burst", "1000"),
    ("stream-rate", "10/s"),
    ("stream-burst", "200"),
    ("busy-retry", "30s..1m"),
    ("max-members", "100000"),
    ("max-typing-members", "50"),
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
    ("max-body-bytes", "enough for the largest message"),
    ("first-byte-timeout", "10s"),
    ("head-timeout", "10s"),
    ("body-timeout", "10s"),
    ("answer-timeout", "1m"),
    ("idle-timeout", "30s"),
    ("stall", "30s"),
    ("send-buffer", "65536"),
    ("accept-queue", "4096"),
    ("http2-max-streams", "128"),
    ("trusted-proxy", ""),
    ("forwarded-header", "x-forwarded-for"),
    ("allowed-host", ""),
    ("allow-origin", ""),
    ("token-key", ""),
    ("jwks", ""),
    ("token-issuer", ""),
    ("token-audience", ""),
    ("anonymous", ""),
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
            .find(&format!("\n      --{flag} "))
            .or_else(|| help.find(&format!("\n      --{flag}\n")))
            .unwrap_or_else(|| panic!("no --{flag}"));
        let part = help[start + 1..].split("\n      --").next().unwrap();
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
fn a_port_in_use_is_reported_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_fails(
        &run(&["--listen", &address]),
        1,
        &["--listen", &address, "in use"],
    );
}

/// Invalid values of flags, and a word of what the error says.
const INVALID: &[(&str, &str, &str)] = &[
    ("--listen", "8080", "127.0.0.1:8080"),
    ("--listen", "localhost:http", "127.0.0.1:8080"),
    ("--listen", "https://0.0.0.0:443/chat", "path"),
    ("--listen", "ftp://0.0.0.0:21", "https://"),
    ("--listen", "https://0.0.0.0:443", "--tls-key"),
    ("--tls-cert", "cert.pem", "1 certificates and 0 keys"),
    ("--tls-key", "key.pem", "0 certificates and 1 keys"),
    ("--acme-webroot", "/nowhere", "No such file"),
    ("--hsts", "365d", "no --listen is https"),
    ("--hsts", "soon", "15s"),
    ("--max-handshakes", "0", "zero"),
    ("--history", "many", "digit"),
    ("--history", "-1", "digit"),
    ("--history-bytes", "4 cats", "4MiB"),
    ("--history-budget", "", "4MiB"),
    ("--history-age", "0s", "more than 0s"),
    ("--history-age", "old", "15s"),
    ("--data", "/proc/nowhere", "/proc/nowhere"),
    ("--sync", "sometimes", "batch=100ms"),
    ("--sync", "batch=0s", "more than 0s"),
    ("--data-history", "10", "--history"),
    ("--data-history-budget", "much", "4MiB"),
    ("--data-read-budget", "much", "4MiB"),
    ("--commit-queue", "1KiB", "64 KiB"),
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
    ("--token-key", "/nowhere", "No such file"),
    ("--jwks", "/nowhere", "No such file"),
    ("--jwks", "ftp://a.example/", "https://"),
    ("--token-issuer", "a", "--jwks"),
    ("--token-audience", "a", "--jwks"),
    ("--anonymous", "none", "--jwks"),
    ("--anonymous", "some", "write"),
    ("--log-format", "xml", "json"),
    ("--log-level", "loud", "debug"),
    ("--log-queue", "1KiB", "16KiB"),
];

#[test]
fn an_invalid_value_is_reported_in_one_line_that_names_the_flag() {
    for &(flag, value, right) in INVALID {
        assert_fails(&run(&[&format!("{flag}={value}")]), 1, &[flag, right]);
    }
    for switch in ["--data-check", "--new-generation"] {
        assert_fails(&run(&[switch]), 1, &[switch, "--data DIR"]);
    }
    assert_fails(
        &run(&["--redirect-http"]),
        1,
        &["--redirect-http", "https://0.0.0.0:443"],
    );
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
fn wrong_usage_is_exit_code_two() {
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
fn a_signal_shuts_the_server_down_with_bye_and_exit_code_zero() {
    for signal in ["TERM", "INT"] {
        let server = ServerProcess::on_free_port();
        let (mut stream, _) = server.stream("", "}\n\n");
        server.signal(signal);
        read_until(&mut stream, "event: bye\n");
        read_until(&mut stream, "\r\n0\r\n\r\n");
        let (code, log) = server.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("draining") && log.contains("drained"), "{log}");
    }
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--grace", "1h"]);
    let _stuck = server.begin_request();
    let (mut stream, _) = server.stream("", "}\n\n");
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    server.signal("INT");
    assert_eq!(server.wait().0, Some(130));
}

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

// Case 62 of tests/cases.md: bytes that are not HTTP are refusals, which the log
// counts in one line per code and ten seconds.
#[test]
fn bytes_that_are_not_http_do_not_flood_the_log() {
    let quiet = ServerProcess::on_free_port();
    let asked = ServerProcess::on_free_port();
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
            // A reset is as good as an orderly close.
            let _ = client.read_to_end(&mut Vec::new());
        }
    }
    quiet.signal("TERM");
    asked.signal("TERM");
    let (quiet, asked) = (quiet.wait().1, asked.wait().1);
    let is_refusal = |line: &&str| line.contains(r#" refused code="invalid_request" count="#);
    let refusals = asked.lines().filter(is_refusal).count();
    let others = asked.lines().count() - refusals;
    assert_eq!(quiet.lines().count(), others, "{asked}");
    assert!((1..25).contains(&refusals), "{asked}");
}

#[test]
fn after_kill_and_restart_the_gap_has_the_reason_restart() {
    let server = ServerProcess::on_free_port();
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
    server.wait();
    let server = ServerProcess::start(&["--listen", &address]);
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
fn without_free_file_descriptors_the_server_waits_and_does_not_spin() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 40 && exec \"$0\" --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_sse-chat"),
    ]);
    let server = ServerProcess::spawn(
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
    // Wait until the process has no more files.
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
        "the server still answers"
    );
    // A busy loop would use all of the 100 ticks per second.
    let (ticks, seconds) = (
        cpu_ticks(server.child.id()) - before,
        begun.elapsed().as_secs_f64(),
    );
    assert!(
        ticks < 50.0 * seconds + 20.0,
        "{ticks} ticks in {seconds} s"
    );
}

/// The CPU time of a process, in hundredths of a second.
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
