//! Servers that are broken or serve no event streams, and invalid arguments: the
//! command fails with one line and an exit code, and does not hang.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, mpsc};

use crate::called::{DEADLINE, bench, call, finish, report_on};
use crate::server::{Cheat, CheatingServer, read_request};
use crate::signals::interrupt;

/// A server that calls `each` with every connection from which it read a request.
fn server(each: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let each = Arc::new(each);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let each = Arc::clone(&each);
            std::thread::spawn(move || {
                if read_request(&mut stream, &mut Vec::new()).is_some() {
                    each(stream);
                }
            });
        }
    });
    address
}

/// For a server that answers. The timeout is long enough for a slow machine.
#[track_caller]
fn assert_fails(address: SocketAddr, code: i32, words: &[&str]) {
    assert_fails_within(address, "20s", code, words);
}

#[track_caller]
fn assert_fails_within(address: SocketAddr, timeout: &str, code: i32, words: &[&str]) {
    let url = format!("http://{address}");
    let load = [
        "--url",
        &url,
        "--subscribers",
        "2",
        "--duration",
        "300ms",
        "--warmup",
        "0s",
        "--drain",
        "300ms",
        "--timeout",
        timeout,
    ];
    call(&load).assert_fails(code, words);
}

#[test]
fn an_address_without_a_listener_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    assert_fails(address, 3, &["can't reach", "refused"]);
}

#[test]
fn a_page_instead_of_an_event_stream_is_an_error() {
    let address = server(|mut stream| {
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<a/>";
        let _ = stream.write_all(page.as_bytes());
    });
    assert_fails(address, 3, &["no event stream"]);
}

#[test]
fn a_refused_stream_is_a_refusal() {
    for status in ["404", "403"] {
        let address = server(move |mut stream| {
            let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        });
        assert_fails(address, 4, &[status]);
    }
}

#[test]
fn a_server_of_another_protocol_is_an_error() {
    let address = server(|mut stream| {
        let _ = stream.write_all(b"-ERR unknown command 'GET'\r\n");
    });
    assert_fails(address, 3, &["not HTTP"]);
}

#[test]
fn a_server_that_never_answers_is_a_timeout() {
    let address = server(|stream| {
        let _ = read_request(&mut stream.try_clone().unwrap(), &mut Vec::new());
    });
    assert_fails_within(address, "500ms", 3, &["no answer within 500ms"]);
}

#[test]
fn a_server_that_refuses_every_message_is_a_refusal() {
    for mode in ["publish", "fanout"] {
        let server = CheatingServer::start(Cheat::Refuse(1));
        let url = format!("http://{}", server.address);
        let load = ["--url", &url, "--mode", mode, "--subscribers", "2"];
        let mut args = load.to_vec();
        args.extend(["--messages", "20", "--warmup", "0s"]);
        call(&args).assert_fails(4, &["refused", "429"]);
    }
}

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

#[test]
fn streams_that_end_at_once_are_opened_again_and_reported() {
    let (asked, was_asked) = mpsc::channel();
    let address = server(move |mut stream| {
        let _ = stream.write_all(STREAM.as_bytes());
        let _ = asked.send(());
    });
    let url = format!("http://{address}");
    let load = ["--url", &url, "--mode", "idle", "--subscribers", "1"];
    let mut command = bench(&load);
    let child = command.args(["--duration", "1h", "--json", "-"]);
    let child = child.spawn().unwrap();
    // The client reconnects only after it has read the end of the previous stream.
    let reconnected = (0..4).all(|_| was_asked.recv_timeout(DEADLINE).is_ok());
    interrupt(&child);
    let called = finish(child);
    assert!(reconnected, "{called:#?}");
    assert_eq!(called.code, Some(130), "{called:#?}");
    let run = &called.report()["runs"][0];
    assert_eq!(run["connect"]["ok"], 1);
    let warnings = run["warnings"].to_string();
    assert!(warnings.contains("streams ended"), "{warnings}");
}

#[test]
fn a_server_that_closes_without_an_answer_is_an_error() {
    assert_fails(server(drop), 3, &["closed the connection"]);
}

#[test]
fn a_line_that_never_ends_is_cut_off_at_a_bound() {
    let (cut_off, was_cut_off) = mpsc::channel();
    let address = server(move |mut stream| {
        let _ = stream.write_all(STREAM.as_bytes());
        let piece = [b'x'; 64 * 1024];
        let mut written = 0;
        while stream.write_all(&piece).is_ok() {
            written += piece.len();
        }
        let _ = cut_off.send(written);
    });
    let url = format!("http://{address}");
    let load = ["--url", &url, "--mode", "idle", "--subscribers", "1"];
    let child = bench(&load).args(["--duration", "1h"]).spawn().unwrap();
    let written = was_cut_off.recv_timeout(DEADLINE);
    interrupt(&child);
    assert_eq!(finish(child).code, Some(130));
    // The client stops at 1 MiB in one line. The server has written more, because
    // its writes also fill the socket buffers.
    assert!(written.unwrap() < 64 << 20, "{written:?}");
}

#[test]
fn a_stream_that_never_pauses_does_not_delay_the_end() {
    let address = server(|mut stream| {
        let _ = stream.write_all(STREAM.as_bytes());
        let piece = b": and so on\n".repeat(32 * 1024);
        while stream.write_all(&piece).is_ok() {}
    });
    let load = [
        "--mode",
        "idle",
        "--subscribers",
        "1",
        "--duration",
        "300ms",
    ];
    let (called, report) = report_on(address, &load);
    assert_eq!(called.code, Some(0), "{called:#?}");
    assert_eq!(report["runs"][0]["connect"]["ok"], 1);
}

#[test]
fn an_invalid_argument_is_named() {
    for (args, words) in [
        (&["--url", "http://a b"][..], "--url"),
        (&["--streams-per-connection", "2"], "--http2"),
        (&["--mode", "handshakes", "--http2"], "HTTP/1.1"),
        (&["--mode", "handshakes", "--messages", "3"], "--duration"),
        (&["--probe-path", "a"], "--probe-path"),
        (&["--http2", "--streams-per-connection", "0"], "at least 1"),
        (
            &[
                "--http2",
                "--streams-per-connection",
                "2",
                "--slow",
                "5%:1KiB/s",
            ],
            "a connection of its own",
        ),
        (&["--rate", "0"], "--rate"),
        (&["--rate", "many"], "--rate"),
        (&["--in-flight", "0"], "--in-flight"),
        (&["--subscribers", "0"], "--subscribers 0"),
        (&["--subscribers=-1"], "--subscribers"),
        (&["--url", "ftp://nonsense"], "--url"),
        (&["--fail-if", "lost"], "--fail-if"),
        (&["--size", "10"], "at least 56 bytes"),
        (&["--size", "200..100"], "--size"),
        (&["--duration", "soon"], "--duration"),
        (&["--slow", "5"], "5%:1KiB/s"),
        (&["--churn", "x"], "--churn"),
        (&["--publish-body", "nothing"], "{payload}"),
        (&["--subscribe-path", "a"], "--subscribe-path"),
        (&["-H", "no colon"], "header"),
        (&["--fail-if", "speed>1"], "--fail-if"),
        (&["--size", "1TiB"], "at most"),
        (&["--rooms", "1m"], "at most"),
        (&["--connect-rate", "1e30"], "--connect-rate"),
        (&["--mode", "idle", "--churn", "5/s"], "--churn"),
        (&["--mode", "resume", "--rate", "5"], "--rate"),
        (&["--mode", "publish", "--in-flight", "3"], "--publishers"),
        (&["--mode", "idle", "--messages", "3"], "--duration"),
    ] {
        let called = call(args);
        assert!(called.talk.contains(words), "{args:?}: {called:#?}");
        called.assert_fails(2, &[]);
    }
}

#[test]
fn more_subscribers_than_open_files_is_an_error_with_advice() {
    let mut command = Command::new("sh");
    let line = format!(
        "ulimit -n 100 && exec {} bench --spawn --subscribers 200",
        env!("CARGO_BIN_EXE_sse-chat")
    );
    command
        .args(["-c", &line])
        .stdin(std::process::Stdio::null());
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let called = finish(command.spawn().unwrap());
    called.assert_fails(1, &["the limit is 100", "ulimit -n"]);
}

#[test]
fn the_error_of_a_private_server_that_does_not_start_is_printed() {
    let called = call(&["--spawn", "--", "--history", "many"]);
    assert_eq!(called.code, Some(1), "{called:#?}");
    assert!(called.talk.contains("--history"), "{called:#?}");
    assert!(called.talk.contains("--spawn"), "{called:#?}");
}

#[test]
fn a_pid_without_a_process_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let called = finish(
        bench(&["--url", &url, "--pid", "2147483647"])
            .spawn()
            .unwrap(),
    );
    called.assert_fails(1, &["2147483647"]);
}

#[test]
fn a_run_without_a_published_message_is_an_error() {
    // No interface has this address, so no publisher can connect from it.
    let called = call(&[
        "--spawn",
        "--mode",
        "publish",
        "--source-ip",
        "203.0.113.1",
        "--duration",
        "200ms",
        "--drain",
        "200ms",
    ]);
    called.assert_fails(3, &["no message could be published"]);
}
