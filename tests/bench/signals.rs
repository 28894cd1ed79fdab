//! A signal ends the load and leaves a report of what was measured.

use std::process::{Child, Command};

use crate::called::{bench, finish};
use crate::server::{Cheat, CheatingServer, Lost};

fn interrupt(child: &Child) {
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
fn an_interrupted_run_reports_what_it_has_and_says_so() {
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
fn a_second_signal_waits_for_nothing() {
    let how = Lost::Renumbered;
    let server = CheatingServer::start(Cheat::Lose { every: 1, how });
    // Nothing arrives, so the first signal would wait for an hour.
    let child = start(&server, &["--drain", "1h"]);
    server.wait_for_messages(5);
    interrupt(&child);
    // The first signal ends the load, and with it its connections.
    server.wait_for_the_publishers_to_go();
    interrupt(&child);
    let called = finish(child);
    assert_eq!((called.code, called.out.as_str()), (Some(130), ""));
}
