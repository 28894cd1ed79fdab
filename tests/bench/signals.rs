//! A signal ends the load; the report has the results so far.

use std::io::Read as _;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::called::{DEADLINE, bench, finish};
use crate::server::{Cheat, CheatingServer, Lost};

pub(crate) fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status();
    assert!(sent.unwrap().success());
}

fn start(server: &CheatingServer, more: &[&str]) -> Child {
    let url = format!("http://{}", server.address);
    let mut args = vec!["--url", &url, "--json", "-", "--subscribers", "2"];
    args.extend(["--rate", "100", "--duration", "1h", "--warmup", "0s"]);
    args.extend_from_slice(more);
    bench(&args).spawn().unwrap()
}

#[test]
fn an_interrupted_run_is_reported_as_interrupted() {
    let server = CheatingServer::start(Cheat::None);
    let child = start(&server, &[]);
    server.wait_for_messages(20);
    interrupt(&child);
    let called = finish(child);
    assert_eq!(called.code, Some(130), "{called:#?}");
    let report = called.report();
    assert_eq!(report["interrupted"], true);
    let run = &report["runs"][0];
    assert_eq!(run["interrupted"], true);
    assert!(run["delivery"]["received"].as_u64().unwrap() >= 40 - 2);
    assert_eq!(run["delivery"]["lost"], 0);
}

#[test]
fn a_second_signal_ends_the_command_at_once() {
    let how = Lost::Renumbered;
    let server = CheatingServer::start(Cheat::Lose { every: 1, how });
    // No message arrives, so after the first signal the drain takes an hour.
    let child = start(&server, &["--drain", "1h"]);
    server.wait_for_messages(5);
    interrupt(&child);
    // The first signal ends the load and closes its connections.
    server.wait_for_publishers_to_close();
    interrupt(&child);
    let called = finish(child);
    assert_eq!((called.code, called.out.as_str()), (Some(130), ""));
}

#[test]
fn signals_end_the_command_if_the_server_never_answers() {
    let server = CheatingServer::start(Cheat::Hang);
    let mut child = start(&server, &["--drain", "1h", "--timeout", "1h"]);
    server.wait_for_messages(1);
    let (sender, ended) = mpsc::channel();
    let mut out = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = out.read_to_string(&mut text);
        let _ = sender.send(text);
    });
    // Two signals at once may be delivered as one, so signals are sent until it ends.
    let began = Instant::now();
    let out = loop {
        interrupt(&child);
        if let Ok(out) = ended.recv_timeout(Duration::from_millis(100)) {
            break out;
        }
        if began.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("it did not end within {DEADLINE:?}");
        }
    };
    assert_eq!(
        (child.wait().unwrap().code(), out.as_str()),
        (Some(130), "")
    );
}
