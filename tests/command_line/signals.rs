//! Signals that do not end the server, and those that end it with a `bye`.

use std::io::{BufRead as _, BufReader, Read as _};

use crate::running::{Running, read_until};

#[test]
fn signals_of_other_programs_do_not_end_it() {
    let server = Running::free();
    let (mut stream, _) = server.stream("", "}\n\n");
    for signal in ["USR1", "USR2", "PIPE", "IO", "PROF", "VTALRM", "XFSZ"] {
        server.signal(signal);
    }
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_hang_up_is_logged_and_nothing_else() {
    let mut server = Running::free();
    let (mut stream, _) = server.stream("", "}\n\n");
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    // Twice: a handler that works once is none.
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
fn limits_of_time_and_power_failures_are_a_shutdown() {
    for signal in ["QUIT", "ALRM", "XCPU", "PWR"] {
        let server = Running::free();
        let (mut stream, _) = server.stream("", "}\n\n");
        server.signal(signal);
        read_until(&mut stream, "event: bye\n");
        let (code, log) = server.ended();
        assert_eq!(code, Some(0), "{signal}: {log}");
    }
}
