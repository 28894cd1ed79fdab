//! Each mode, against the real server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::called::{assert_wrongs, call, delivery, report_on};

/// The report of a successful run on a private server.
#[track_caller]
fn report(args: &[&str]) -> Value {
    let mut all = vec!["--spawn", "--json", "-", "--warmup", "0s"];
    all.extend_from_slice(args);
    let called = call(&all);
    assert_eq!(called.code, Some(0), "{called:#?}");
    called.report()
}

#[test]
fn a_fan_out_delivers_every_message_to_every_subscriber() {
    let report = report(&[
        "--subscribers",
        "20",
        "--messages",
        "50",
        "--in-flight",
        "4",
    ]);
    assert_wrongs(&report, &[]);
    assert_eq!(delivery(&report, "received"), 20 * 50);
    let run = &report["runs"][0];
    assert_eq!(run["publish"]["accepted"], 50);
    assert_eq!(run["delivery"]["each"]["count"], 20 * 50);
    assert_eq!(run["delivery"]["last"]["count"], 50);
    assert!(run["server"]["memory_per_subscriber"].is_f64());
    assert!(run["server"]["threads"].as_u64().unwrap() > 0);
    assert!(run["server"]["cpu_us_per_delivery"].is_f64());
}

#[test]
fn several_threads_rooms_and_sizes_deliver_every_message() {
    let report = report(&[
        "--subscribers",
        "7",
        "--messages",
        "60",
        "--rate",
        "1k",
        "--rooms",
        "3",
        "--threads",
        "2",
        "--size",
        "64..2048",
    ]);
    assert_wrongs(&report, &[]);
    // 20 messages in each of the rooms of 3, 2 and 2 subscribers.
    assert_eq!(delivery(&report, "received"), 20 * 7);
    assert_eq!(report["runs"][0]["delivery"]["last"]["count"], 60);
}

#[test]
fn a_sweep_has_a_run_for_each_number_of_subscribers() {
    let report = report(&["--subscribers", "2,4", "--messages", "10", "--rate", "1k"]);
    let runs = report["runs"].as_array().unwrap();
    let received: Vec<_> = runs
        .iter()
        .map(|run| run["delivery"]["received"].as_u64().unwrap())
        .collect();
    assert_eq!(received, [20, 40]);
}

#[test]
fn the_memory_of_idle_subscribers_is_measured() {
    let report = report(&[
        "--mode",
        "idle",
        "--subscribers",
        "50",
        "--duration",
        "100ms",
    ]);
    let run = &report["runs"][0];
    assert!(run["delivery"].is_null() && run["publish"].is_null());
    // It may shrink: pages of the program are shared with other processes of it.
    let server = &run["server"];
    assert!(server["memory_per_subscriber"].is_f64(), "{run:#}");
    assert!(server["memory_connected"].as_u64().unwrap() > 0, "{run:#}");
    assert!(server["memory_left"].as_u64().unwrap() > 0, "{run:#}");
}

#[test]
fn a_burst_of_connections_is_timed() {
    let report = report(&["--mode", "connect", "--subscribers", "50"]);
    let connect = &report["runs"][0]["connect"];
    assert_eq!(
        (&connect["ok"], &connect["failed"]),
        (&50.into(), &0.into())
    );
    for time in ["tcp", "answered", "first_event"] {
        assert_eq!(connect[time]["count"], 50, "{time}");
    }
}

#[test]
fn cut_subscribers_resume_with_every_missed_message() {
    let report = report(&[
        "--mode",
        "resume",
        "--subscribers",
        "20",
        "--missed",
        "30",
        "--rooms",
        "2",
    ]);
    assert_wrongs(&report, &[]);
    let resume = &report["runs"][0]["resume"];
    assert_eq!(
        (&resume["whole"], &resume["missed"]),
        (&20.into(), &30.into())
    );
    assert_eq!(resume["each"]["count"], 20);
    assert_eq!(delivery(&report, "received"), 20 * 31);
}

#[test]
fn evicted_messages_are_announced_to_resuming_subscribers() {
    let report = report(&[
        "--mode",
        "resume",
        "--subscribers",
        "4",
        "--missed",
        "30",
        "--drain",
        "3s",
        "--",
        "--history",
        "10",
    ]);
    assert_wrongs(&report, &[("announced_lost", 4 * 20)]);
    assert_eq!(report["runs"][0]["resume"]["whole"], 0);
}

#[test]
fn publishing_alone_needs_no_subscribers() {
    let report = report(&[
        "--mode",
        "publish",
        "--messages",
        "500",
        "--publishers",
        "3",
    ]);
    let run = &report["runs"][0];
    assert_eq!(run["publish"]["accepted"], 500);
    assert_eq!(run["publish"]["answer"]["count"], 500);
    assert!(run["delivery"].is_null());
    assert!(run["server"]["cpu_us_per_publish"].is_f64());
}

#[test]
fn slow_and_transient_subscribers_do_not_affect_the_others() {
    let report = report(&[
        "--subscribers",
        "10",
        "--duration",
        "1500ms",
        "--rate",
        "50",
        "--slow",
        "20%:1KiB/s",
        "--churn",
        "10/s",
    ]);
    assert_wrongs(&report, &[]);
    assert_eq!(report["runs"][0]["publish"]["accepted"], 75);
    assert_eq!(delivery(&report, "received"), 8 * 75);
    let slow = &report["runs"][0]["slow"];
    assert_eq!(
        (&slow["subscribers"], &slow["lost"]),
        (&2.into(), &0.into())
    );
}

#[test]
fn unsent_messages_of_a_rate_that_is_too_high_are_reported() {
    let report = report(&[
        "--subscribers",
        "2",
        "--duration",
        "100ms",
        "--rate",
        "10m",
        "--drain",
        "200ms",
    ]);
    let publish = &report["runs"][0]["publish"];
    assert_eq!(publish["due"], 1_000_000);
    assert!(publish["sent"].as_u64().unwrap() < 1_000_000);
    let warnings = report["runs"][0]["warnings"].to_string();
    assert!(warnings.contains("were not sent"), "{warnings}");
}

/// A server that the benchmark did not start. The drop kills it.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn another_process_is_measured_by_its_id() {
    let child = Command::new(env!("CARGO_BIN_EXE_sse-chat"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut other = Other(child.unwrap());
    let mut line = String::new();
    let mut out = BufReader::new(other.0.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().rsplit("http://").next().unwrap();
    let id = other.0.id();
    let pid = id.to_string();
    let load = ["--subscribers", "3", "--messages", "20", "--rate", "1k"];
    let mut args = load.to_vec();
    args.extend(["--warmup", "0s", "--pid", &pid]);
    let (called, report) = report_on(address.parse().unwrap(), &args);
    assert_eq!(called.code, Some(0), "{called:#?}");
    assert_wrongs(&report, &[]);
    assert_eq!(delivery(&report, "received"), 20 * 3);
    let server = &report["runs"][0]["server"];
    assert_eq!(server["pids"], serde_json::json!([id]));
    assert!(server["memory_before"].as_u64().unwrap() > 0, "{server:#}");
    assert!(server["threads"].as_u64().unwrap() > 0, "{server:#}");
}
