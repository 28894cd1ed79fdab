//! Signals that the server ignores, and signals that shut it down with a `bye`.

use std::io::{BufRead as _, BufReader, Read as _};

use crate::server_process::{ServerProcess, read_until};

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

#[test]
fn a_hang_up_is_only_logged() {
    let mut server = ServerProcess::on_free_port();
    let (mut stream, _) = server.stream("", "}\n\n");
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    // Twice, because a handler may work only once.
    for _ in 0..2 {
        server.signal("HUP");
        let mut line = String::new();
        while !line.contains(" INFO SIGHUP") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ended");
        }
    }
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("drained"), "{rest}");
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
