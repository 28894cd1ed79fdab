//! Signals that the server ignores, and signals that shut it down with a `bye`.

use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;

use sse_chat::tokens::SigningKey;

use crate::server_process::{ServerProcess, read_until};

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
fn ignored_signals_do_not_end_the_server() {
    let server = ServerProcess::on_free_port();
    let (mut stream, _) = server.stream("", "}\n\n");
    for signal in ["USR1", "USR2", "PIPE", "IO", "PROF", "VTALRM", "XFSZ"] {
        server.signal(signal);
    }
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
}

/// Sends SIGHUP, and reads the log until a line about it.
fn hang_up(server: &ServerProcess, log: &mut impl BufRead) -> String {
    server.signal("HUP");
    let mut line = String::new();
    while !line.contains(" SIGHUP") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ended");
    }
    line
}

#[test]
fn a_hang_up_without_keys_is_only_logged() {
    let mut server = ServerProcess::on_free_port();
    let (mut stream, _) = server.stream("", "}\n\n");
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    // Twice, because a handler may work only once.
    for _ in 0..2 {
        let line = hang_up(&server, &mut log);
        assert!(
            line.contains(" INFO ") && line.contains("no keys"),
            "{line}"
        );
    }
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("drained"), "{rest}");
}

#[test]
fn a_hang_up_reads_the_keys_of_tokens_again_and_a_bad_file_keeps_them() {
    let secrets = [
        "the first secret, of 32 bytes or more",
        "the second secret, of 32 bytes or more",
    ];
    let name = format!("hang-up-{}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let tokens = secrets.map(|secret| {
        let key = SigningKey::parse(secret.as_bytes()).unwrap();
        key.sign(r#"{"exp":9999999999,"rooms":{"read":["*"]}}"#)
            .unwrap()
    });
    fs::write(&path, secrets[0]).unwrap();
    let key = path.to_str().unwrap();
    let mut server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--token-key", key]);
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let statuses = |server: &ServerProcess| {
        tokens.each_ref().map(|token| {
            let head = "GET /rooms/lobby/messages";
            let answer =
                server.request_with(head, &format!("authorization: Bearer {token}\r\n"), "");
            answer.split(' ').nth(1).unwrap().to_owned()
        })
    };
    assert_eq!(statuses(&server), ["200", "401"]);
    let authorization = format!("authorization: Bearer {}\r\n", tokens[0]);
    let (mut stream, _) = server.stream(&authorization, "}\n\n");
    for bad in ["short", "-----BEGIN PRIVATE KEY-----", "{}"] {
        fs::write(&path, bad).unwrap();
        let line = hang_up(&server, &mut log);
        let said = ["ERROR", "--token-key", key, "the present keys stay"];
        assert!(said.iter().all(|word| line.contains(word)), "{line}");
        assert_eq!(statuses(&server), ["200", "401"]);
    }
    fs::remove_file(&path).unwrap();
    assert!(hang_up(&server, &mut log).contains("the present keys stay"));
    fs::write(&path, secrets[1]).unwrap();
    let line = hang_up(&server, &mut log);
    assert!(
        line.contains(" INFO ") && line.contains("read again"),
        "{line}"
    );
    // The token of the old key was valid a moment before, and is refused at once.
    assert_eq!(statuses(&server), ["401", "200"]);
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
}

#[test]
fn time_limits_and_power_failures_shut_the_server_down() {
    for signal in ["QUIT", "ALRM", "XCPU", "PWR"] {
        let server = ServerProcess::on_free_port();
        let (mut stream, _) = server.stream("", "}\n\n");
        server.signal(signal);
        read_until(&mut stream, "event: bye\n");
        let (code, log) = server.wait();
        assert_eq!(code, Some(0), "{signal}: {log}");
    }
}
