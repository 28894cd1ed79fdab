//! A server that is killed, that has no free file descriptors, or that gets no HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::server_process::ServerProcess;

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
