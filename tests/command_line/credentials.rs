//! The token of `send`, `tail` and `bench`: from a file or from SSE_CHAT_TOKEN, and
//! read again when it expires.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Output;
use std::sync::mpsc;
use std::thread;

use crate::client_process::{ClientProcess, DEADLINE, assert_client_fails, command, run_with};
use crate::server_process::{ServerProcess, run};

fn path(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("credentials-{name}"));
    path.to_str().unwrap().to_owned()
}

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server that requires tokens of a new key, and the file of that key.
fn closed_server(name: &str) -> (ServerProcess, String) {
    let key = path(name);
    fs::write(&key, stdout(&run(&["token", "--new-key"]))).unwrap();
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--token-key", &key]);
    (server, key)
}

/// A new token in a file of this name; returns both.
fn token_file(key: &str, name: &str, rights: &[&str]) -> (String, String) {
    let args = [&["token", "--key", key], rights].concat();
    let token = stdout(&run(&args));
    let file = path(name);
    fs::write(&file, &token).unwrap();
    (file, token)
}

#[test]
fn a_token_is_taken_from_a_file_or_the_environment() {
    let (server, key) = closed_server("taken.key");
    let (file, token) = token_file(&key, "taken", &["--write", "lobby", "--events", "lobby"]);
    let send = ["send", "hi"];
    let output = run_with(server.address, &send, "");
    assert_client_fails(&output, 4, &["refused: ", "token_required"]);
    let sent = command(server.address, &send)
        .env("SSE_CHAT_TOKEN", &token)
        .output()
        .unwrap();
    stdout(&sent);
    stdout(&run_with(
        server.address,
        &["send", "--token-file", &file, "ho"],
        "",
    ));
    // The file wins over the token, and the flag over the variable.
    let sent = command(server.address, &["send", "--token-file", &file, "he"])
        .env("SSE_CHAT_TOKEN", "nonsense")
        .env("SSE_CHAT_TOKEN_FILE", "/nowhere")
        .output()
        .unwrap();
    stdout(&sent);
    let event = ["send", "--event", "e", "--token-file", &file, "x"];
    stdout(&run_with(server.address, &event, ""));
    let args = ["tail", "--json", "--backlog", "all", "--count", "4"];
    let tail = command(server.address, &args)
        .env("SSE_CHAT_TOKEN_FILE", &file)
        .output()
        .unwrap();
    let lines = stdout(&tail);
    assert_eq!(lines.lines().count(), 4, "{lines}");
    // A probe needs no token, and reads none.
    let health = command(server.address, &["health"])
        .env("SSE_CHAT_TOKEN_FILE", "/nowhere")
        .output()
        .unwrap();
    stdout(&health);
}

#[test]
fn a_token_without_the_right_is_refused_in_one_line() {
    let (server, key) = closed_server("right.key");
    let (file, _) = token_file(&key, "right", &["--read", "lobby"]);
    for args in [
        &["send", "--token-file", &file, "hi"][..],
        &["send", "--token-file", &file, "--event", "e", "hi"],
    ] {
        let output = run_with(server.address, args, "");
        assert_client_fails(&output, 4, &["refused: ", "forbidden"]);
    }
    let output = run_with(
        server.address,
        &["tail", "--token-file", &file, "--room", "other"],
        "",
    );
    assert_client_fails(&output, 4, &["forbidden", "other"]);
    assert_client_fails(
        &run_with(server.address, &["tail"], ""),
        4,
        &["token_required"],
    );
}

#[test]
fn a_file_without_a_token_is_wrong_usage() {
    let empty = path("empty");
    fs::write(&empty, " \n").unwrap();
    let two = path("two");
    fs::write(&two, "a\nb").unwrap();
    for command in ["send", "tail", "bench"] {
        for (file, why) in [
            ("/nowhere", "No such file"),
            (&empty, "one word"),
            (&two, "one word"),
        ] {
            let output = run(&[command, "--token-file", file]);
            assert_client_fails(&output, 2, &["--token-file: ", file, why]);
        }
    }
    let output = command("127.0.0.1:1".parse().unwrap(), &["send", "hi"])
        .env("SSE_CHAT_TOKEN", "a secret")
        .output()
        .unwrap();
    assert_client_fails(&output, 2, &["SSE_CHAT_TOKEN: a token is one word"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
}

#[test]
fn help_does_not_show_the_token() {
    for name in ["send", "tail", "bench"] {
        let help = command("127.0.0.1:1".parse().unwrap(), &[name, "--help"])
            .env("SSE_CHAT_TOKEN", "abc.def.ghi")
            .output()
            .unwrap();
        let help = stdout(&help);
        assert!(help.contains("SSE_CHAT_TOKEN,") || help.contains("SSE_CHAT_TOKEN\n"));
        assert!(!help.contains("abc.def"), "{help}");
    }
}

#[test]
fn bench_sends_the_token_with_streams_and_messages() {
    let (server, key) = closed_server("bench.key");
    let (file, token) = token_file(&key, "bench", &["--write", "bench-*"]);
    let load = [
        "bench",
        "--subscribers",
        "3",
        "--messages",
        "9",
        "--warmup",
        "0s",
        "--fail-if",
        "lost>0",
        "--json",
        "-",
    ];
    let args = [&load[..], &["--token-file", &file]].concat();
    let report = stdout(&run_with(server.address, &args, ""));
    assert!(!report.contains(token.trim()), "{report}");
    let header = format!("authorization: Bearer {}", token.trim());
    let args = [&load[..], &["-H", &header]].concat();
    let by_header = command(server.address, &args)
        .env("SSE_CHAT_TOKEN", "nonsense")
        .output()
        .unwrap();
    let report = stdout(&by_header);
    assert!(!report.contains(token.trim()), "{report}");
    let output = run_with(server.address, &load, "");
    assert_client_fails(&output, 4, &["answered 401"]);
}

/// A server that answers each connection with what the next step returns, and keeps
/// it open. Returns the heads of the requests.
fn scripted_server(
    steps: Vec<Box<dyn FnOnce() -> String + Send>>,
) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        let mut open: Vec<TcpStream> = Vec::new();
        for step in steps {
            let (mut client, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                assert_eq!(client.read(&mut byte).unwrap(), 1);
                head.push(byte[0]);
            }
            sender.send(String::from_utf8(head).unwrap()).unwrap();
            client.write_all(step().as_bytes()).unwrap();
            open.push(client);
        }
        // Keeps the connections until the client ends.
        let _ = listener.accept();
    });
    (address, heads)
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: hello\nid: e-0\ndata: {\"cursor\":\"e-0\",\"ping_ms\":60000,\"rooms\":[]}\n\n";

fn update(number: u64) -> String {
    format!(
        "event: update\nid: e-{number}\ndata: {{\"id\":\"e-{number}\",\"room\":\"lobby\",\"number\":{number},\"name\":\"A\",\"message\":\"m{number}\",\"created_at\":\"2026-11-23T01:02:03.004Z\"}}\n\n"
    )
}

#[test]
fn tail_reads_the_file_again_when_the_token_expires() {
    let file = path("expires");
    fs::write(&file, "one").unwrap();
    let write = |text: &'static str, events: String| -> Box<dyn FnOnce() -> String + Send> {
        let file = file.clone();
        Box::new(move || {
            fs::write(&file, text).unwrap();
            format!("{HELLO}{events}")
        })
    };
    let expiring = "event: expiring\ndata: {\"expires_at\":\"2026-11-28T00:00:00Z\"}\n\n";
    let close = "event: close\ndata: {\"reason\":\"token_expired\"}\n\n";
    let (address, heads) = scripted_server(vec![
        write("two\n", update(1) + expiring),
        write("three\n", update(2) + close),
        // The file still has the same: the notice is shown, and the close is final.
        write("three\n", update(3) + expiring + close),
    ]);
    let mut tail = ClientProcess::start(&mut command(address, &["tail", "--token-file", &file]));
    for number in 1..=3 {
        let line = tail.line();
        assert!(line.ends_with(&format!("A: m{number}")), "{line}");
    }
    for (token, cursor) in [("one", None), ("two", Some("e-1")), ("three", Some("e-2"))] {
        let head = heads.recv_timeout(DEADLINE).unwrap().to_lowercase();
        let header = format!("\r\nauthorization: bearer {token}\r\n");
        assert!(head.contains(&header), "{head}");
        let resumed = cursor.map(|cursor| format!("\r\nlast-event-id: {cursor}\r\n"));
        assert!(resumed.is_none_or(|line| head.contains(&line)), "{head}");
    }
    tail.wait_for_notice("the token expires at 2026-11-28T00:00:00Z");
    tail.wait_for_notice("closed the stream for good: token_expired");
    assert_eq!(tail.code(), Some(4));
}

#[test]
fn send_reads_the_file_again_when_the_token_has_expired() {
    let (server, key) = closed_server("renew.key");
    let (file, _) = token_file(&key, "renew", &["--write", "lobby"]);
    let mut sending = ClientProcess::start(
        command(server.address, &["send", "--token-file", &file])
            .stdin(std::process::Stdio::piped()),
    );
    let mut input = sending.child.stdin.take().unwrap();
    writeln!(input, "one").unwrap();
    sending.line();
    // The server refuses tokens of the former key from now on.
    fs::write(&key, stdout(&run(&["token", "--new-key"]))).unwrap();
    let (file, token) = token_file(&key, "renew", &["--write", "lobby"]);
    server.signal("HUP");
    let is_accepted = || {
        let sent = command(server.address, &["send", "two"])
            .env("SSE_CHAT_TOKEN", &token)
            .output()
            .unwrap();
        sent.status.success()
    };
    while !is_accepted() {
        thread::yield_now();
    }
    writeln!(input, "three").unwrap();
    sending.line();
    drop(input);
    assert_eq!(sending.code(), Some(0));
    drop(file);
}
